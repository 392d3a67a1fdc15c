"""Who must agree to a plan, how it ends, and what a plan past its review date may still say."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from alerts import plans
from alerts.approvals import ApprovalsMissing
from alerts.deadlines import tick
from alerts.intake import Intake
from alerts.judging import Judge
from alerts.plans import PlanVersion
from dho.db import WATCH, Actor, Database
from dho.errors import Conflict, InvalidTransition
from dho.plan import PlanRefused
from tests.cast import LOW_SPO2, WEEKDAYS, Cast, answers, cast, measured, plan
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
STRICT = {**LOW_SPO2, "below": 95}
CONFIRMED = {**LOW_SPO2, "confirm": {"within": "PT10M"}}
CHEST_PAIN = {
    "id": "chest",
    "kind": "answer",
    "questionnaire": "symptoms",
    "question": "chest_pain",
    "at_least": 1,
    "zone": "red",
    "no_confirm": True,
}


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


@pytest.fixture
def all_agree(database: TestDatabase, who: Cast) -> Iterator[None]:
    """The municipality asks for the patient's, the GP's and the nurse's approval."""
    with Database(database.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        tx.execute("""UPDATE organisation SET approvals_needed = '["gp", "nurse", "patient"]' WHERE id = %s""", (who.municipality,))
    yield
    with Database(database.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        tx.execute("UPDATE organisation SET approvals_needed = '[]' WHERE id = %s", (who.municipality,))


def drafted(base: Database, patient: UUID, document: dict[str, Any], who: Cast, now: datetime = NINE) -> PlanVersion:
    actor = Actor("person", who.ada)
    with base.transaction(actor, "test", now, "serve") as tx:
        return plans.create_plan(tx, patient, document, actor)


def active(base: Database, patient: UUID) -> PlanVersion:
    with base.transaction(WATCH, "test", NINE, "serve") as tx:
        return next(version for version in plans.list_plans(tx, patient) if version.state == "active")


def standing(base: Database, patient: UUID) -> tuple[str | None, list[str]]:
    """The zone and the open tasks."""
    with base.transaction(WATCH, "test", NINE) as tx:
        zone = tx.row("SELECT zone FROM patient_state WHERE patient = %s", (patient,)).zone
        return zone, [row.kind for row in tx.rows("SELECT kind FROM task WHERE patient = %s AND done_at IS NULL", (patient,))]


def test_a_plan_takes_effect_when_all_whom_the_municipality_asks_have_approved_this_document(
    who: Cast, base: Database, all_agree: None
) -> None:
    patient, _ = who.patient(plan())
    draft = drafted(base, patient, plan(STRICT), who)
    ada, dag = Actor("person", who.ada), Actor("person", who.dag)
    with pytest.raises(ApprovalsMissing) as refused, base.transaction(ada, "test", NINE, "ingest") as tx:
        plans.activate(tx, draft.id, ada, draft.version)
    assert refused.value.missing == ("patient", "gp")
    with base.transaction(dag, "test", NINE, "serve") as tx:
        by_gp = plans.approve(tx, draft.id, dag, draft.version, "gp")
    with pytest.raises(ApprovalsMissing) as refused, base.transaction(ada, "test", NINE, "ingest") as tx:
        plans.activate(tx, draft.id, ada, by_gp.version)
    assert refused.value.missing == ("patient",)
    with base.transaction(ada, "test", NINE, "serve") as tx:
        by_all = plans.approve(tx, draft.id, ada, by_gp.version, "patient", on_behalf=True)
    with base.transaction(ada, "test", NINE, "ingest") as tx:
        now = plans.activate(tx, draft.id, ada, by_all.version)
    assert now.state == "active"
    assert [(line["party"], line.get("person"), line.get("recorded_by")) for line in now.approvals] == [
        ("gp", str(who.dag), None),
        ("patient", None, str(who.ada)),
        ("nurse", str(who.ada), None),
    ]
    assert {line["document_sha256"] for line in now.approvals} == {now.document_sha256}
    assert all(datetime.fromisoformat(line["at"]) == NINE for line in now.approvals)


def test_without_a_wish_of_the_municipality_a_nurse_activates_alone(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan())
    draft = drafted(base, patient, plan(STRICT), who)
    ada = Actor("person", who.ada)
    with base.transaction(ada, "test", NINE, "ingest") as tx:
        assert plans.activate(tx, draft.id, ada, draft.version).state == "active"


def test_rolling_back_is_a_new_draft_with_the_former_document(who: Cast, base: Database) -> None:
    patient, _ = who.patient(plan(LOW_SPO2))
    first, ada = active(base, patient), Actor("person", who.ada)
    draft = drafted(base, patient, plan(STRICT), who)
    with base.transaction(ada, "test", NINE, "ingest") as tx:
        plans.activate(tx, draft.id, ada, draft.version)
    with base.transaction(ada, "test", NINE, "serve") as tx:
        former = plans.load_plan(tx, first.id)
    with pytest.raises(Conflict), base.transaction(ada, "test", NINE, "serve") as tx:
        plans.restore(tx, first.id, ada, former.version + 1)
    with base.transaction(ada, "test", NINE, "serve") as tx:
        again = plans.restore(tx, first.id, ada, former.version)
    assert (again.state, again.number, again.restored_from) == ("draft", 3, first.id)
    assert again.document == former.document


def test_an_ended_plan_judges_nothing_shows_no_zone_and_leaves_a_task(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan())
    intake, ada = Intake(base, "test"), Actor("person", who.ada)
    intake.take([measured(tablet, NINE, ("59408-5", 97, "%"))], NINE)
    assert standing(base, patient) == ("green", [])
    present = active(base, patient)
    with base.transaction(ada, "test", NINE + HOUR, "ingest") as tx:
        ended = plans.end(tx, present.id, ada, present.version)
    assert (ended.state, ended.active_until) == ("ended", NINE + HOUR)
    assert standing(base, patient) == (None, ["no_valid_plan"])
    [receipt] = answers(intake.take([measured(tablet, NINE + 2 * HOUR, ("59408-5", 70, "%"))], NINE + 2 * HOUR))
    assert receipt["status"] == "stored"
    assert "zone" not in receipt
    draft = drafted(base, patient, plan(), who, NINE + 3 * HOUR)
    with base.transaction(ada, "test", NINE + 3 * HOUR, "ingest") as tx:
        plans.activate(tx, draft.id, ada, draft.version)
    assert standing(base, patient) == ("red", [])  # the zone is a replay of all readings; alerts are for what comes from now on


def test_a_plan_does_not_end_while_a_repeat_is_awaited(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(CONFIRMED))
    Intake(base, "test").take([measured(tablet, NINE, ("59408-5", 80, "%"))], NINE)
    present, ada = active(base, patient), Actor("person", who.ada)
    with pytest.raises(InvalidTransition), base.transaction(ada, "test", NINE, "ingest") as tx:
        plans.end(tx, present.id, ada, present.version)


def test_past_its_review_date_a_plan_still_alerts_but_nobody_stands_green_by_it(who: Cast, base: Database) -> None:
    patient, tablet = who.patient(plan(LOW_SPO2, review_date="2026-11-24"))
    intake, judge = Intake(base, "test"), Judge()
    intake.take([measured(tablet, NINE, ("59408-5", 97, "%"))], NINE)
    midnight = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)  # in Oslo
    tick(base, judge, midnight - timedelta(seconds=1))
    assert standing(base, patient) == ("green", [])
    tick(base, judge, midnight)
    assert standing(base, patient) == (None, ["no_valid_plan"])
    [fine] = answers(intake.take([measured(tablet, midnight + HOUR, ("59408-5", 97, "%"))], midnight + HOUR))
    assert "zone" not in fine
    [low] = answers(intake.take([measured(tablet, midnight + 2 * HOUR, ("59408-5", 80, "%"))], midnight + 2 * HOUR))
    assert (low["zone"], low["attention"]["alert_open"]) == ("red", True)
    with base.transaction(WATCH, "test", NINE) as tx:
        task = tx.row("SELECT * FROM task WHERE patient = %s", (patient,))
        told = tx.rows("SELECT body::text AS body FROM feed_event WHERE patient = %s AND type = 'patient.zone' ORDER BY seq", (patient,))
    assert (task.centre, task.owner, task.due_at, task.text["key"]) == (
        who.centre,
        None,
        midnight + timedelta(days=3),
        "task.plan_past_review",
    )
    assert ['"zone":null' in row.body.replace(" ", "") for row in told] == [False, True, False]


def test_whoever_is_registered_without_a_plan_is_a_task_for_somebody(who: Cast, base: Database) -> None:
    patient, _ = who.patient(None)
    tick(base, Judge(), NINE)
    tick(base, Judge(), NINE + HOUR)
    assert standing(base, patient) == (None, ["no_valid_plan"])


def test_urgent_questions_are_asked_only_while_somebody_is_there(database: TestDatabase, base: Database) -> None:
    office = cast(database.url, NINE, opening_hours=WEEKDAYS)
    patient, _ = office.patient(plan())
    slot = {"id": "ask", "questionnaire": "symptoms", "times": ["09:00", "14:00"], "days": ["fri", "sat"], "window": "PT2H"}
    with pytest.raises(PlanRefused) as refused:
        drafted(base, patient, plan(CHEST_PAIN, schedule=[{**slot, "id": "other", "questionnaire": "check_in"}, slot]), office)
    assert [(fault.pointer, fault.code) for fault in refused.value.faults] == [("/schedule/1/times", "outside_opening_hours")] * 2
    assert [fault.detail.rpartition(" on ")[2] for fault in refused.value.faults] == ["sat.", "fri, sat."]
    drafted(base, patient, plan(CHEST_PAIN, schedule=[{**slot, "times": ["08:00", "13:30"], "days": ["fri"]}]), office)
