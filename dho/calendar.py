"""When a centre is staffed: its opening hours in its own time zone, with Norwegian public holidays.

All functions take `now` and are pure. Local times that a clock change skips move forward; those it repeats are the first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON_DAYS = 21


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours of one centre. `weekly` maps mon…sun to ((opens, closes), …); public holidays are closed."""

    zone: ZoneInfo
    always_open: bool
    weekly: Mapping[str, tuple[tuple[time, time], ...]]

    @classmethod
    def read(cls, timezone: str, always_open: bool, opening_hours: Mapping[str, Any]) -> "Hours":
        """From the columns of a centre."""
        weekly = {
            day: tuple((time.fromisoformat(opens), time.fromisoformat(closes)) for opens, closes in opening_hours.get(day, ()))
            for day in WEEKDAYS
        }
        return cls(ZoneInfo(timezone), always_open, weekly)

    def is_open(self, now: datetime) -> bool:
        """Whether somebody is on duty at `now`."""
        return self.always_open or any(opens <= now < closes for opens, closes in self._periods(now))

    def next_open(self, now: datetime) -> datetime | None:
        """The instant from which somebody is on duty next: `now` itself if open, None if nothing within three weeks."""
        if self.always_open:
            return now
        for opens, closes in self._periods(now):
            if now < closes:
                return max(opens, now)
        return None

    def closes(self, now: datetime) -> datetime | None:
        """When the present opening period ends; None if closed now or always open."""
        return next((closes for opens, closes in self._periods(now) if opens <= now < closes), None) if not self.always_open else None

    def add_service_time(self, start: datetime, duration: timedelta) -> datetime | None:
        """The instant at which `duration` of staffed time has passed since `start`; None if that is beyond three weeks."""
        if self.always_open:
            return start + duration
        left = duration
        for opens, closes in self._periods(start):
            begins = max(opens, start)
            if begins >= closes:
                continue
            if closes - begins >= left:
                return begins + left
            left -= closes - begins
        return None

    def _periods(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Opening periods that end after `now`'s local date began, in order, as UTC instants."""
        first = now.astimezone(self.zone).date()
        for offset in range(HORIZON_DAYS):
            day = first + timedelta(days=offset)
            if day in _norwegian_holidays(day.year):
                continue
            for opens, closes in self.weekly[WEEKDAYS[day.weekday()]]:
                yield local_instant(day, opens, self.zone), local_instant(day, closes, self.zone)


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A local date and time as UTC. A time that does not exist moves forward by the gap; one that exists twice is the first."""
    return datetime.combine(day, at, zone).astimezone(UTC)


@cache
def _norwegian_holidays(year: int) -> frozenset[date]:
    """Public holidays, Sundays not counted as such."""
    return frozenset(holidays.country_holidays("NO", years=year).keys())
