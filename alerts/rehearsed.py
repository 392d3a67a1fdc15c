"""What came of a rehearsal: the alerts that a plan would have raised, the tasks, and the zone as it went. Values only."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo
from typing import Self

from alerts.alert import Alert


@dataclass(frozen=True, slots=True)
class RaisedAlert:
    """One alert as it was raised, and how it ended. `rule` led; `measured_at` is the judged reading's time, or the missed deadline.

    `worst` is the worst zone it reached, at `worst_at`. `supported` is False where later data took its basis away. `ended_at` is None if
    it is still open; `ended` says how: closed, auto_cleared.
    """

    raised_at: datetime
    measured_at: str
    rule: str
    zone: str
    family: str
    late: bool
    worst: str
    worst_at: datetime
    supported: bool = True
    breaches: int = 1
    ended_at: datetime | None = None
    ended: str | None = None

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """From the alert in its first open version, whose first reason led."""
        lead = alert.because[0]
        return cls(alert.raised_at, lead["judged_at"], lead["rule"], alert.zone, alert.family, alert.late, alert.zone, alert.raised_at)

    def worsened(self, at: datetime) -> "RaisedAlert":
        """It rose to red, and called again."""
        return replace(self, worst="red", worst_at=at)

    def at_last(self, alert: Alert) -> "RaisedAlert":
        """With what became of it."""
        ended = alert.state if alert.closed_at else None
        return replace(self, late=alert.late, supported=alert.supported, breaches=alert.breaches, ended_at=alert.closed_at, ended=ended)


@dataclass(frozen=True, slots=True)
class RaisedTask:
    """Work that is no alert: not reported, an old red value."""

    at: datetime
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class WeekOfRule:
    """How many alerts one rule raised in one zone in the week from `monday` (local date of the plan's centre)."""

    monday: date
    rule: str
    zone: str
    alerts: int
    unsupported: int


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a plan would have done between `start` and `until`. `zones` are the changes: (from when, zone), None where
    the plan was past its review date."""

    start: datetime
    until: datetime
    timezone: tzinfo
    readings: int
    alerts: tuple[RaisedAlert, ...]
    tasks: tuple[RaisedTask, ...]
    zones: tuple[tuple[datetime, str | None], ...]

    @property
    def days(self) -> float:
        """How long it lasted, in days."""
        return (self.until - self.start) / timedelta(days=1)

    def weeks(self) -> list[WeekOfRule]:
        """Alerts per week by rule and zone; weeks without alerts are left out. Unsupported ones are counted in both numbers."""
        counts: Counter[tuple[date, str, str]] = Counter()
        unsupported: Counter[tuple[date, str, str]] = Counter()
        for alert in self.alerts:
            key = (self.monday(alert.raised_at), alert.rule, alert.zone)
            counts[key] += 1
            unsupported[key] += not alert.supported
        return [WeekOfRule(*key, count, unsupported[key]) for key, count in sorted(counts.items())]

    def monday(self, at: datetime) -> date:
        """The Monday of the local week."""
        day = at.astimezone(self.timezone).date()
        return day - timedelta(days=day.weekday())

    def time_in(self, zone: str) -> timedelta:
        """How long the patient stood in a zone."""
        ends = [at for at, _ in self.zones[1:]] + [self.until]
        return sum((end - at for (at, name), end in zip(self.zones, ends, strict=True) if name == zone), timedelta())
