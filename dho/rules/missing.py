"""`missing`: at a slot's deadline nothing measured since the slot's start (less `early`) is known; `consecutive: n` for softer plans.

It clears on arrival, also late; the miss stays in the record. Zone `not_reported` makes a task, yellow or red an alert.
"""

from dataclasses import dataclass
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

from dho.plan_section import Section
from dho.rules.rule import Common, Rule, Text
from dho.rules.sight import Event
from dho.rules.words import what
from dho.schedule import Slot


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Missing(Rule):
    """`item` is the schedule item watched; it fires from `consecutive` misses in a row."""

    item: str
    consecutive: int = 1

    def finding(self, event: Event) -> Text:
        """No SpO₂ by 12:00 (expected Saturday 08:00)."""
        if event.result != "fires":
            return Text("finding.reported", {"what": what(event.used[-1].measurement) if event.used else self.item})
        measurement, weekday, start, due = event.words
        args = {"what": what(measurement), "weekday": {"key": f"weekday.{weekday}"}, "start": start, "due": due}
        count = int(event.numbers["count"])
        return Text("finding.missing" if count == 1 else "finding.missing_again", args | {"count": count})


def missed(rule: Missing, key: str, slot: Slot, count: int, zone: ZoneInfo) -> Event:
    """The event of a slot whose deadline passed with nothing known."""
    start, due = slot.start.astimezone(zone), slot.deadline.astimezone(zone)
    words = (key, str(start.isoweekday()), f"{start:%H:%M}", f"{due:%H:%M}")
    name = ("slot", rule.item, slot.start.astimezone(UTC).isoformat())
    return Event("fires", "missed", rule.zone, slot.deadline, name, (), {"count": Decimal(count)}, words)


def read(section: Section, common: Common) -> Missing | None:
    """A missing rule; whether its item exists is checked against the schedule afterwards."""
    item = section.text("item", required=True)
    consecutive = section.whole("consecutive", most=60) or 1
    if item is None:
        return None
    return Missing(**common.start(f"missing:{item}"), item=item, consecutive=consecutive)
