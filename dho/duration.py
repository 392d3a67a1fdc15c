"""ISO 8601 durations as the plan means them.

Durations in D or W count **local calendar dates** of the centre's zone, so that clock changes need no special case; durations in H, M, S
are elapsed time. The two are never mixed in one duration, and years and months have no fixed length: both are refused.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

_DATES = re.compile(r"P(?:(?P<weeks>[0-9]{1,4})W)?(?:(?P<days>[0-9]{1,5})D)?")
_ELAPSED = re.compile(r"PT(?:(?P<h>[0-9]{1,6})H)?(?:(?P<m>[0-9]{1,7})M)?(?:(?P<s>[0-9]{1,9}(?:\.[0-9]{1,6})?)S)?")


@dataclass(frozen=True, slots=True)
class Duration:
    """`dates` is the number of local dates, or None for elapsed time; `elapsed` is the length with a date as 24 hours."""

    text: str
    dates: int | None
    elapsed: timedelta

    def apart(self, earlier: datetime, later: datetime, zone: ZoneInfo) -> bool:
        """True if the two instants lie strictly further apart than this (date difference > N, or elapsed time)."""
        if self.dates is None:
            return later - earlier > self.elapsed
        return local_date(later, zone) - local_date(earlier, zone) > self.dates

    def reached(self, earlier: datetime, later: datetime, zone: ZoneInfo) -> bool:
        """True if the two instants lie at least this far apart."""
        if self.dates is None:
            return later - earlier >= self.elapsed
        return local_date(later, zone) - local_date(earlier, zone) >= self.dates

    def counts(self, earlier: datetime, later: datetime, zone: ZoneInfo) -> bool:
        """True if `earlier` is in the window that ends with `later`: the N dates ending with the judged one, or elapsed, both bounds."""
        if self.dates is None:
            return later - earlier <= self.elapsed
        return local_date(later, zone) - local_date(earlier, zone) < self.dates


def local_date(instant: datetime, zone: ZoneInfo) -> int:
    """The local calendar date of an instant, as a day number (proleptic ordinal)."""
    return instant.astimezone(zone).toordinal()


def duration(text: str) -> Duration | None:
    """A duration from its text ("P3D", "P2W", "PT10M"), or None if it is not one the plan can mean."""
    if (found := _ELAPSED.fullmatch(text)) and any(found.groups()):
        parts = {name: Decimal(value or 0) for name, value in found.groupdict().items()}
        seconds = parts["h"] * 3600 + parts["m"] * 60 + parts["s"]
        return Duration(text, None, timedelta(microseconds=int(seconds * 1_000_000)))
    if (found := _DATES.fullmatch(text)) and any(found.groups()):
        dates = int(found["weeks"] or 0) * 7 + int(found["days"] or 0)
        return Duration(text, dates, timedelta(days=dates))
    return None
