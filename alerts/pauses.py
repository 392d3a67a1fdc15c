"""Holidays and admissions: times in which nothing is expected of a patient.

A pause stops reminders and missing rules, never judgement: what arrives is judged as always. It may have begun before it is written down
(an admission is often learnt of later); what was missed in it then loses its support. It is never removed: one that has begun ends now,
one that has not is cancelled.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

from alerts import consequences, store
from alerts.downlink import send_plans
from alerts.judging import Case, Judge
from alerts.plans_in_force import PlanBook
from alerts.store import SQL, LockedPatient
from dho.db import Actor, Tx
from dho.errors import Conflict, Fault, Invalid, InvalidTransition, NotFound
from dho.plan import Plan

LONGEST_AGO = timedelta(days=30)
PauseKind = Literal["holiday", "hospital", "other"]


@dataclass(frozen=True, slots=True)
class PatientPause:
    """One pause, as a person meets it; `end_at` None is until further notice, and is not part of it."""

    id: UUID
    patient: UUID
    start_at: datetime
    end_at: datetime | None
    kind: PauseKind
    reason: str
    created_at: datetime
    created_by: UUID | None
    ended_by: UUID | None
    version: int


def list_pauses(tx: Tx, patient: UUID) -> list[PatientPause]:
    """All pauses of a patient that were not cancelled, newest first."""
    return [PatientPause(*row) for row in tx.rows(SQL["pauses_of_patient"], {"patient": patient})]


def add_pause(
    tx: Tx, patient: UUID, start: datetime, end: datetime | None, actor: Actor, *, kind: PauseKind = "other", reason: str = ""
) -> PatientPause:
    """Expect nothing from `start` until `end`, and judge the patient again. Raises `Invalid` for times that cannot be meant."""
    faults = []
    if start < tx.now - LONGEST_AGO:
        faults.append(Fault("/start", "bad_time", f"A pause is written down at most {LONGEST_AGO.days} days after it began."))
    if end is not None and end <= start:
        faults.append(Fault("/end", "bad_time", "A pause ends after it begins."))
    if faults:
        raise Invalid("This pause cannot be.", tuple(faults))
    locked = store.lock_patients(tx, [patient])[patient]
    before = _plan_of(tx, locked)
    pause = uuid4()
    tx.execute(
        SQL["add_pause"],
        {
            "id": pause,
            "patient": patient,
            "start": start,
            "end": end,
            "kind": kind,
            "reason": reason,
            "now": tx.now,
            "by": actor.person,
        },
    )
    _judge_again(tx, locked, before)
    return load_pause(tx, patient, pause)


def end_pause(tx: Tx, patient: UUID, pause: UUID, actor: Actor, expected_version: int) -> PatientPause | None:
    """The patient is back: the pause ends now, and the present state is judged again. None if it had not begun and is cancelled.

    Raises `NotFound`, `Conflict`, `InvalidTransition` if it was over already.
    """
    locked = store.lock_patients(tx, [patient])[patient]
    present = load_pause(tx, patient, pause)
    if present.version != expected_version:
        raise Conflict("Somebody changed the pause since you saw it.", present.version)
    if present.end_at is not None and present.end_at <= tx.now:
        raise InvalidTransition("The pause is over.")
    before = _plan_of(tx, locked)
    tx.execute(SQL["end_pause"], {"id": pause, "now": tx.now, "by": actor.person})
    _judge_again(tx, locked, before)
    return load_pause(tx, patient, pause) if present.start_at < tx.now else None


def load_pause(tx: Tx, patient: UUID, pause: UUID) -> PatientPause:
    """One pause of this patient. Raises `NotFound`."""
    row = tx.row(SQL["pause"], {"id": pause, "patient": patient})
    if row is None:
        raise NotFound("There is no such pause.")
    return PatientPause(*row)


def _plan_of(tx: Tx, locked: LockedPatient) -> Plan | None:
    """The active plan with the pauses that are known so far."""
    if locked.plan_version is None:
        return None
    book = PlanBook()
    book.load(tx, [locked.plan_version])
    return book[locked.plan_version]


def _judge_again(tx: Tx, locked: LockedPatient, before: Plan | None) -> None:
    """The whole record by the plan with its new pauses: what was missed in one is no longer missed."""
    tx.execute(SQL["count_pause_change"], {"patient": locked.patient})
    case = Case(locked, tx.now, plan_before=before)
    judge = Judge()
    judge.judge(tx, [case])
    outcome = consequences.draw(tx, [case])
    if case.plan is not None and case.state is not None:
        firing = {name for name, misses in case.state.misses.items() if misses.firing}
        outcome.done += [(case.patient, "not_reported", rule.id) for rule, _ in case.plan.missing if rule.id not in firing]
    judge.save(tx, [case], heard=False)
    outcome.record(tx)
    send_plans(tx, [case.patient])
