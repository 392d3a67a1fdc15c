"""Reading the `code` and `unit` of a rule on a measurement."""

from dataclasses import dataclass
from decimal import Decimal

from dho.codes import Measurement, Unit, measurement
from dho.plan_section import Section


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurement, the code as written, and the unit as written with its conversion."""

    measurement: Measurement
    code: str
    unit: str
    conversion: Unit

    def limit(self, value: Decimal) -> Decimal:
        """A limit in the canonical unit: converted like a value."""
        return self.conversion.convert(value)

    def difference(self, value: Decimal) -> Decimal:
        """A rise, fall or margin in the canonical unit: scaled only."""
        return self.conversion.convert_difference(value)


def read_measured(section: Section, *, unit: bool = True) -> Measured | None:
    """The measurement of a rule; `unit` False where nothing in the rule has one (percent, MAD)."""
    code = section.text("code", required=True)
    written = section.text("unit", required=False)
    if unit and "unit" not in section:
        section.fault("unit", "missing_unit", "`unit` is required: a limit without a unit is a guess.")
    if code is None:
        return None
    found = measurement(code)
    if found is None:
        section.fault("code", "unknown_code", f"`{code}` is not a measurement known here.")
        return None
    if found.letters:
        section.fault("code", "bad_value", f"`{code}` has letters, not numbers; it is judged within a score.")
        return None
    if written is None:
        return None if unit else Measured(found, code, found.unit, found.units[found.unit])
    conversion = found.units.get(written)
    if conversion is None:
        section.fault("unit", "unknown_unit", f"`{written}` is not a unit of {found.name}; use one of {', '.join(found.units)}.")
        return None
    return Measured(found, code, written, conversion)
