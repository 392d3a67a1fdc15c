"""Judge patients: bring each one's evaluation up to date with what is new, and say what that means.

An on-time reading advances the newest state. A late, invalidated or corrected one replays from the last checkpoint before it, twice:
with what was known until now and with what is known now. What only the second run says is new and may raise an alert; what only the
first said has lost its support. So the outcome does not depend on the order of arrival, and a message costs the same after five years
as on the first day. The caller has locked the patients.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from msgspec import Struct

from alerts.lifecycle import name_of
from alerts.plans_in_force import PlanBook
from alerts.store import SQL, LockedPatient
from alerts.validity import next_look, shown_zone
from dho.db import Tx
from dho.evaluation import Fact, Handled, Rebased, advance, initial, zone_of
from dho.observation import Observation
from dho.plan import Plan
from dho.rules.sight import Seen
from dho.state import State
from dho.verdict import Verdict

BEGINNING = datetime(1999, 12, 31, tzinfo=UTC)
STATES_KEPT = 4000


class Case(Struct):
    """One patient under judgement: what is new, and then what it means.

    `now` is the transaction's, but for simulated patients whose past is still being played: theirs is the simulator's.
    `set_aside` is stored but never judged, because it was invalidated before it came. `plan_before` is the plan with the pauses that
    were known until now, where these have changed: what it said and the plan no longer says has lost its support.
    """

    locked: LockedPatient
    now: datetime
    observations: list[Observation] = []
    set_aside: list[Observation] = []
    decisions: list[Handled | Rebased] = []
    withdrawn: dict[UUID, datetime] = {}
    # the outcome
    plan: Plan | None = None
    state: State | None = None
    zone: str | None = None
    judge_again_at: datetime | None = None
    previous: Mapping[str, Seen] = {}
    verdicts: list[Verdict] = []
    waited: list[Verdict] = []
    waited_until: datetime | None = None
    vanished: frozenset[str] = frozenset()
    replayed_from: datetime | None = None
    day_ended: State | None = None
    plan_before: Plan | None = None

    @property
    def patient(self) -> UUID:
        """Whose case it is."""
        return self.locked.patient


class Judge:
    """Judges batches. Keeps the newest states it wrote, so that a state is parsed only when another process wrote it."""

    def __init__(self) -> None:
        self.plans = PlanBook()
        self._states: OrderedDict[UUID, tuple[int, UUID, State]] = OrderedDict()

    def judge(self, tx: Tx, cases: Sequence[Case]) -> None:
        """Fill in the outcome of each case, as of its `now`."""
        wanted = {c.locked.plan_version: c.locked.pauses_revision for c in cases if c.locked.plan_version}
        self.plans.load(tx, wanted, wanted)
        late: list[tuple[Case, datetime]] = []
        for case in cases:
            if case.locked.plan_version is None or case.locked.ended_at is not None:
                continue
            case.plan = plan = self.plans[case.locked.plan_version]
            state = self._newest_state(case)
            if state is None or case.plan_before is not None:
                late.append((case, BEGINNING))
                continue
            state = _wait_for_arrival(case, plan, state)
            if not go_on(case, plan, state):
                late.append((case, earliest_news(case)))
        if late:
            self._replay(tx, late)
        for case in cases:
            if case.waited:
                case.verdicts = [*case.waited, *case.verdicts]
            if case.plan and case.state:
                stand(case, case.plan, case.state)

    def _newest_state(self, case: Case) -> State | None:
        locked = case.locked
        if locked.state is None:
            return None
        kept = self._states.get(locked.patient)
        if kept and kept[0] == locked.version and kept[1] == locked.plan_version:
            self._states.move_to_end(locked.patient)
            return kept[2]
        return State.load(locked.state)

    def _replay(self, tx: Tx, cases: Sequence[tuple[Case, datetime]]) -> None:
        """Judge again from the last checkpoint before what is new."""
        bases = self._checkpoints(tx, cases)
        stored = facts_after(tx, [(case.patient, bases[case.patient][0]) for case, _ in cases])
        elder = [case for case, _ in cases if _is_before_the_plan(case)]
        versions = self.plans.in_force(tx, [case.patient for case in elder]) if elder else {}
        for case, _ in cases:
            plan = case.plan
            assert plan is not None
            since, base = bases[case.patient]
            before = case.waited_until or case.locked.judged_at or case.now
            replay(case, plan, base, stored.get(case.patient, []), before if case.locked.state is not None else None)
            case.replayed_from = since
        for case in elder:
            self._judge_by_former_versions(tx, case, versions.get(case.patient, []))

    def _judge_by_former_versions(self, tx: Tx, case: Case, versions: Sequence[Plan]) -> None:
        """Late data from before the present plan is judged by the version that was valid when it was measured."""
        known = facts_after(tx, [(case.patient, BEGINNING)]).get(case.patient, [])
        for plan in versions:
            until = self.plans.until(plan)
            if until is None or plan.active_from is None:
                continue
            if not any(plan.active_from <= o.measured_at < until for o in case.observations):
                continue
            formerly = [f for f in known if instant_of(f) < until]
            now_known = [f for f in with_news(known, case) if instant_of(f) < until]
            _, old = advance(plan, initial(plan), formerly, until)
            _, new = advance(plan, initial(plan), now_known, until)
            told = {(name_of(v), v.result) for v in old}
            case.verdicts += [
                v
                for v in new
                if (name_of(v), v.result) not in told and plan.active_from <= v.judged_at < until and v.zone != "not_reported"
            ]

    def _checkpoints(self, tx: Tx, cases: Sequence[tuple[Case, datetime]]) -> dict[UUID, tuple[datetime, State | None]]:
        found: dict[UUID, tuple[datetime, State | None]] = {case.patient: (BEGINNING, None) for case, _ in cases}
        wanted = [(case, since) for case, since in cases if since > BEGINNING]
        if wanted:
            rows = tx.execute(
                SQL["checkpoints_before"],
                {
                    "patients": [case.patient for case, _ in wanted],
                    "versions": [case.locked.plan_version for case, _ in wanted],
                    "instants": [since for _, since in wanted],
                },
            )
            for patient, newest, state in rows.fetchall():
                found[patient] = (newest, State.load(state))
        return found

    def save(self, tx: Tx, cases: Sequence[Case], *, heard: bool) -> None:
        """Write where each patient stands, and checkpoints at the end of their days."""
        written = [case for case in cases if case.state is not None and case.plan is not None]
        replayed = [case for case in written if case.replayed_from is not None]
        if replayed:
            tx.execute(
                SQL["drop_checkpoints_from"],
                {"patients": [c.patient for c in replayed], "instants": [earliest_news(c) for c in replayed]},
            )
        ended = [(case, case.day_ended) for case in written if case.day_ended and case.day_ended.newest]
        if ended:
            tx.execute(
                SQL["keep_checkpoints"],
                {
                    "patients": [case.patient for case, _ in ended],
                    "versions": [case.locked.plan_version for case, _ in ended],
                    "instants": [state.newest for _, state in ended],
                    "states": [state.dump() for _, state in ended],
                },
            )
        changed_zone = [case.zone != case.locked.zone for case in cases]
        tx.execute(
            SQL["save_states"],
            {
                "judged": [c.now for c in cases],
                "patients": [c.patient for c in cases],
                "zones": [c.zone for c in cases],
                "since": [c.now if changed else c.locked.zone_since for c, changed in zip(cases, changed_zone, strict=True)],
                "newest": [c.state.newest if c.state else _newest_known(c) for c in cases],
                "heard": [c.now if heard else None for c in cases],
                "again": [c.judge_again_at for c in cases],
                "states": [c.state.dump() if c.state else None for c in cases],
                "plans": [c.locked.plan_version for c in cases],
            },
        )

    def remember(self, cases: Iterable[Case]) -> None:
        """After the commit: keep the states that were written."""
        for case in cases:
            if case.state is not None and case.locked.plan_version is not None:
                self._states[case.patient] = (case.locked.version + 1, case.locked.plan_version, case.state)
                self._states.move_to_end(case.patient)
        while len(self._states) > STATES_KEPT:
            self._states.popitem(last=False)


def _wait_for_arrival(case: Case, plan: Plan, state: State) -> State:
    """What fell due before the new readings arrived is judged first, deadline by deadline, as `watch` would have if it had been quicker:
    a reading that comes after its deadline was missed, however late anybody looks."""
    due = case.locked.judge_again_at
    if due is None or not case.observations:
        return state
    arrived = min(o.received_at for o in case.observations)
    while due is not None and due <= arrived:
        case.waited_until = due
        state, verdicts = advance(plan, state, (), due)
        case.waited = [*case.waited, *verdicts]
        after = zone_of(plan, state, due)[1]
        due = after if after is None or after > due else None
    return state


def go_on(case: Case, plan: Plan, state: State) -> bool:
    """Take news that is newer than all that is known into the newest state. False, with nothing done, if the case must be replayed."""
    facts = in_clinical_order([*case.observations, *case.decisions])
    newest = state.newest
    is_late = newest is not None and facts and instant_of(facts[0]) <= newest
    if is_late or case.withdrawn or _is_before_the_plan(case):
        return False
    if facts and newest is not None and instant_of(facts[-1]).date() > newest.date():
        case.day_ended = state
    case.previous = state.last
    case.state, case.verdicts = advance(plan, state, facts, case.now)
    return True


def replay(case: Case, plan: Plan, base: State | None, known: Sequence[Fact], judged: datetime | None) -> None:
    """Judge again from `base` (None: from scratch), with what was `known` until now and with what is known now, and keep the difference.

    `judged` is when the patient was judged last; None if never, when all that is said is new.
    """
    base = base or initial(plan)
    formerly = advance(case.plan_before or plan, base, known, judged)[1] if judged is not None else []
    case.state, verdicts = advance(plan, base, with_news(known, case), case.now)
    _compare(case, formerly, verdicts)
    case.verdicts = [v for v in case.verdicts if plan.active_from is None or v.judged_at >= plan.active_from]


def stand(case: Case, plan: Plan, state: State) -> None:
    """Where the patient stands, and when to judge again."""
    zone, again = zone_of(plan, state, case.now)
    case.zone, case.judge_again_at = shown_zone(plan, zone, case.now), next_look(plan, again, case.now)


def instant_of(fact: Fact) -> datetime:
    """Where a fact stands in order."""
    return fact.measured_at if isinstance(fact, Observation) else fact.at


def in_clinical_order(facts: Iterable[Fact]) -> list[Fact]:
    """By instant; at one instant decisions come after what was measured, observations by (uplink, position)."""
    return sorted(
        facts,
        key=lambda f: (instant_of(f), not isinstance(f, Observation), (f.uplink.int, f.position) if isinstance(f, Observation) else (0, 0)),
    )


def facts_after(tx: Tx, wanted: Sequence[tuple[UUID, datetime]]) -> dict[UUID, list[Fact]]:
    """For each (patient, instant) every valid reading and staff decision after it, in clinical order."""
    params = {"patients": [patient for patient, _ in wanted], "instants": [since for _, since in wanted]}
    found: dict[UUID, list[Fact]] = {}
    for r in tx.rows(SQL["facts_after"], params):
        value = r.value if r.letter is None else r.letter
        found.setdefault(r.patient, []).append(
            Observation(
                r.patient, r.uplink, r.position, r.measurement, r.code, value, r.unit, r.measured_at, r.received_at, r.source or "",
                r.oxygen_l_min, r.late, r.clock_suspect,
            )
        )  # fmt: skip
    decided = tx.rows(SQL["staff_facts_after"], params)
    for r in decided:
        fact: Fact = Handled(r.target, r.at) if r.kind == "handled" else Rebased(r.target, r.at)
        found.setdefault(r.patient, []).append(fact)
    return {patient: in_clinical_order(facts) for patient, facts in found.items()} if decided else found


def with_news(known: Sequence[Fact], case: Case) -> list[Fact]:
    """What is known now: without what was withdrawn, with what is new, in clinical order."""
    kept = [f for f in known if not (isinstance(f, Observation) and f.uplink in case.withdrawn)]
    return in_clinical_order([*kept, *case.observations, *case.decisions])


def _compare(case: Case, formerly: Sequence[Verdict], verdicts: Sequence[Verdict]) -> None:
    told = {(name_of(v), v.result) for v in formerly}
    case.verdicts = [v for v in verdicts if (name_of(v), v.result) not in told]
    standing = {name_of(v) for v in verdicts if v.result != "clear"}
    case.vanished = frozenset(name_of(v) for v in formerly if v.result != "clear" and name_of(v) not in standing)


def _is_before_the_plan(case: Case) -> bool:
    start = case.plan.active_from if case.plan else None
    return start is not None and any(o.measured_at < start for o in case.observations)


def earliest_news(case: Case) -> datetime:
    """The instant from which judgement may change."""
    return min([*case.withdrawn.values(), *(instant_of(f) for f in [*case.observations, *case.decisions])], default=BEGINNING)


def _newest_known(case: Case) -> datetime | None:
    times = [o.measured_at for o in case.observations]
    if case.locked.newest_measured_at:
        times.append(case.locked.newest_measured_at)
    return max(times, default=None)
