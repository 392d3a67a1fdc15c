"""What time alone brings: deadlines are indexed columns, and this is what happens when they are past due.

Any number of workers may ask: rows are claimed with SKIP LOCKED, a killed worker's locks vanish with it, and the next one that asks
finds the same rows past due.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts import consequences, lifecycle, store
from alerts.alert import AlertEvent
from alerts.judging import Case, Judge
from alerts.store import SQL
from dho.db import WATCH, Database, Tx

AT_ONCE = 200
STILL_IN_THE_PAST = timedelta(minutes=5)
FRAMES_KEPT = timedelta(days=30)
CHECKPOINTS_KEPT = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class Times:
    """The present, and how far the simulator has come (the present too, where nothing is simulated or it has caught up)."""

    now: datetime
    simulated: datetime

    def of(self, case_kind: str, due: datetime | None) -> datetime:
        """The instant at which a patient is judged: simulated pasts are played in order, deadline by deadline."""
        if case_kind != "simulated" or self.simulated == self.now or due is None:
            return self.now
        return min(due, self.simulated)


def tick(database: Database, judge: Judge, now: datetime) -> int:
    """Do everything that is past due at `now`; the number of patients touched. Never raises for one patient what others would miss."""
    touched = 0
    for step in (_judge_past_due, _move_alerts_past_due):
        while True:
            with database.transaction(WATCH, "deadlines", now) as tx:
                done = step(tx, judge, _times(tx))
            touched += done
            if done < AT_ONCE:
                break
    return touched


def _times(tx: Tx) -> Times:
    reached = tx.row(SQL["simulated_until"]).at
    if reached is None or tx.now - reached < STILL_IN_THE_PAST:
        return Times(tx.now, tx.now)
    return Times(tx.now, reached)


def _claim(tx: Tx, statement: str, times: Times) -> list[UUID]:
    rows = tx.execute(SQL[statement], {"now": times.now, "simulated": times.simulated, "limit": AT_ONCE})
    return [row[0] for row in rows.fetchall()]


def _judge_past_due(tx: Tx, judge: Judge, times: Times) -> int:
    """Missing measurements, repeats that never came, silence: judged at their deadline."""
    patients = _claim(tx, "claim_patients_past_due", times)
    if patients:
        locked = store.lock_patients(tx, patients).values()
        cases = [Case(row, times.of(row.kind, row.judge_again_at)) for row in locked]
        judge.judge(tx, cases)
        outcome = consequences.draw(tx, cases)
        judge.save(tx, cases, heard=False)
        outcome.record(tx)
    return len(patients)


def _move_alerts_past_due(tx: Tx, judge: Judge, times: Times) -> int:
    """Claims and snoozes that end, answers that did not come."""
    patients = _claim(tx, "claim_patients_with_alerts_past_due", times)
    if patients:
        locked = store.lock_patients(tx, patients)
        responsible = store.responsible_centres(tx, patients)
        events: list[AlertEvent] = []
        for (patient, _), alert in sorted(store.open_alerts(tx, patients).items(), key=lambda item: str(item[0])):
            if alert.state == "pending_confirm" and alert.plan_version == locked[patient].plan_version:
                continue  # its own version judges it
            due = min((at for at in (alert.escalate_at, alert.ack_expires_at, alert.confirm_until) if at), default=None)
            events += lifecycle.pass_time(alert, responsible[patient].hours, times.of(locked[patient].kind, due))
        store.record(tx, events)
    return len(patients)


def tidy(database: Database, now: datetime) -> None:
    """Forget what is kept only for a while."""
    with database.transaction(WATCH, "retention", now) as tx:
        tx.execute(SQL["forget_old_frames"], {"before": now - FRAMES_KEPT})
        tx.execute(SQL["forget_old_checkpoints"], {"before": now - CHECKPOINTS_KEPT})
