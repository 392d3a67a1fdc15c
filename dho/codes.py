"""What can be measured: one table, one canonical unit each.

A *measurement* is what the plan, the windows and the rules speak of (`spo2`); a *code* is how a device named it (59408-5, 2708-6).
The code that came is kept and shown; everything else works on the measurement. Units are UCUM, case-sensitive, and always required.

Ranges and codes are from `domain.md` section 4.1. *Hard* is inclusive and judged in the canonical unit after conversion: outside it a
value is impossible and refused alone. *Ask* is where a value is surprising, so that the patient is asked to repeat; it never delays a
verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

D = Decimal
ONE, ZERO = D(1), D(0)


@dataclass(frozen=True, slots=True)
class Unit:
    """How a unit becomes the canonical one: `(value - zero) * factor / divisor`, rounded half up to `step`; `step` None is exact and
    unrounded. Divisor and factor are apart because 1/18.016 has no end, and a value that lies exactly between two steps must go up."""

    factor: Decimal = ONE
    zero: Decimal = ZERO
    step: Decimal | None = None
    divisor: Decimal = ONE

    def convert(self, value: Decimal) -> Decimal:
        """A value or limit in this unit, in the canonical unit."""
        if self.step is None:
            return value
        return ((value - self.zero) * self.factor / self.divisor).quantize(self.step, ROUND_HALF_UP)

    def convert_difference(self, value: Decimal) -> Decimal:
        """A difference (rise, fall, margin) in this unit: scaled only, never shifted or rounded."""
        return value if self.step is None else value * self.factor / self.divisor


NATIVE = Unit()


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the table. `hard`, `ask` are (low, high) in the canonical unit; `ask_change` is against the previous valid reading."""

    name: str
    codes: tuple[str, ...]
    unit: str
    units: Mapping[str, Unit]
    hard: tuple[Decimal, Decimal] | None
    ask: tuple[Decimal, Decimal] | None = None
    ask_change: Decimal | None = None
    decimals: int = 0
    letters: tuple[str, ...] = ()


def _row(
    name: str,
    codes: str,
    unit: str,
    hard: tuple[str, str] | None,
    *,
    ask: tuple[str, str] | None = None,
    ask_change: str | None = None,
    decimals: int = 0,
    letters: tuple[str, ...] = (),
    **others: Unit,
) -> Measurement:
    names = {"kPa": "kPa", "lb": "[lb_av]", "g": "g", "degF": "[degF]", "mg_dl": "mg/dL", "l_s": "L/s", "m": "m", "inch": "[in_i]"}
    units = {unit: NATIVE, **{names[key]: value for key, value in others.items()}}
    return Measurement(
        name,
        tuple(codes.split()),
        unit,
        units,
        (D(hard[0]), D(hard[1])) if hard else None,
        (D(ask[0]), D(ask[1])) if ask else None,
        D(ask_change) if ask_change else None,
        decimals,
        letters,
    )


_KPA = Unit(D("7.50062"), step=D(1))
_FAHRENHEIT = Unit(D(5), zero=D(32), step=D("0.1"), divisor=D(9))
_POUND = Unit(D("0.45359237"), step=D("0.01"))
_GRAM = Unit(D("0.001"), step=D("0.01"))
_MG_DL = Unit(step=D("0.1"), divisor=D("18.016"))

MEASUREMENTS: tuple[Measurement, ...] = (
    _row("spo2", "59408-5 2708-6", "%", ("50", "100"), ask=("85", "100"), ask_change="8"),
    _row("pulse", "8867-4 8889-8", "/min", ("20", "250"), ask=("40", "130")),
    _row("systolic", "8480-6", "mm[Hg]", ("50", "280"), ask=("80", "200"), kPa=_KPA),
    _row("diastolic", "8462-4", "mm[Hg]", ("25", "180"), ask=("40", "120"), kPa=_KPA),
    _row("mean_pressure", "8478-0", "mm[Hg]", ("30", "220"), kPa=_KPA),
    _row("weight", "29463-7", "kg", ("20", "350"), ask_change="5", decimals=1, lb=_POUND, g=_GRAM),
    _row("temperature", "8310-5", "Cel", ("30", "45"), ask=("35", "40"), decimals=1, degF=_FAHRENHEIT),
    _row("glucose", "15074-8 14743-9 2339-0", "mmol/L", ("0.6", "40"), ask=("3", "25"), decimals=1, mg_dl=_MG_DL),
    _row("pef", "19935-6", "L/min", ("50", "900"), l_s=Unit(D(60), step=D(1))),
    _row("fev1", "20150-9", "L", ("0.2", "7"), decimals=2),
    _row("respiratory_rate", "9279-1", "/min", ("4", "70"), ask=("8", "30")),
    _row("steps", "41950-7 55423-8", "{steps}", ("0", "100000")),
    _row("inr", "34714-6 6301-6", "{INR}", ("0.5", "10"), ask=("0.5", "5"), decimals=1),
    _row("crp", "48421-2 1988-5", "mg/L", ("0", "500")),
    _row("sleep", "93832-4", "h", ("0", "24"), decimals=1),
    _row("pain", "72514-3", "{score}", ("0", "10")),
    _row("height", "8302-2", "cm", ("100", "230"), m=Unit(D(100), step=D(1)), inch=Unit(D("2.54"), step=D(1))),
    _row("bmi", "39156-5", "kg/m2", ("10", "80"), decimals=1),
    _row("consciousness", "", "{code}", None, letters=("A", "C", "V", "P", "U")),
)

BY_NAME: Mapping[str, Measurement] = {m.name: m for m in MEASUREMENTS}
BY_CODE: Mapping[str, Measurement] = {**BY_NAME, **{code: m for m in MEASUREMENTS for code in m.codes}}


def measurement(code: str) -> Measurement | None:
    """The measurement that a LOINC code or short name means, or None if it is not in the table."""
    return BY_CODE.get(code)
