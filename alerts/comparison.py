"""What a plan would have done, beside what the active one would: alerts new and missed, the nurse's day, the events caught. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.clinical_events import ClinicalEvent
from alerts.rehearsal import Staffing
from alerts.rehearsed import RaisedAlert, Rehearsal
from dho.rules.rule import Text

PATIENTS_PER_NURSE = 80
"""A full-time nurse follows up about 80 patients (Ullensaker's estimate)."""
MINUTES_PER_ALERT = 11
"""A handled alert takes 8 to 14 minutes, call and note together."""
WORKING_DAY = timedelta(hours=7.5)
BUDGET = (0.20, 0.35)
"""Alerts a patient and day that half of a nurse's day can bear, at 14 and at 8 minutes each."""
FORESEEN_WITHIN = timedelta(days=7)
"""An alert counts as a warning of an event if it was raised in the week before it."""
FEWEST_EVENTS = 3
"""With fewer events than this, what was caught says nothing of the plan."""
SAME_CONCERN = timedelta(days=1)
"""Alerts of one family that were open together, or whose openings are a day apart at most, are about the same."""


@dataclass(frozen=True, slots=True)
class Load:
    """What the alerts cost: per patient and day, in minutes a week, and as a share of one nurse's day if all 80 patients were like this."""

    alerts_per_day: float
    minutes_per_week: float
    share_of_day: float

    @property
    def budget(self) -> str:
        """`within` the alert budget, at its `edge`, or `above` it."""
        lowest, highest = BUDGET
        return "within" if self.alerts_per_day <= lowest else "edge" if self.alerts_per_day <= highest else "above"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """One event, and the first alert that warned of it; `early` is how long before."""

    event: ClinicalEvent
    by: RaisedAlert | None

    @property
    def early(self) -> timedelta | None:
        """None if nothing warned."""
        return self.event.at - self.by.raised_at if self.by else None


@dataclass(frozen=True, slots=True)
class Side:
    """One plan version and what it would have done."""

    number: int
    rehearsal: Rehearsal
    load: Load
    foreseen: tuple[Foreseen, ...]

    @property
    def caught(self) -> tuple[Foreseen, ...]:
        """The events of which something warned."""
        return tuple(one for one in self.foreseen if one.by is not None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`new`: alerts that the active version would not have raised; `missed`: those that only it would have; `milder`: (draft, active)
    where red became yellow. Without an active version these are empty."""

    staffing: Staffing
    draft: Side
    active: Side | None
    new: tuple[RaisedAlert, ...]
    missed: tuple[RaisedAlert, ...]
    milder: tuple[tuple[RaisedAlert, RaisedAlert], ...]

    @property
    def lost(self) -> tuple[Foreseen, ...]:
        """Events that the active version warned of and the draft does not, as the active version foresaw them. To be said first."""
        if self.active is None:
            return ()
        caught = {one.event.id for one in self.draft.caught}
        return tuple(one for one in self.active.caught if one.event.id not in caught)


def side(number: int, rehearsal: Rehearsal, events: Sequence[ClinicalEvent]) -> Side:
    """A rehearsal with its cost and the events within its time."""
    within = sorted((e for e in events if rehearsal.start <= e.at <= rehearsal.until), key=lambda event: (event.at, event.id))
    return Side(number, rehearsal, load_of(rehearsal), tuple(Foreseen(event, _warning(rehearsal.alerts, event.at)) for event in within))


def compare(staffing: Staffing, draft: Side, active: Side | None) -> Comparison:
    """The draft against the active version over the same history, under the same assumption."""
    if active is None:
        return Comparison(staffing, draft, None, (), (), ())
    ours, theirs, until = draft.rehearsal.alerts, active.rehearsal.alerts, draft.rehearsal.until
    new = tuple(alert for alert in ours if not _counterparts(alert, theirs, until))
    missed = tuple(alert for alert in theirs if not _counterparts(alert, ours, until))
    milder = []
    for alert in theirs:
        same = _counterparts(alert, ours, until)
        if alert.worst == "red" and same and all(other.worst != "red" for other in same):
            milder.append((same[0], alert))
    return Comparison(staffing, draft, active, new, missed, tuple(milder))


def load_of(rehearsal: Rehearsal) -> Load:
    """Every alert raised is one to handle, those that cleared themselves too, because somebody has looked."""
    per_day = len(rehearsal.alerts) / rehearsal.days if rehearsal.days else 0.0
    share = per_day * PATIENTS_PER_NURSE * timedelta(minutes=MINUTES_PER_ALERT) / WORKING_DAY
    return Load(per_day, per_day * 7 * MINUTES_PER_ALERT, share)


def _counterparts(alert: RaisedAlert, others: Sequence[RaisedAlert], until: datetime) -> list[RaisedAlert]:
    """The other plan's alerts about the same."""
    ended = alert.ended_at or until
    return [
        other
        for other in others
        if other.family == alert.family
        and other.raised_at <= ended + SAME_CONCERN
        and alert.raised_at <= (other.ended_at or until) + SAME_CONCERN
    ]


def _warning(alerts: Sequence[RaisedAlert], at: datetime) -> RaisedAlert | None:
    """The first alert that warned of what happened `at`; one that later data does not support is no warning."""
    before = [alert for alert in alerts if at - FORESEEN_WITHIN <= alert.raised_at <= at and alert.supported]
    return min(before, key=lambda alert: alert.raised_at, default=None)


def warnings(comparison: Comparison) -> list[Text]:
    """What must be said before anything else: each event that would no longer be caught."""
    told = []
    for lost in comparison.lost:
        zone = comparison.draft.rehearsal.timezone
        args = {"event": {"key": f"clinical_event.{lost.event.kind}"}, "date": f"{lost.event.at.astimezone(zone):%d.%m.%Y}"}
        told.append(Text("backtest.lost", args | {"days": _days(lost.early)}))
    return told


def verdict(comparison: Comparison) -> list[Text]:
    """How many alerts instead of how many, and what was caught how early; the latter is withheld below three events."""
    draft, active = comparison.draft, comparison.active
    told = []
    if active is None:
        told.append(Text("backtest.alerts_alone", {"alerts": len(draft.rehearsal.alerts)}))
    else:
        told.append(Text("backtest.alerts", {"alerts": len(draft.rehearsal.alerts), "active": len(active.rehearsal.alerts)}))
    events, caught = len(draft.foreseen), len(draft.caught)
    if events < FEWEST_EVENTS:
        told.append(Text("backtest.withheld", {"events": events, "fewest": FEWEST_EVENTS}))
    elif not caught:
        told.append(Text("backtest.caught_none", {"events": events}))
    else:
        earliest = max(one.early for one in draft.caught if one.early is not None)
        told.append(Text("backtest.caught", {"caught": caught, "events": events, "days": _days(earliest)}))
    return told


def assumption(staffing: Staffing) -> Text:
    """What was assumed of the people, in a sentence."""
    if staffing.presence == "assumed":
        return Text("backtest.assumed", {"hours": f"{staffing.close_after / timedelta(hours=1):g}"})
    return Text("backtest.as_it_was", {}) if staffing.presence == "as_it_was" else Text("backtest.nobody", {})


def _days(early: timedelta | None) -> str:
    return f"{(early or timedelta()) / timedelta(days=1):.1f}".removesuffix(".0")
