"""From verdicts to the journal: what a judged batch does to alerts, tasks and the feed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from alerts import store
from alerts.alert import RANK, Alert, AlertEvent, sentence
from alerts.judging import Case
from alerts.lifecycle import NotReported, OldRedValue, ReportedAgain, Setting, decide, ease, name_of, withdraw
from alerts.store import FeedEvent, Responsible, Task
from alerts.validity import PLAN_WITHIN, is_valid
from dho.db import Tx
from dho.plan import Plan
from dho.standing import zone_of_rule
from dho.state import State
from dho.verdict import Verdict, explanation

CONTACT_WITHIN = timedelta(hours=7)


@dataclass(slots=True)
class Consequences:
    """What a batch of judged patients leads to, and who is responsible for each of them."""

    responsible: dict[UUID, Responsible]
    open: dict[tuple[UUID, str], Alert]
    events: list[AlertEvent] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    done: list[tuple[UUID, str, str]] = field(default_factory=list)
    frames: list[FeedEvent] = field(default_factory=list)
    families: dict[UUID, dict[str, None]] = field(init=False)

    def __post_init__(self) -> None:
        self.families = {}
        for patient, family in self.open:
            self.families.setdefault(patient, {})[family] = None

    def open_of(self, patient: UUID) -> list[Alert]:
        """The open alerts of one patient."""
        return [self.open[patient, family] for family in self.families.get(patient, ()) if (patient, family) in self.open]

    def has_open_alert(self, patient: UUID) -> bool:
        """Whether an alert of this patient is open after the batch."""
        return any(alert.is_open and alert.state != "pending_confirm" for alert in self.open_of(patient))

    def record(self, tx: Tx) -> None:
        """Write it all; the last thing in the transaction."""
        store.settle_tasks(tx, self.done)
        store.record(tx, self.events, self.tasks, self.frames)


def draw(tx: Tx, cases: Sequence[Case], acted: Sequence[AlertEvent] = ()) -> Consequences:
    """Decide, for every judged patient, what happens to their alerts; `acted` is what a person (or time) has just done to some of them."""
    patients = [case.patient for case in cases]
    result = Consequences(store.responsible_centres(tx, patients), store.open_alerts(tx, patients))
    for event in acted:
        take(event, result)
    firing = [c.patient for c in cases if any(v.result != "clear" for v in c.verdicts)]
    former = store.latest_closed_alerts(tx, firing)
    former |= {(e.alert.patient, e.alert.family): e.alert for e in acted if not e.alert.is_open}
    follow(cases, former, result)
    for case in cases:
        _ask_for_a_plan(case, result)
    return result


def follow(cases: Sequence[Case], former: Mapping[tuple[UUID, str], Alert], result: Consequences) -> None:
    """Add to `result` what the verdicts of these cases lead to. Pure; `former` holds the latest closed alert of each family that fires."""
    open_before = set(result.families)
    for case in cases:
        responsible = result.responsible.get(case.patient)
        if responsible is None:
            continue
        if case.vanished:
            _withdraw(case, result, case.now)
        if case.verdicts:
            setting = Setting(case.patient, responsible.centre, responsible.organisation, responsible.hours, responsible.language)
            for _, together in groupby(case.verdicts, key=lambda v: (v.judged_at, v.plan_version)):
                _follow(case.patient, list(together), setting, former, result, case.now)
        if case.patient in open_before:
            _ease(case, result, case.now)
        if case.zone != case.locked.zone:
            result.frames.append(store.zone_changed(responsible, case.zone, case.locked.zone, case.now))


def _follow(
    patient: UUID,
    verdicts: Sequence[Verdict],
    setting: Setting,
    former: Mapping[tuple[UUID, str], Alert],
    result: Consequences,
    now: datetime,
) -> None:
    """What was judged at one instant, family by family."""
    families: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        families.setdefault(verdict.family, []).append(verdict)
    for family, of_family in families.items():
        key = (patient, family)
        match decide(result.open.get(key), former.get(key), of_family, setting, now):
            case AlertEvent() as event:
                take(event, result)
            case OldRedValue(verdict):
                result.tasks.append(_task("old_red_value", name_of(verdict), verdict, setting, now))
            case NotReported(verdict):
                result.tasks.append(_task("not_reported", verdict.rule, verdict, setting, now))
            case ReportedAgain(verdict):
                result.tasks = [t for t in result.tasks if (t.patient, t.kind, t.key) != (patient, "not_reported", verdict.rule)]
                result.done.append((patient, "not_reported", verdict.rule))
            case None:
                pass


def take(event: AlertEvent, result: Consequences) -> None:
    """Add one event of an alert, and what is open after it."""
    result.events.append(event)
    key = (event.alert.patient, event.alert.family)
    if event.alert.is_open:
        result.open[key] = event.alert
        result.families.setdefault(event.alert.patient, {})[event.alert.family] = None
    else:
        result.open.pop(key, None)


def _withdraw(case: Case, result: Consequences, now: datetime) -> None:
    """Verdicts that later data took away leave the alerts that rested on them without support."""
    for alert in result.open_of(case.patient):
        event = withdraw(alert, case.vanished, bool(case.withdrawn), now)
        if event:
            take(event, result)


def _ease(case: Case, result: Consequences, now: datetime) -> None:
    if case.plan is None or case.state is None:
        return
    zones = _zones_of_families(case.plan, case.state)
    for alert in result.open_of(case.patient):
        event = ease(alert, zones.get(alert.family, "green"), result.responsible[case.patient].hours, now)
        if event:
            take(event, result)


def _zones_of_families(plan: Plan, state: State) -> dict[str, str]:
    """What each family's firing rules say together; a family that is quiet is left out."""
    zones: dict[str, str] = {}
    firing = [(plan.by_id[name], zone_of_rule(plan.by_id[name], episode)) for name, episode in state.episodes.items() if episode.firing]
    firing += [(plan.by_id[name], plan.by_id[name].zone or "green") for name, misses in state.misses.items() if misses.firing]
    for rule, zone in firing:
        if RANK[zone] > RANK[zones.get(rule.family, "green")]:
            zones[rule.family] = zone
    return zones


def _ask_for_a_plan(case: Case, result: Consequences) -> None:
    """Whoever is followed up without a valid plan is work for somebody; done when a valid plan has judged them for the first time."""
    responsible = result.responsible.get(case.patient)
    if responsible is None or case.locked.ended_at is not None or case.locked.kind == "canary":
        return
    if is_valid(case.plan, case.now):
        if case.locked.state is None:
            result.done.append((case.patient, "no_valid_plan", ""))
        return
    review = case.plan.review_date if case.plan else None
    key, args = ("task.plan_past_review", {"date": review.isoformat()}) if review else ("task.no_plan", {})
    due = responsible.hours.next_open(case.now + PLAN_WITHIN) or case.now + PLAN_WITHIN
    result.tasks.append(Task(case.patient, responsible.centre, "no_valid_plan", "", sentence(key, args, responsible.language), due))


def _task(kind: str, cause: str, verdict: Verdict, setting: Setting, now: datetime) -> Task:
    key, args = explanation(verdict)
    due = now  # an old red value is due at once
    if kind == "not_reported":
        due = setting.hours.add_service_time(now, CONTACT_WITHIN) or now + timedelta(days=7)
    return Task(setting.patient, setting.centre, kind, cause, sentence(key, args, setting.language), due)
