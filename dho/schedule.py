"""When something is expected from the patient: slots in the centre's local time, both clock-change nights included.

A slot opens at its start less `early`, and its deadline is start + `window` + `grace`, all elapsed time. A local time that does not exist
moves forward by the gap, one that exists twice is the first. There are no slots before activation, and none whose time from start to
deadline touches a pause, holiday or admission.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

_BLOCK = 32  # local dates whose slots are worked out at once
_REACH = 14  # blocks looked through before we say there is no slot


class Pause(NamedTuple):
    """A time in which nothing is expected; `end` None is until further notice. The end is not part of it."""

    start: datetime
    end: datetime | None


class Slot(NamedTuple):
    """One expected reading, in UTC."""

    opens: datetime
    start: datetime
    deadline: datetime


class _Block(NamedTuple):
    opens: tuple[datetime, ...]
    deadlines: tuple[datetime, ...]
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Days:
    """Which local dates: weekdays (Monday 0), or every n-th date counted from `first` (a day number)."""

    weekdays: frozenset[int] = frozenset(range(7))
    every: int | None = None
    first: int = 0

    def __contains__(self, day: int) -> bool:
        if self.every is not None:
            return day >= self.first and (day - self.first) % self.every == 0
        return (day + 6) % 7 in self.weekdays


@dataclass(frozen=True)
class Recurrence:
    """All slots of one item, without activation and pauses. Equal recurrences are one object, so that plans share their slots."""

    times: tuple[time, ...]
    days: Days
    early: timedelta
    window: timedelta
    grace: timedelta
    zone: ZoneInfo
    _blocks: dict[int, _Block] = field(default_factory=dict, compare=False, repr=False)

    def block(self, number: int) -> _Block:
        """The slots of 32 local dates in order."""
        found = self._blocks.get(number)
        if found is None:
            slots = tuple(sorted(set(self._slots(number))))
            found = _Block(tuple(s.opens for s in slots), tuple(s.deadline for s in slots), slots)
            if len(self._blocks) > 64:
                self._blocks.clear()
            self._blocks[number] = found
        return found

    def _slots(self, number: int) -> Iterator[Slot]:
        for day in range(max(1, number * _BLOCK), (number + 1) * _BLOCK):
            if day not in self.days:
                continue
            for at in self.times:
                start = datetime.combine(date.fromordinal(day), at, tzinfo=self.zone).astimezone(UTC)
                yield Slot(start - self.early, start, start + self.window + self.grace)


@lru_cache(maxsize=4096)
def recurrence(times: tuple[time, ...], days: Days, early: timedelta, window: timedelta, grace: timedelta, zone: ZoneInfo) -> Recurrence:
    """The one shared object for these slots."""
    return Recurrence(times, days, early, window, grace, zone)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the schedule. `key` is the measurement, `answer:<questionnaire>` or `task:<id>`: what reports it."""

    id: str
    key: str
    required: bool
    recurrence: Recurrence
    active_from: datetime | None
    pauses: tuple[Pause, ...]
    document: Any = None

    @property
    def span(self) -> timedelta:
        """From a slot's opening to its deadline: between two readings no further apart than this no slot can have been missed."""
        return self.recurrence.early + self.recurrence.window + self.recurrence.grace

    def _expected(self, slot: Slot) -> bool:
        if self.active_from is not None and slot.start < self.active_from:
            return False
        return not any((pause.end is None or slot.start < pause.end) and slot.deadline > pause.start for pause in self.pauses)

    def newest_due(self, now: datetime) -> Slot | None:
        """The newest slot whose deadline has passed at `now`, or None if there is none (about a year is looked back)."""
        newest = (now.toordinal() + 2) // _BLOCK
        for number in range(newest, newest - _REACH, -1):
            block = self.recurrence.block(number)
            for place in range(bisect_right(block.deadlines, now) - 1, -1, -1):
                slot = block.slots[place]
                if self.active_from is not None and slot.start < self.active_from:
                    return None
                if self._expected(slot):
                    return slot
        return None

    def next_open(self, reported: datetime | None, now: datetime) -> Slot | None:
        """The first slot that `reported` (newest valid measured time) does not serve and whose deadline comes after `now`."""
        begin = now - self.recurrence.window - self.recurrence.grace
        if reported is not None:
            begin = max(begin, reported + self.recurrence.early)
        number = (begin.toordinal() - 2) // _BLOCK
        for block in (self.recurrence.block(ahead) for ahead in range(number, number + _REACH)):
            place = bisect_right(block.deadlines, now)
            if reported is not None:
                place = max(place, bisect_right(block.opens, reported))
            for ahead in range(place, len(block.slots)):
                if self._expected(block.slots[ahead]):
                    return block.slots[ahead]
        return None

    def missed(self, reported: datetime | None, after: datetime, until: datetime) -> Iterator[Slot]:
        """Slots with `after` < deadline <= `until` that `reported` does not serve, in order."""
        moment = after
        while (slot := self.next_open(reported, moment)) is not None and slot.deadline <= until:
            yield slot
            moment = slot.deadline
