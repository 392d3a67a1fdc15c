"""`threshold`: fires when the value is past a limit; clears past the limit by `clear.margin` the other way, `clear.consecutive` times.

`below` and `above` are strict, `at_or_below` and `at_or_above` include equality; a low and a high limit together mean outside the range.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dho.plan_section import Section
from dho.rules.limits import OPPOSITE, Limits, crossed, limits, read_limits
from dho.rules.measured import Measured, read_measured
from dho.rules.modifiers import read_modifiers
from dho.rules.rule import Clearing, Common, ReadingRule, Text
from dho.rules.sight import Event, Level, Outlook, Seen, Sight
from dho.rules.words import measured_args

LIMITS = ("below", "at_or_below", "above", "at_or_above")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Threshold(ReadingRule):
    """Limits in the canonical unit; `written` is the document's own limits and unit, for display."""

    limits: Limits
    written: Mapping[str, Any]

    def look(self, reading: Seen, memory: Any, latch: Seen | None, outlook: Outlook) -> Sight:
        """Past a limit, in the band beside it, or clear."""
        if reading.number is None:
            return Sight(Level.UNKNOWN, reason="not_a_number")
        level = self.limits.level(reading.number, self.modifiers.margin)
        if level is not Level.BREACH:
            return Sight(level, (reading,))
        limit = self.limits.breached(reading.number)
        assert limit is not None
        return Sight(level, (reading,), {"value": reading.number, "limit": limit.value}, (limit.name,))

    def bounds(self) -> tuple[Decimal | None, Decimal | None] | None:
        """The limits themselves; equality is looked at closely."""
        low, high = self.limits.low, self.limits.high
        return (low.value if low else None, high.value if high else None)

    def level_at(self, limit: Clearing) -> Level:
        """What a value just at that limit would be here."""
        nudge = {"above": Decimal("1e-6"), "below": Decimal("-1e-6")}.get(limit.side, Decimal(0))
        return self.limits.level(limit.value + nudge, self.modifiers.margin)

    def finding(self, event: Event) -> Text:
        """SpO₂ 84 % is below the limit 88 %."""
        reading = event.used[-1]
        limit = next((side for side in (self.limits.low, self.limits.high) if side is not None and side.name in event.words), None)
        limit = limit or self._nearest(reading)
        past = limit is not None and reading.number is not None and limit.passed(reading.number)
        args = measured_args(reading) | {"limit": limit.value if limit else None}
        return Text(f"finding.{limit.name if limit else 'value'}" if past else "finding.value", args)

    def clearing(self, event: Event) -> Clearing | None:
        """The clear limit of the side that fired, or the limit nearest to an idle reading."""
        if event.result == "fires" or event.reason == "awaiting_repeat":
            side = next((s for s in (self.limits.low, self.limits.high) if s is not None and s.name in event.words), None)
            return None if side is None else Clearing(OPPOSITE[side.name], side.inward(self.modifiers.margin).value, self.unit)
        side = self._nearest(event.used[-1]) if event.used else self.limits.low or self.limits.high
        return None if side is None else Clearing(side.name, side.value, self.unit)

    def _nearest(self, reading: Seen) -> Any:
        low, high, value = self.limits.low, self.limits.high, reading.number
        if low is None or high is None or value is None:
            return low or high
        return low if value - low.value < high.value - value else high


def read(section: Section, common: Common) -> Threshold | None:
    """A threshold rule, or None with faults: unknown code or unit, no limit, two on one side, crossed or impossible ones."""
    measured = read_measured(section)
    found = read_limits(section, LIMITS)
    modifiers = read_modifiers(section, margin=measured.difference if measured else lambda value: value)
    if measured is None or not found:
        return None
    both = limits({name: measured.limit(value) for name, value in found.items()})
    if crossed(both):
        section.fault(None, "crossed_limits", "The low limit is not below the high one: every value would be past a limit.")
    _possible(section, measured, both)
    written = {**{name: section.value[name] for name in found}, "unit": measured.unit}
    name = measured.measurement.name
    return Threshold(
        **common.start(name, modifiers), measurement=name, code=measured.code, unit=measured.measurement.unit, limits=both, written=written
    )


def _possible(section: Section, measured: Measured, both: Limits) -> None:
    """A limit no possible value reaches, or that every possible value is past, is a slip of the pen."""
    hard = measured.measurement.hard
    for limit in (both.low, both.high):
        if limit is not None and hard is not None and not hard[0] <= limit.value <= hard[1]:
            text = f"{measured.measurement.name} lies from {hard[0]} to {hard[1]} {measured.measurement.unit}; this limit does not."
            section.fault(limit.name, "impossible_limit", text)
