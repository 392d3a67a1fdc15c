"""Plan versions: drafts, activation, and which version judges what."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from alerts import actions, plans, store
from alerts.acts import Act
from alerts.deadlines import tick
from alerts.intake import Intake
from alerts.judging import Judge
from alerts.plans import PlanVersion
from alerts.store import SQL
from dho.db import WATCH, Actor, Database
from dho.errors import Conflict, InvalidTransition
from dho.plan import PlanRefused
from tests.cast import FEVER, LOW_SPO2, Cast, cast, measured, plan
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OPEN_TASKS = "SELECT kind FROM task WHERE patient = %s AND done_at IS NULL"
STRICT = {**LOW_SPO2, "below": 95}
MORNING = {
    "id": "spo2-morning",
    "code": "59408-5",
    "times": ["08:00"],
    "early": "PT2H",
    "window": "PT3H",
    "grace": "PT1H",
    "required": True,
}


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


def activated(base: Database, patient: UUID, document: dict[str, object], now: datetime, ada: UUID) -> PlanVersion:
    actor = Actor("person", ada)
    with base.transaction(actor, "test", now, "serve") as tx:
        draft = plans.create_plan(tx, patient, document, actor)
    with base.transaction(actor, "test", now, "watch") as tx:
        return plans.activate(tx, draft.id, actor, draft.version)


def zone_and_reds(base: Database, patient: UUID) -> tuple[str | None, list[str]]:
    with base.transaction(WATCH, "test", NINE) as tx:
        zone = tx.execute("SELECT zone FROM patient_state WHERE patient = %s", (patient,)).fetchone()
        reds = [f"{a.family} {a.plan_number}" for a in store.open_alerts(tx, [patient]).values() if a.zone == "red"]
    return zone[0] if zone else None, reds


def test_a_refused_plan_says_every_reason_at_once(who: Cast, base: Database) -> None:
    document = plan({**LOW_SPO2, "unit": "percent"}, {**FEVER, "no_confrim": True}, {**FEVER})
    with pytest.raises(PlanRefused) as refused, base.transaction(WATCH, "test", NINE, "serve") as tx:
        plans.create_plan(tx, who.eva, document, Actor("person", who.ada))
    pointers = {fault.pointer for fault in refused.value.faults}
    assert {"/rules/0/unit", "/rules/1/no_confrim", "/rules/2/id"} <= pointers


def test_a_draft_judges_nothing_until_it_is_activated(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    actor = Actor("person", who.ada)
    with base.transaction(actor, "test", NINE, "serve") as tx:
        plans.create_plan(tx, patient, plan(STRICT), actor)
    Intake(base, "test").take([measured(tablet, NINE, ("59408-5", 93, "%"))], NINE)
    assert zone_and_reds(base, patient) == ("green", [])


def test_activation_judges_the_present_state_anew_but_raises_only_for_what_is_measured_from_then_on(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    intake = Intake(base, "test")
    intake.take([measured(tablet, NINE, ("59408-5", 93, "%"))], NINE)
    activated(base, patient, plan(STRICT), NINE + HOUR, who.ada)
    assert zone_and_reds(base, patient) == ("red", [])
    intake.take([measured(tablet, NINE + 2 * HOUR, ("59408-5", 93, "%"))], NINE + 2 * HOUR)
    assert zone_and_reds(base, patient) == ("red", ["spo2 2"])


def test_a_late_reading_is_judged_by_the_version_that_was_valid_when_it_was_measured(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(STRICT))
    intake = Intake(base, "test")
    intake.take([measured(tablet, NINE, ("59408-5", 97, "%"))], NINE)
    activated(base, patient, plan(), NINE + 2 * HOUR, who.ada)
    late = measured(tablet, NINE + HOUR, ("59408-5", 93, "%"), received_at=NINE + 3 * HOUR)
    intake.take([late], NINE + 3 * HOUR)
    zone, reds = zone_and_reds(base, patient)
    assert reds == ["spo2 1"]  # red by version 1
    assert zone == "green"  # 93 is green by version 2, which is in force now


def test_a_superseded_version_cannot_come_back_and_a_stale_hand_is_refused(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan())
    second = activated(base, patient, plan(STRICT), NINE, who.ada)
    activated(base, patient, plan(), NINE + HOUR, who.ada)
    actor = Actor("person", who.ada)
    with pytest.raises(Conflict), base.transaction(actor, "test", NINE, "watch") as tx:
        plans.activate(tx, second.id, actor, second.version)
    with base.transaction(actor, "test", NINE, "serve") as tx:
        now = plans.load_plan(tx, second.id)
    assert now.state == "superseded"
    with pytest.raises(InvalidTransition), base.transaction(actor, "test", NINE, "watch") as tx:
        plans.activate(tx, second.id, actor, now.version)


def test_an_active_plan_goes_to_every_tablet_of_the_patient_as_a_retained_message(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    activated(base, patient, plan(STRICT, FEVER), NINE, who.ada)

    with base.transaction(WATCH, "test", NINE) as tx:
        queued = tx.rows("SELECT target, payload, retain FROM outbox WHERE target LIKE %s ORDER BY created_at", (f"%{tablet}%",))
    target, payload, retain = queued[-1]
    assert target == f"dho/v1/{tablet}/plan"
    assert retain
    assert b'"immediate":[{"code":"8310-5"' in bytes(payload).replace(b" ", b"")


def test_a_missed_morning_makes_the_patient_not_reported_and_a_task_never_green(who: Cast, base: Database) -> None:
    silent = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"}
    patient, tablet = who.patient(plan(LOW_SPO2, silent, schedule=[MORNING]))
    intake = Intake(base, "test")
    intake.take([measured(tablet, NINE - 24 * HOUR, ("59408-5", 97, "%"))], NINE - 24 * HOUR)
    judge = Judge()
    tick(base, judge, NINE + 2 * HOUR - timedelta(seconds=1))  # 08:00 + 3 h window + 1 h grace = 12:00 in Oslo = 11:00 UTC
    assert zone_and_reds(base, patient)[0] == "green"
    tick(base, judge, NINE + 2 * HOUR)
    assert zone_and_reds(base, patient)[0] == "not_reported"
    with base.transaction(WATCH, "test", NINE) as tx:
        assert tx.execute(OPEN_TASKS, (patient,)).fetchall() == [("not_reported",)]
    intake.take([measured(tablet, NINE + 3 * HOUR, ("59408-5", 97, "%"))], NINE + 3 * HOUR)
    assert zone_and_reds(base, patient)[0] == "green"
    with base.transaction(WATCH, "test", NINE) as tx:
        assert tx.execute(OPEN_TASKS, (patient,)).fetchall() == []


def test_a_patient_nobody_has_heard_from_is_not_reported(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan())
    tick(base, Judge(), NINE)
    assert zone_and_reds(base, patient)[0] == "not_reported"


def test_a_patient_without_a_plan_has_no_zone_and_the_values_are_kept(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(None)
    [receipt] = Intake(base, "test").take([measured(tablet, NINE, ("59408-5", 70, "%"))], NINE)
    assert receipt.status == "stored"
    assert b'"zone"' not in receipt.body
    assert zone_and_reds(base, patient) == (None, [])


def test_a_reading_after_its_deadline_was_missed_even_if_nobody_looked_in_between(who: Cast, base: Database) -> None:
    silent = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "yellow"}
    patient, tablet = who.patient(plan(LOW_SPO2, silent, schedule=[MORNING]))
    intake = Intake(base, "test")
    intake.take([measured(tablet, NINE - 24 * HOUR, ("59408-5", 97, "%"))], NINE - 24 * HOUR)
    intake.take([measured(tablet, NINE + 3 * HOUR, ("59408-5", 97, "%"))], NINE + 3 * HOUR)  # watch was down at 11:00
    with base.transaction(WATCH, "test", NINE) as tx:
        alerts = store.open_alerts(tx, [patient])
    assert [(family, alert.zone, alert.standing) for (_, family), alert in alerts.items()] == [("missing:spo2-morning", "yellow", "green")]


def test_a_confirmation_that_runs_when_the_plan_changes_keeps_its_own_deadline(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan({**LOW_SPO2, "confirm": {"within": "PT10M"}}))
    Intake(base, "test").take([measured(tablet, NINE, ("59408-5", 80, "%"))], NINE)
    activated(base, patient, plan(FEVER), NINE + timedelta(minutes=5), who.ada)
    states = []
    for minutes in (9, 10, 11):
        tick(base, Judge(), NINE + timedelta(minutes=minutes))
        with base.transaction(WATCH, "test", NINE) as tx:
            states += [(alert.state, alert.plan_number) for alert in store.open_alerts(tx, [patient]).values()]
    assert states == [("pending_confirm", 1), ("open", 1), ("open", 1)]


def test_many_claimed_alerts_past_their_escalation_do_not_keep_the_watch_busy(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    Intake(base, "test").take([measured(tablet, NINE, ("59408-5", 80, "%"))], NINE)
    with base.transaction(Actor("person", who.ada), "test", NINE, "watch") as tx:
        [alert] = store.open_alerts(tx, [patient]).values()
        actions.act(tx, alert.id, Act("claim", Actor("person", who.ada)), alert.version)
    tick(base, Judge(), NINE + timedelta(minutes=20))
    with base.transaction(WATCH, "test", NINE) as tx:
        [alert] = store.open_alerts(tx, [patient]).values()
        due = tx.execute(
            SQL["claim_patients_with_alerts_past_due"],
            {"now": NINE + timedelta(minutes=20), "simulated": NINE, "limit": 1000},
        ).fetchall()
    assert (alert.state, alert.level) == ("claimed", 0)
    assert (patient,) not in due
