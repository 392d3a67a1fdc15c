"""`count`: the raw predicate of a threshold, answer, change or score rule (before its modifiers) was true n times in the window.

It clears when the count falls below, judged at the next reading. D and W are the N local dates ending with the judged one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.rule import Child, Common, DerivedRule, Text
from dho.rules.sight import Event, Level, Outlook, Seen, Sight


class Hits(Struct, frozen=True, array_like=True, tag="hits"):
    """The newest readings at which the counted predicate was true; never more than the rule needs."""

    hits: tuple[Seen, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Count(DerivedRule):
    """`at_least` hits within the window."""

    at_least: int
    within: Duration

    def consider(self, children: Sequence[Child], hits: tuple[Seen, ...], at: datetime, outlook: Outlook) -> Sight:
        """Past the number, or clear; not evaluable before the counted rule has been judged at all."""
        inside = tuple(hit for hit in hits if self.within.counts(hit.at, at, outlook.zone))
        numbers = {"count": Decimal(len(inside)), "at_least": Decimal(self.at_least)}
        if len(inside) >= self.at_least:
            return Sight(Level.BREACH, inside, numbers)
        if not inside and all(child.newest is None for child in children):
            return Sight(Level.UNKNOWN, reason="no_reading")
        return Sight(Level.CLEAR, inside, numbers)

    def hits(self, memory: Any) -> tuple[Seen, ...]:
        """The readings at which the raw predicate was true, oldest first."""
        return memory.hits if isinstance(memory, Hits) else ()

    def expired(self, hits: tuple[Seen, ...], at: datetime, zone: ZoneInfo) -> bool:
        """True once the newest hit has left the window."""
        return not hits or not self.within.counts(hits[-1].at, at, zone)

    def finding(self, event: Event) -> Text:
        """3 times in P7D."""
        dates = self.within.dates
        length = (
            {"key": "span.dates", "args": {"n": dates}} if dates is not None else {"key": "span.hours", "args": {"n": _hours(self.within)}}
        )
        count = int(event.numbers.get("count", Decimal(0)))
        return Text("finding.count", {"count": count, "at_least": self.at_least, "span": length, "of": self.title or self.of[0]})


def _hours(within: Duration) -> Decimal:
    hours = Decimal(int(within.elapsed.total_seconds())) / 3600
    return hours.quantize(Decimal("0.1")).normalize()


def read(section: Section, common: Common) -> Count | None:
    """A count; whether the rule it counts exists and can be counted is checked across rules."""
    of, at_least = section.text("of", required=True), section.whole("at_least", required=True)
    within = section.duration("within", required=True)
    if of is None or at_least is None or within is None:
        return None
    return Count(**common.start(of), of=(of,), at_least=at_least, within=within)
