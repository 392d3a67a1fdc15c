"""Rises and falls: which way a change, a drift or a deviation is judged, and how far is too far."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from dho.plan_section import Section
from dho.rules.sight import Level


@dataclass(frozen=True, slots=True)
class Side:
    """`name` is the document's word, `limit` its size (positive), `rises` the direction, `way` what it is measured in."""

    name: str
    limit: Decimal
    rises: bool
    way: str

    def level(self, amount: Decimal, margin: Decimal) -> Level:
        """`amount` is how far in this direction; equality is past the limit."""
        if amount >= self.limit:
            return Level.BREACH
        return Level.BAND if amount >= self.limit - margin else Level.CLEAR

    def toward(self, difference: Decimal) -> Decimal:
        """A signed difference as how far it goes in this direction."""
        return difference if self.rises else -difference


def read_side(section: Section, ways: Mapping[str, str]) -> Side | None:
    """Exactly one of `rises…` and `falls…`; `ways` gives for each suffix ("", "_percent", "_mad") what it is measured in."""
    found: list[Side] = []
    given = 0
    for word in ("rises", "falls"):
        for suffix, way in ways.items():
            name = word + suffix
            given += name in section
            value = section.number(name, above=0)
            if value is not None:
                found.append(Side(name, value, word == "rises", way))
    names = ", ".join(f"{word}{suffix}" for word in ("rises", "falls") for suffix in ways)
    if not given:
        section.fault(None, "missing_limit", f"Exactly one of {names} is needed.")
    elif given > 1:
        section.fault(None, "two_limits", f"Only one of {names} may stand in one rule.")
        return None
    return found[0] if found else None


def without_unit(section: Section, ways: Mapping[str, str]) -> bool:
    """True if what stands in the rule needs no unit (percent, MAD)."""
    return any(word + suffix in section for word in ("rises", "falls") for suffix, way in ways.items() if way != "unit")
