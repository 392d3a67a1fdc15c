"""`change`: the difference to an earlier reading in the window: the previous, lowest, highest or first one.

Once it fires the reference is **latched**: the rule clears when current − latched is below the limit (by the margin). A sliding window must
not clear +2 kg with the fluid still on board. Staff re-base it (by closing, or with a new dry weight), or 14 days do. The rule of thumb of
2 kg in 3 days finds about one in five decompensations (EJHF 2013): use it beside `trend`, not instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from msgspec import Struct

from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.measured import read_measured
from dho.rules.modifiers import read_modifiers
from dho.rules.rule import Clearing, Common, ReadingRule, Text
from dho.rules.sides import Side, read_side, without_unit
from dho.rules.sight import Event, Level, Outlook, Seen, Sight
from dho.rules.words import measured_args, plain

WAYS = {"": "unit", "_percent": "percent"}
AGAINST = ("previous", "lowest", "highest", "first")
Against = Literal["previous", "lowest", "highest", "first"]


class Earlier(Struct, frozen=True, array_like=True, tag="change"):
    """The strictly earlier readings that can still become the reference, oldest first."""

    readings: tuple[Seen, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Change(ReadingRule):
    """How far (`side`) from which reading (`against`) within which time."""

    windowed: ClassVar[bool] = True
    side: Side
    within: Duration
    against: Against

    def look(self, reading: Seen, memory: Any, latch: Seen | None, outlook: Outlook) -> Sight:
        """The difference to the latched reference, or to the one in the window."""
        reference = latch or self._reference(reading, memory, outlook)
        if reference is None or reference.number is None or reading.number is None:
            return Sight(Level.UNKNOWN, (reading,), reason="no_reference")
        difference = reading.number - reference.number
        amount = self.side.toward(difference)
        if self.side.way == "percent":
            if not reference.number:
                return Sight(Level.UNKNOWN, (reading,), reason="no_reference")
            amount = amount * 100 / abs(reference.number)
        numbers = {"difference": difference, "reference": reference.number, "amount": plain(amount), "limit": self.side.limit}
        return Sight(self.side.level(amount, self.modifiers.margin), (reference, reading), numbers, (), None, reference)

    def _reference(self, reading: Seen, memory: Any, outlook: Outlook) -> Seen | None:
        if not isinstance(memory, Earlier):
            return None
        inside = [one for one in memory.readings if one.at < reading.at and not self.within.apart(one.at, reading.at, outlook.zone)]
        if not inside:
            return None
        return inside[-1] if self.against == "previous" else inside[0]

    def remember_after(self, memory: Any, readings: Sequence[Seen], outlook: Outlook) -> Earlier:
        """Drop what has left the window and what can never be the reference again."""
        kept = list(memory.readings) if isinstance(memory, Earlier) else []
        for reading in readings:
            if reading.number is None:
                continue
            kept = [one for one in kept if not self.within.apart(one.at, reading.at, outlook.zone)]
            match self.against:
                case "previous":
                    kept = [reading]
                case "lowest":
                    kept = [*(one for one in kept if one.number is not None and one.number < reading.number), reading]
                case "highest":
                    kept = [*(one for one in kept if one.number is not None and one.number > reading.number), reading]
                case "first" if kept and self.within.dates is not None and not _next_date(kept[-1], reading, outlook):
                    pass
                case "first":
                    kept.append(reading)
        return Earlier(tuple(kept))

    def finding(self, event: Event) -> Text:
        """Weight 82.1 kg, 2.3 kg more than the lowest in 3 days (79.8 kg)."""
        reading = event.used[-1]
        if "difference" not in event.numbers:
            return Text("finding.value", measured_args(reading))
        difference = event.numbers["difference"]
        args = measured_args(reading) | {
            "difference": abs(difference),
            "reference": event.numbers["reference"],
            "against": {"key": f"against.{self.against}"},
        }
        return Text("finding.change_more" if difference >= 0 else "finding.change_less", args)

    def clearing(self, event: Event) -> Clearing | None:
        """The value at which it clears (or would fire), from the reference."""
        reference = event.numbers.get("reference")
        if reference is None:
            return None
        fires = event.result == "fires" or event.reason == "awaiting_repeat"
        amount = self.side.limit - (self.modifiers.margin if fires else 0)
        length = amount if self.side.way == "unit" else amount * abs(reference) / 100
        value = plain(reference + length if self.side.rises else reference - length)
        side = ("below" if self.side.rises else "above") if fires else ("at_or_above" if self.side.rises else "at_or_below")
        return Clearing(side, value, self.unit)


def _next_date(before: Seen, reading: Seen, outlook: Outlook) -> bool:
    return before.at.astimezone(outlook.zone).date() != reading.at.astimezone(outlook.zone).date()


def read(section: Section, common: Common) -> Change | None:
    """A change rule: `rises`/`falls` in the unit or `…_percent` of the reference, `within` a window."""
    measured = read_measured(section, unit=not without_unit(section, WAYS))
    side = read_side(section, WAYS)
    within = section.duration("within", required=True)
    against = section.choice("against", AGAINST) or "previous"
    percent = side is not None and side.way == "percent"
    modifiers = read_modifiers(section, margin=measured.difference if measured and not percent else lambda value: value)
    if measured is None or side is None or within is None:
        return None
    if not percent:
        side = Side(side.name, measured.difference(side.limit), side.rises, side.way)
    name = measured.measurement.name
    return Change(
        **common.start(name, modifiers),
        measurement=name,
        code=measured.code,
        unit=measured.measurement.unit,
        side=side,
        within=within,
        against=cast(Against, against),
    )
