"""Limits: strict and inclusive, low and high, in the canonical unit, with the clear band beside them."""

from dataclasses import dataclass
from decimal import Decimal

from dho.plan_section import Section
from dho.rules.sight import Level

LOW = {"below": False, "at_or_below": True, "at_most": True}
HIGH = {"above": False, "at_or_above": True, "at_least": True}
OPPOSITE = {
    "below": "at_or_above",
    "at_or_below": "above",
    "at_most": "above",
    "above": "at_or_below",
    "at_or_above": "below",
    "at_least": "below",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """One side. `name` is the word of the document, `value` the limit in the canonical unit, `inclusive` whether equality is past it."""

    name: str
    value: Decimal
    inclusive: bool
    low: bool

    def passed(self, value: Decimal) -> bool:
        """True if the value is past the limit."""
        if self.low:
            return value < self.value or (self.inclusive and value == self.value)
        return value > self.value or (self.inclusive and value == self.value)

    def inward(self, margin: Decimal) -> "Limit":
        """The limit that must no longer be passed for the rule to clear: shifted by the margin the other way."""
        return Limit(self.name, self.value + margin if self.low else self.value - margin, self.inclusive, self.low)


@dataclass(frozen=True, slots=True)
class Limits:
    """A low and a high limit, at least one of them; both together mean outside the range."""

    low: Limit | None
    high: Limit | None

    def level(self, value: Decimal, margin: Decimal) -> Level:
        """Past a limit, in the band that holds the state, or clear of both."""
        if self.breached(value) is not None:
            return Level.BREACH
        if margin and any(side is not None and side.inward(margin).passed(value) for side in (self.low, self.high)):
            return Level.BAND
        return Level.CLEAR

    def breached(self, value: Decimal) -> Limit | None:
        """The side that the value is past, or None."""
        if self.low is not None and self.low.passed(value):
            return self.low
        if self.high is not None and self.high.passed(value):
            return self.high
        return None


def read_limits(section: Section, allowed: tuple[str, ...], *, required: bool = True) -> dict[str, Decimal]:
    """The limits of a rule as written. Two on one side, none at all, or crossed ones are faults."""
    found = {name: value for name in allowed if (value := section.number(name)) is not None}
    if not any(name in section for name in allowed) and required:
        section.fault(None, "missing_limit", f"A limit is needed: {', '.join(allowed)}.")
    for side in (LOW, HIGH):
        names = [name for name in allowed if name in section and name in side]
        if len(names) > 1:
            section.fault(names[1], "two_limits", f"`{names[0]}` and `{names[1]}` are both limits on one side; keep one.")
            for name in names[1:]:
                found.pop(name, None)
    return found


def limits(found: dict[str, Decimal]) -> Limits:
    """The limits from canonical values by name."""
    low = next((Limit(name, value, LOW[name], True) for name, value in found.items() if name in LOW), None)
    high = next((Limit(name, value, HIGH[name], False) for name, value in found.items() if name in HIGH), None)
    return Limits(low, high)


def crossed(limits: Limits) -> bool:
    """True if the low limit is not below the high one, so that every value would be past one of them."""
    return limits.low is not None and limits.high is not None and limits.low.value >= limits.high.value
