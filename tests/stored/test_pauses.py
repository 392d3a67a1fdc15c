"""Holidays and admissions: nothing is expected, what arrives is judged, and afterwards everything is as it was."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts import pauses, store
from alerts.deadlines import tick
from alerts.intake import Intake
from alerts.judging import Judge
from alerts.pauses import PatientPause
from dho.db import WATCH, Actor, Database
from dho.errors import Conflict, Invalid, InvalidTransition
from tests.cast import LOW_SPO2, Cast, cast, measured, plan
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
DEADLINE = NINE + 2 * HOUR  # 08:00 + 3 h window + 1 h grace in Oslo
MORNING = {
    "id": "spo2-morning",
    "code": "59408-5",
    "times": ["08:00"],
    "early": "PT2H",
    "window": "PT3H",
    "grace": "PT1H",
    "required": True,
}
SILENT = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"}
WORSE = {**SILENT, "id": "silent-yellow", "zone": "yellow"}


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


def paused(base: Database, patient: UUID, who: Cast, start: datetime, end: datetime | None, now: datetime = NINE) -> PatientPause:
    actor = Actor("person", who.ada)
    with base.transaction(actor, "test", now, "ingest") as tx:
        return pauses.add_pause(tx, patient, start, end, actor, kind="hospital", reason="innlagt")


def ended(base: Database, pause: PatientPause, who: Cast, now: datetime) -> PatientPause | None:
    actor = Actor("person", who.ada)
    with base.transaction(actor, "test", now, "ingest") as tx:
        return pauses.end_pause(tx, pause.patient, pause.id, actor, pause.version)


def standing(base: Database, patient: UUID) -> tuple[str | None, int]:
    """The zone, and how many tasks are open."""
    with base.transaction(WATCH, "test", NINE) as tx:
        zone = tx.row("SELECT zone FROM patient_state WHERE patient = %s", (patient,)).zone
        return zone, tx.row("SELECT count(*) AS tasks FROM task WHERE patient = %s AND done_at IS NULL", (patient,)).tasks


def test_in_a_pause_nothing_is_missed_and_after_it_everything_is_expected_again(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(LOW_SPO2, SILENT, schedule=[MORNING]))
    Intake(base, "test").take([measured(tablet, NINE - DAY, ("59408-5", 97, "%"))], NINE - DAY)
    paused(base, patient, who, NINE, NINE + 2 * DAY - 4 * HOUR)
    judge = Judge()
    for day in range(2):
        tick(base, judge, DEADLINE + day * DAY)
        assert standing(base, patient) == ("green", 0)
    tick(base, judge, DEADLINE + 2 * DAY)
    assert standing(base, patient) == ("not_reported", 1)


def test_what_arrives_in_a_pause_is_judged_and_alerts(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    paused(base, patient, who, NINE, None)
    Intake(base, "test").take([measured(tablet, NINE + HOUR, ("59408-5", 80, "%"))], NINE + HOUR)
    with base.transaction(WATCH, "test", NINE) as tx:
        assert [alert.zone for alert in store.open_alerts(tx, [patient]).values()] == ["red"]


def test_another_process_that_has_the_plan_in_memory_learns_of_the_pause_and_of_its_end(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(LOW_SPO2, SILENT, schedule=[MORNING]))
    intake, judge = Intake(base, "test"), Judge()
    intake.take([measured(tablet, NINE - DAY, ("59408-5", 97, "%"))], NINE - DAY)
    tick(base, judge, NINE - DAY + 3 * HOUR)
    pause = paused(base, patient, who, NINE, None)
    tick(base, judge, DEADLINE)
    assert standing(base, patient) == ("green", 0)
    intake.take([measured(tablet, NINE + DAY, ("59408-5", 96, "%"))], NINE + DAY)
    ended(base, pause, who, NINE + DAY + HOUR)
    tick(base, judge, DEADLINE + DAY)
    assert standing(base, patient) == ("green", 0)
    tick(base, judge, DEADLINE + 2 * DAY)
    assert standing(base, patient) == ("not_reported", 1)


def test_an_admission_that_is_learnt_of_later_takes_back_what_was_missed_in_it(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(LOW_SPO2, SILENT, WORSE, schedule=[MORNING]), plan_from=NINE - DAY - HOUR)
    Intake(base, "test").take([measured(tablet, NINE - DAY, ("59408-5", 97, "%"))], NINE - DAY)
    tick(base, Judge(), DEADLINE)
    assert standing(base, patient) == ("yellow", 0)
    paused(base, patient, who, NINE - 12 * HOUR, None, DEADLINE + HOUR)
    assert standing(base, patient) == ("green", 0)
    with base.transaction(WATCH, "test", NINE) as tx:
        [alert] = store.open_alerts(tx, [patient]).values()
    assert (alert.zone, alert.standing, alert.supported) == ("yellow", "green", False)  # for a person to close


def test_and_so_is_the_task_to_make_contact(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(LOW_SPO2, SILENT, schedule=[MORNING]), plan_from=NINE - DAY - HOUR)
    Intake(base, "test").take([measured(tablet, NINE - DAY, ("59408-5", 97, "%"))], NINE - DAY)
    tick(base, Judge(), DEADLINE)
    assert standing(base, patient) == ("not_reported", 1)
    paused(base, patient, who, NINE - 12 * HOUR, None, DEADLINE + HOUR)
    assert standing(base, patient) == ("green", 0)


def test_a_pause_that_has_not_begun_is_cancelled_and_one_that_is_over_stays(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan())
    planned = paused(base, patient, who, NINE + DAY, NINE + 2 * DAY)
    assert ended(base, planned, who, NINE) is None
    running = paused(base, patient, who, NINE - DAY, None)
    with pytest.raises(Conflict), base.transaction(WATCH, "test", NINE, "ingest") as tx:
        pauses.end_pause(tx, patient, running.id, Actor("person", who.ada), running.version + 1)
    over = ended(base, running, who, NINE)
    assert over is not None
    assert (over.end_at, over.ended_by, over.version) == (NINE, who.ada, 2)
    with pytest.raises(InvalidTransition):
        ended(base, over, who, NINE + HOUR)
    with base.transaction(WATCH, "test", NINE) as tx:
        assert [one.id for one in pauses.list_pauses(tx, patient)] == [running.id]


def test_a_pause_that_cannot_be_meant_is_refused(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan())
    with pytest.raises(Invalid) as refused:
        paused(base, patient, who, NINE - 31 * DAY, NINE - 32 * DAY)
    assert [fault.pointer for fault in refused.value.faults] == ["/start", "/end"]


@pytest.mark.parametrize("night", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)], ids=["forward", "back"])
def test_a_pause_over_a_clock_change_ends_at_its_instant(who: Cast, base: Database, night: datetime) -> None:
    """08:00 in Oslo is 07:00 UTC in winter and 06:00 UTC in summer; the pause ends between the two on the day of the change."""
    patient, tablet = who.patient(plan(LOW_SPO2, SILENT, schedule=[MORNING]))
    evening = night - timedelta(hours=5)
    Intake(base, "test").take([measured(tablet, evening - 12 * HOUR, ("59408-5", 97, "%"))], evening - 12 * HOUR)
    paused(base, patient, who, evening, night + 6.5 * HOUR, evening)
    tick(base, Judge(), night + 12 * HOUR)
    is_winter = night.month == 10
    assert standing(base, patient) == (("not_reported", 1) if is_winter else ("green", 0))


def test_a_tablet_is_told_when_not_to_remind(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    paused(base, patient, who, NINE, NINE + DAY)
    with base.transaction(WATCH, "test", NINE) as tx:
        queued = tx.rows("SELECT payload FROM outbox WHERE target = %s ORDER BY created_at, id", (f"dho/v1/{tablet}/plan",))
    assert any(b'"pauses":[{"start":"2026-11-24T09:00:00' in bytes(row.payload) for row in queued)
