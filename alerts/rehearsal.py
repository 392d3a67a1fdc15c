"""What a plan would have done to a history: the facts as they arrived, with time passing, judged by the very functions that judge live.

Pure. Readings come in at `received_at`, decisions and withdrawals at the instant they were made, and between them every deadline comes
when it is due. What people would have done with the alerts is either left out, replayed, or assumed, and the assumption stands beside
the result.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Literal
from uuid import UUID

from alerts import acts, consequences, lifecycle
from alerts.acts import Act
from alerts.alert import Alert, AlertEvent
from alerts.consequences import Consequences
from alerts.judging import BEGINNING, Case, earliest_news, go_on, instant_of, replay, stand, with_news
from alerts.rehearsed import RaisedAlert, RaisedTask, Rehearsal
from alerts.store import LockedPatient, Responsible
from dho.actor import Actor
from dho.calendar import Hours
from dho.evaluation import Fact, Handled, Rebased
from dho.observation import Observation
from dho.plan import Plan
from dho.state import State

CLOSED_AFTER = timedelta(hours=24)
STAFF = Actor("person")
NOBODYS = UUID(int=0)
UNWRITTEN = ""
"""The language of texts that nobody will read."""
Presence = Literal["nobody", "as_it_was", "assumed"]


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A reading that stopped counting at this instant."""

    uplink: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """All that is known of one patient, in any order. Imported readings without a time of arrival came when they were measured."""

    patient: UUID
    observations: Sequence[Observation]
    decisions: Sequence[Handled | Rebased] = ()
    withdrawn: Sequence[Withdrawn] = ()


@dataclass(frozen=True, slots=True)
class Staffing:
    """What people do in a rehearsal: nothing; what they did; or (`assumed`) every alert is closed when `close_after` of staffed time has
    passed since it was raised, and nothing else but new references is replayed."""

    hours: Hours
    presence: Presence = "assumed"
    close_after: timedelta = CLOSED_AFTER


def rehearse(plan: Plan, history: History, until: datetime, staffing: Staffing) -> Rehearsal:
    """Run the history up to `until` under a plan that is active from `plan.active_from` (from the first arrival if that is None).

    What arrived before that is known to windows and zone and raises nothing, as at a real activation.
    """
    arrivals = [arrival for arrival in _arrivals(history, staffing.presence) if arrival.at <= until]
    start = plan.active_from or (arrivals[0].at if arrivals else until)
    course = _Course(plan, history, staffing, start)
    course.begin([arrival for arrival in arrivals if arrival.at < start])
    for arrival in arrivals:
        if arrival.at >= start:
            course.pass_time(arrival.at)
            course.take(arrival)
    course.pass_time(until)
    return course.told(until)


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What came at one instant: readings, or one decision, or a withdrawal."""

    at: datetime
    observations: tuple[Observation, ...] = ()
    decision: Handled | Rebased | None = None
    withdrawn: UUID | None = None


def _arrivals(history: History, presence: Presence) -> list[_Arrival]:
    withdrawn = {one.uplink: one.at for one in history.withdrawn}
    counted = [o for o in history.observations if o.uplink not in withdrawn or withdrawn[o.uplink] > o.received_at]
    came = {o.uplink for o in counted}
    counted.sort(key=lambda o: (o.received_at, o.measured_at, o.uplink.int, o.position))
    arrivals = [_Arrival(at, tuple(together)) for at, together in groupby(counted, key=lambda o: o.received_at)]
    arrivals += [_Arrival(one.at, withdrawn=one.uplink) for one in history.withdrawn if one.uplink in came]
    if presence != "nobody":
        arrivals += [_Arrival(d.at, decision=d) for d in history.decisions if presence == "as_it_was" or isinstance(d, Rebased)]
    return sorted(arrivals, key=lambda arrival: (arrival.at, not arrival.observations))


class _Course:
    """One patient's course under one plan: where the patient stands, what is open, and what has happened so far."""

    def __init__(self, plan: Plan, history: History, staffing: Staffing, start: datetime) -> None:
        self.plan, self.patient, self.staffing, self.start = plan, history.patient, staffing, start
        self.measured = {o.uplink: o.measured_at for o in history.observations}
        self.responsible = {self.patient: Responsible(self.patient, NOBODYS, NOBODYS, UNWRITTEN, staffing.hours)}
        self.now = start
        self.state: State | None = None
        self.judged: datetime | None = None
        self.judge_again_at: datetime | None = None
        self.known: list[Fact] = []
        self.checkpoints: list[tuple[datetime, State]] = []
        self.open: dict[tuple[UUID, str], Alert] = {}
        self.former: dict[tuple[UUID, str], Alert] = {}
        self.closing: dict[UUID, datetime] = {}
        self.open_tasks: set[tuple[str, str]] = set()
        self.zones: list[tuple[datetime, str | None]] = []
        self.raised: dict[UUID, RaisedAlert] = {}
        self.latest: dict[UUID, Alert] = {}
        self.tasks: list[RaisedTask] = []

    def begin(self, before: Iterable[_Arrival]) -> None:
        """Judge what was known when the plan became active."""
        observations: list[Observation] = []
        decisions: list[Handled | Rebased] = []
        for arrival in before:
            observations += arrival.observations
            if arrival.decision is not None:
                decisions.append(arrival.decision)
            if arrival.withdrawn is not None:
                observations = [o for o in observations if o.uplink != arrival.withdrawn]
        self._judge(self._case(observations, decisions))

    def take(self, arrival: _Arrival) -> None:
        """What came at one instant."""
        if arrival.observations:
            self._judge(self._case(list(arrival.observations)))
        elif arrival.withdrawn is not None:
            self._judge(self._case(withdrawn={arrival.withdrawn: self.measured[arrival.withdrawn]}))
        elif isinstance(arrival.decision, Handled):
            self._close(arrival.decision.family)
        elif arrival.decision is not None:
            self._judge(self._case(decisions=[arrival.decision]))

    def pass_time(self, until: datetime) -> None:
        """Every deadline up to `until`, in order: of the rules, of the alerts, and of the people assumed."""
        while (due := self._next_due()) is not None and due <= until:
            self.now = due
            if self.judge_again_at is not None and self.judge_again_at <= due:
                self._judge(self._case())
            moved: list[AlertEvent] = []
            for alert in list(self.open.values()):
                moved += lifecycle.pass_time(alert, self.staffing.hours, due)
            self._absorb(moved)
            closing = [alert for alert in self.open.values() if alert.id in self.closing and self.closing[alert.id] <= due]
            for alert in closing:
                self._close(alert.family)
        self.now = max(self.now, until)

    def _next_due(self) -> datetime | None:
        moments = [] if self.judge_again_at is None else [self.judge_again_at]
        for alert in self.open.values():
            if alert.state != "pending_confirm":
                moments += [at for at in (alert.escalate_at, alert.ack_expires_at, self.closing.get(alert.id)) if at is not None]
        return min((at for at in moments if at > self.now), default=None)

    def _case(
        self,
        observations: list[Observation] | None = None,
        decisions: list[Handled | Rebased] | None = None,
        withdrawn: dict[UUID, datetime] | None = None,
    ) -> Case:
        zone = self.zones[-1][1] if self.zones else None
        locked = LockedPatient(
            self.patient, self.plan.version.id, zone, None, None, self.judged, self.judge_again_at, None, 0, None, "real", "en"
        )
        return Case(locked, self.now, observations or [], [], decisions or [], withdrawn or {}, self.plan)

    def _close(self, family: str) -> None:
        """A person handles a family: its alert, if one is open, and all that was measured up to now."""
        alert = self.open.get((self.patient, family))
        closed = [acts.act(alert, Act("close", STAFF, outcome="true_no_action"), self.staffing.hours, self.now)] if alert else []
        self._judge(self._case(decisions=[Handled(family, self.now)]), closed)

    def _judge(self, case: Case, acted: Sequence[AlertEvent] = ()) -> None:
        if self.state is not None and go_on(case, self.plan, self.state):
            if case.day_ended is not None and case.day_ended.newest is not None:
                self.checkpoints.append((case.day_ended.newest, case.day_ended))
            self.known += with_news((), case)
        else:
            self._replay(case)
        assert case.state is not None
        self.state, self.judged = case.state, self.now
        stand(case, self.plan, case.state)
        self.judge_again_at = case.judge_again_at
        if case.verdicts or case.vanished or acted or self.open:
            self._draw(case, acted)
        if not self.zones or self.zones[-1][1] != case.zone:
            self.zones.append((self.now, case.zone))

    def _replay(self, case: Case) -> None:
        place = bisect_left(self.checkpoints, earliest_news(case), key=lambda kept: kept[0]) if self.state is not None else 0
        since, base = self.checkpoints[place - 1] if place else (BEGINNING, None)
        tail = bisect_right(self.known, since, key=instant_of)
        replay(case, self.plan, base, self.known[tail:], self.judged)
        self.known[tail:] = with_news(self.known[tail:], case)
        del self.checkpoints[place:]

    def _draw(self, case: Case, acted: Sequence[AlertEvent]) -> None:
        result = Consequences(self.responsible, dict(self.open))
        for event in acted:
            consequences.take(event, result)
        closed = {(e.alert.patient, e.alert.family): e.alert for e in acted if not e.alert.is_open}
        consequences.follow([case], self.former | closed, result)
        self.open_tasks -= {(kind, key) for _, kind, key in result.done}
        for task in result.tasks:
            if (task.kind, task.key) not in self.open_tasks:
                self.open_tasks.add((task.kind, task.key))
                self.tasks.append(RaisedTask(self.now, task.kind, task.key))
        self._absorb(result.events)

    def _absorb(self, events: Sequence[AlertEvent]) -> None:
        """What has happened to alerts."""
        for event in events:
            alert, key = event.alert, (event.alert.patient, event.alert.family)
            self.latest[alert.id] = alert
            if alert.is_open:
                self.open[key] = alert
            else:
                self.open.pop(key, None)
                self.former[key] = alert
            if event.type == "alert.raised":
                self.raised[alert.id] = RaisedAlert.of(alert)
                closes = self.staffing.hours.add_service_time(event.at, self.staffing.close_after)
                if self.staffing.presence == "assumed" and closes is not None:
                    self.closing[alert.id] = closes
            elif event.type == "alert.worsened":
                self.raised[alert.id] = self.raised[alert.id].worsened(event.at)

    def told(self, until: datetime) -> Rehearsal:
        """Everything that has happened."""
        latest: Mapping[UUID, Alert] = self.latest
        alerts = tuple(raised.at_last(latest[name]) for name, raised in self.raised.items())
        readings = sum(isinstance(fact, Observation) for fact in self.known)
        return Rehearsal(self.start, until, self.plan.timezone, readings, alerts, tuple(self.tasks), tuple(self.zones))
