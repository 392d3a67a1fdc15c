"""Answers to a questionnaire, from bytes to zone, alert, receipt and scores, on every ground."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

import dho
from alerts import store
from alerts.alert import Alert
from alerts.downlink import send_to_gateways as downlink_plans
from alerts.intake import Intake
from devices.message import Message
from devices.questionnaires import keep
from dho.db import WATCH, Actor, Database
from dho.errors import Invalid
from tests.cast import Cast, answers, cast, measured, plan, raw
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_later = count(1)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BREATH = {"kind": "answer", "questionnaire": "symptoms", "question": "breathlessness"}
BREATHLESS = BREATH | {"id": "breath", "at_least": 2, "zone": "yellow"}
AT_REST = BREATH | {"id": "at-rest", "at_least": 3, "zone": "red"}
PAIN = {
    "id": "pain",
    "kind": "answer",
    "questionnaire": "symptoms",
    "question": "chest_pain",
    "at_least": 1,
    "zone": "red",
    "no_confirm": True,
}
MOOD = json.loads((Path(dho.__file__).parent / "templates" / "mental_health.json").read_text())
EPOCH, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


@pytest.fixture
def serve(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "serve")
    yield opened
    opened.close()


@pytest.fixture
def intake(base: Database) -> Intake:
    return Intake(base, "test")


def answered(
    gateway: str, at: datetime, given: Mapping[str, Any], form: str = "symptoms", version: int = 2, id: UUID | None = None, **members: Any
) -> Message:
    """A filled-in form as the listener hands it over."""
    body = {
        "id": str(id or uuid4()),
        "taken_at": at.isoformat(),
        "source": "patient",
        "questionnaire": form,
        "version": version,
        "answers": [{"question": question, "value": value} for question, value in given.items()],
        **members,
    }
    return raw(gateway, json.dumps(body).encode(), at, "answers")


def phq(*points: int | None) -> dict[str, int]:
    return {str(number): value for number, value in enumerate(points, 1) if value is not None}


def open_alerts(base: Database, patient: UUID) -> dict[str, Alert]:
    with base.transaction(WATCH, "test", NINE) as tx:
        return {alert.family: alert for alert in store.open_alerts(tx, [patient]).values()}


def forms(serve: Database, person: UUID, patient: UUID) -> list[dict[str, Any]]:
    """What a person may read of a patient's filled-in forms."""
    with serve.transaction(Actor("person", person), "test", NINE, "serve") as tx:
        return tx.dicts("SELECT * FROM readable_forms(%s, %s, %s) ORDER BY measured_at", (patient, EPOCH, END))


def counted(base: Database, patient: UUID, sql: str) -> int:
    with base.transaction(WATCH, "test", NINE) as tx:
        return int(tx.execute(sql, (patient,)).fetchone()[0])  # type: ignore[index]


def observed(base: Database, patient: UUID) -> int:
    return counted(base, patient, "SELECT count(*) FROM observation WHERE patient = %s")


def test_usual_answers_are_stored_and_the_patient_is_green(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan(BREATHLESS, AT_REST, PAIN))
    [receipt] = answers(intake.take([answered(tablet, NINE, {"breathlessness": 1, "chest_pain": 0})], NINE))
    assert (receipt["status"], receipt["zone"]) == ("stored", "green")
    assert open_alerts(base, patient) == {}
    assert observed(base, patient) == 2


def test_an_answer_past_its_limit_makes_the_zone_and_one_alert_that_quotes_it(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan(BREATHLESS, AT_REST, PAIN))
    message = answered(tablet, NINE, {"breathlessness": 2, "chest_pain": 0})
    [receipt] = answers(intake.take([message], NINE))
    assert (receipt["zone"], receipt["advice"]) == ("yellow", "Hvil, og mål på nytt i kveld.")
    [alert] = open_alerts(base, patient).values()
    assert (alert.family, alert.zone) == ("answer:symptoms", "yellow")
    [quoted] = alert.because[0]["observations"]
    assert (quoted["code"], quoted["value"], quoted["unit"]) == ("breathlessness", 2, "")
    assert quoted["measurement"] == json.loads(message.payload)["id"]


def test_the_next_answer_clears_and_a_worse_one_worsens(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan(BREATHLESS, AT_REST))
    intake.take([answered(tablet, NINE, {"breathlessness": 2})], NINE)
    [receipt] = answers(intake.take([answered(tablet, NINE + HOUR, {"breathlessness": 3})], NINE + HOUR))
    assert receipt["zone"] == "red"
    [alert] = open_alerts(base, patient).values()
    assert (alert.zone, alert.version) == ("red", 2)
    [receipt] = answers(intake.take([answered(tablet, NINE + 2 * HOUR, {"breathlessness": 0})], NINE + 2 * HOUR))
    assert receipt["zone"] == "green"
    assert receipt["attention"]["alert_open"] is True  # a red alert waits for a person


def test_a_skipped_question_neither_fires_nor_clears(who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan(BREATHLESS))
    intake.take([answered(tablet, NINE, {"breathlessness": 2})], NINE)
    [receipt] = answers(intake.take([answered(tablet, NINE + HOUR, {"breathlessness": None, "chest_pain": 0})], NINE + HOUR))
    assert (receipt["status"], receipt["zone"]) == ("stored", "yellow")


def test_an_impossible_answer_is_refused_alone_and_its_siblings_are_judged(
    who: Cast, base: Database, intake: Intake, serve: Database
) -> None:
    patient, tablet = who.patient(plan(BREATHLESS, PAIN))
    [receipt] = answers(intake.take([answered(tablet, NINE, {"breathlessness": 9, "chest_pain": 1})], NINE))
    assert (receipt["status"], receipt["zone"]) == ("stored", "red")
    assert [(one["code"], one["reason"]) for one in receipt["refused"]] == [("breathlessness", "impossible_value")]
    assert observed(base, patient) == 1
    [form] = forms(serve, who.ada, patient)
    assert form["refused"][0]["code"] == "breathlessness"
    assert form["unanswered"] == ["breathlessness"]


@pytest.mark.parametrize(
    ("given", "more", "reason"),
    [
        ({"mood": 3}, {}, "unknown_code"),
        ({"breathlessness": 9}, {}, "impossible_value"),
        ({"breathlessness": 1}, {"form": "horoscope"}, "unknown_code"),
        ({"breathlessness": 1}, {"version": 7}, "unknown_code"),
    ],
)
def test_what_the_questionnaire_does_not_know_is_quarantined(
    who: Cast, base: Database, intake: Intake, given: Mapping[str, Any], more: Mapping[str, Any], reason: str
) -> None:
    patient, tablet = who.patient(plan(BREATHLESS))
    good = answered(tablet, NINE, {"breathlessness": 0})
    [refused, taken] = answers(intake.take([answered(tablet, NINE, given, **more), good], NINE))
    assert (refused["status"], refused["reason"], taken["status"]) == ("rejected", reason, "stored")
    with base.transaction(WATCH, "test", NINE) as tx:
        assert tx.execute("SELECT count(*) FROM quarantine WHERE gateway = %s AND reason = %s", (tablet, reason)).fetchone() == (1,)
    assert observed(base, patient) == 1


def test_the_same_form_twice_is_a_duplicate_and_another_under_its_id_a_conflict(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan(BREATHLESS))
    id = uuid4()
    first = answered(tablet, NINE, {"breathlessness": 2, "chest_pain": 0}, id=id)
    again = answered(tablet, NINE, {"chest_pain": 0, "breathlessness": 2.0, "swelling": None}, id=id)
    other = answered(tablet, NINE, {"breathlessness": 1, "chest_pain": 0}, id=id)
    value = measured(tablet, NINE, ("spo2", 95, "%"), id=id)
    receipts = answers(intake.take([first, again], NINE) + intake.take([again, other, value], NINE + MINUTE))
    assert [receipt["status"] for receipt in receipts] == ["stored", "duplicate", "duplicate", "rejected", "rejected"]
    assert {receipt["reason"] for receipt in receipts[3:]} == {"id_conflict"}
    assert observed(base, patient) == 2
    assert open_alerts(base, patient)["answer:symptoms"].breaches == 1


def test_a_refused_id_is_free_and_the_form_may_be_sent_again_mended(who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan(BREATHLESS))
    id = uuid4()
    [refused] = answers(intake.take([answered(tablet, NINE, {"breathless": 2}, id=id)], NINE))
    [mended] = answers(intake.take([answered(tablet, NINE, {"breathlessness": 2}, id=id)], NINE))
    assert [refused["status"], mended["status"]] == ["rejected", "stored"]


def test_a_late_red_answer_alerts_and_does_not_become_the_current_one(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan(BREATHLESS, AT_REST))
    intake.take([answered(tablet, NINE, {"breathlessness": 0})], NINE)
    [receipt] = answers(intake.take([answered(tablet, NINE - 5 * HOUR, {"breathlessness": 3})], NINE + MINUTE))
    assert (receipt["late"], receipt["zone"]) == (True, "green")
    [alert] = open_alerts(base, patient).values()
    assert (alert.zone, alert.late) == ("red", True)


@pytest.mark.parametrize("leaf", ["answers", "measurements"])
@pytest.mark.parametrize("before", [False, True], ids=["after the form", "before the form"])
def test_a_withdrawn_form_no_longer_counts(who: Cast, base: Database, intake: Intake, serve: Database, leaf: str, before: bool) -> None:
    patient, tablet = who.patient(plan(BREATHLESS))
    id = uuid4()
    form = answered(tablet, NINE, {"breathlessness": 2}, id=id)
    withdrawal = raw(tablet, json.dumps({"id": str(uuid4()), "invalidates": str(id), "reason": "trykket feil"}).encode(), NINE, leaf)
    earlier = answered(tablet, NINE - HOUR, {"breathlessness": 0})
    for message in (earlier, *((withdrawal, form) if before else (form, withdrawal))):
        [receipt] = answers(intake.take([message], NINE + MINUTE))
        assert receipt["status"] == "stored"
    assert receipt["zone"] == "green"
    assert not [alert for alert in open_alerts(base, patient).values() if alert.supported]
    assert [one["invalid_reason"] for one in forms(serve, who.ada, patient)] == [None, "trykket feil"]


def test_a_slot_that_asks_for_the_form_is_reported_by_any_answer(who: Cast, intake: Intake) -> None:
    item = {"id": "form", "questionnaire": "symptoms", "times": ["08:00"], "days": "daily", "window": "PT3H", "required": True}
    _, tablet = who.patient(plan(BREATHLESS, schedule=[item]))
    [receipt] = answers(intake.take([measured(tablet, NINE, ("spo2", 95, "%"))], NINE))
    assert receipt["zone"] == "not_reported"
    [receipt] = answers(intake.take([answered(tablet, NINE, {"vision": 0})], NINE + MINUTE))
    assert receipt["zone"] == "green"


def test_scores_stand_beside_the_answers(who: Cast, intake: Intake, serve: Database) -> None:
    patient, tablet = who.patient(plan())
    intake.take([answered(tablet, NINE, {str(n): 2 for n in range(1, 8)}, "GAD-7", 1, note="urolig")], NINE)
    intake.take([answered(tablet, NINE + HOUR, {str(n): 3 for n in range(1, 7)}, "GAD-7", 1)], NINE + HOUR)
    whole, part = forms(serve, who.ada, patient)
    [total] = whole["scores"]
    assert total == {"score": "GAD-7", "low": 14, "high": 14, "prorated": False, "missing": [], "complete": True}
    assert (whole["questionnaire"], whole["version"], whole["note"], whole["unanswered"]) == ("GAD-7", 1, "urolig", [])
    assert whole["answers"] == [{"question": str(n), "value": 2} for n in range(1, 8)]
    [bounds] = part["scores"]
    assert (bounds["low"], bounds["high"], bounds["missing"], bounds["complete"]) == (18, 21, ["7"], False)


def test_a_nurse_of_another_centre_reads_no_form(who: Cast, intake: Intake, serve: Database) -> None:
    patient, tablet = who.patient(plan())
    intake.take([answered(tablet, NINE, {"breathlessness": 2})], NINE)
    assert len(forms(serve, who.bjorn, patient)) == 1
    assert forms(serve, who.cecilie, patient) == []
    for table in ("filled_form", "observation"):
        with pytest.raises(Exception, match="permission denied"), serve.transaction(Actor("person", who.ada), "test", NINE, "serve") as tx:
            tx.execute(f"SELECT count(*) FROM {table}")


@pytest.mark.parametrize(("points", "zone"), [(1, "yellow"), (2, "red"), (3, "red")])
def test_item_nine_alerts_in_a_family_of_its_own_although_the_form_is_incomplete(
    who: Cast, base: Database, intake: Intake, points: int, zone: str
) -> None:
    patient, tablet = who.patient(MOOD, plan_from=NINE - HOUR)
    intake.take([answered(tablet, NINE, {"9": points}, "PHQ-9", 1)], NINE)
    alerts = open_alerts(base, patient)
    assert {family: alert.zone for family, alert in alerts.items()} == {"answer:PHQ-9:9": zone}
    assert alerts["answer:PHQ-9:9"].state == "open"


def test_item_nine_does_not_hide_inside_the_score_and_rises_instead_of_multiplying(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(MOOD, plan_from=NINE - HOUR)
    intake.take([answered(tablet, NINE, phq(2, 2, 2, 2, 2, 2, 0, 0, 1), "PHQ-9", 1)], NINE)
    assert {family: alert.zone for family, alert in open_alerts(base, patient).items()} == {"answer:PHQ-9:9": "yellow", "PHQ-9": "yellow"}
    intake.take([answered(tablet, NINE + HOUR, {"9": 2}, "PHQ-9", 1)], NINE + HOUR)
    alerts = open_alerts(base, patient)
    assert {family: alert.zone for family, alert in alerts.items()} == {"answer:PHQ-9:9": "red", "PHQ-9": "yellow"}


def test_conservation_holds_after_everything_above(base: Database) -> None:
    with base.transaction(WATCH, "test", NINE) as tx:
        sums = dict(tx.execute("SELECT name, sum(value) FROM ingest_counter GROUP BY name").fetchall())
        stored = tx.execute("SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM inbox WHERE kind = 'answers')").fetchone()
        shown = tx.execute("SELECT count(*) FROM filled_form").fetchone()
    assert sums["received"] == sums["stored"] + sums["duplicate"] + sums["quarantined"]
    assert stored
    assert stored[0] == sums["stored"]
    assert shown == (stored[1],)


def held_by(base: Database, tablet: str) -> dict[str, Any]:
    """What the newest retained plan for a tablet says of its one patient."""
    with base.transaction(WATCH, "test", NINE + next(_later) * MINUTE) as tx:
        downlink_plans(tx, [tablet])
        row = tx.row("SELECT payload FROM outbox WHERE target = %s ORDER BY created_at DESC LIMIT 1", (f"dho/v1/{tablet}/plan",))
    [found] = json.loads(bytes(row.payload))["patients"]
    return dict(found)


def test_the_retained_plan_holds_the_questionnaires_that_it_asks_in_the_patients_language(who: Cast, base: Database) -> None:
    item = {"id": "mood", "questionnaire": "check_in", "times": ["08:00"], "days": "daily", "window": "PT3H"}
    patient, tablet = who.patient(plan(BREATHLESS, schedule=[item]))
    at_enrolment = held_by(base, tablet)["questionnaires"]
    assert [(form["id"], form["version"]) for form in at_enrolment] == [("check_in", 1), ("symptoms", 2)]
    assert at_enrolment[1]["items"][0]["options"][2] == {"value": 2, "text": "Mer enn vanlig"}
    with Database(who.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        tx.execute("UPDATE patient SET language = 'nn' WHERE id = %s", (patient,))
    assert held_by(base, tablet)["questionnaires"][1]["items"][0]["options"][2]["text"] == "Meir enn vanleg"


def test_the_tablet_knows_what_to_say_at_once_about_item_nine(who: Cast, base: Database) -> None:
    _, tablet = who.patient(MOOD)
    held = held_by(base, tablet)
    immediate = {(one["questionnaire"], one["question"]): one["text"] for one in held["immediate"] if "question" in one}
    assert "116 123" in immediate["PHQ-9", "9"]
    [phq_9] = [form for form in held["questionnaires"] if form["id"] == "PHQ-9"]
    assert phq_9["items"][8]["crisis"]["at_least"] == 1


def test_a_definition_that_the_centre_has_loaded_is_asked_and_read(who: Cast, base: Database, intake: Intake, tmp_path: Path) -> None:
    rule = {"id": "itch", "kind": "answer", "questionnaire": "skin", "question": "itch", "at_least": 3, "zone": "yellow"}
    _, tablet = who.patient(plan(rule))
    assert held_by(base, tablet)["questionnaires"] == []
    message = answered(tablet, NINE, {"itch": 4}, "skin", 1)
    assert answers(intake.take([message], NINE))[0]["reason"] == "unknown_code"
    own = {
        "id": "skin",
        "version": 1,
        "title": {"nb": "Hud"},
        "items": [{"id": "itch", "text": {"nb": "Kløe?"}, "lowest": 0, "highest": 5}],
    }
    with Database(who.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        assert keep(tx, own).version == 1
        keep(tx, own)  # the same again changes nothing
        with pytest.raises(Invalid, match="version 1 of skin is there already"):
            keep(tx, own | {"items": [{"id": "itch", "text": {"nb": "Kløe?"}, "lowest": 0, "highest": 9}]})
    assert held_by(base, tablet)["questionnaires"][0]["items"][0]["text"] == "Kløe?"
    [receipt] = answers(intake.take([message], NINE))
    assert (receipt["status"], receipt["zone"]) == ("stored", "yellow")


def test_wordings_may_be_loaded_for_a_form_that_ships_without_but_not_other_answers(who: Cast, base: Database) -> None:
    def mmrc(highest: int) -> dict[str, Any]:
        item = {"id": "1", "text": {"nb": "Når blir du tungpusten?"}, "lowest": 0, "highest": highest}
        return {"id": "mMRC", "version": 1, "title": {"nb": "mMRC"}, "scores": ["mMRC"], "items": [item]}

    _, tablet = who.patient(plan({"id": "m", "kind": "answer", "questionnaire": "mMRC", "question": "1", "at_least": 2, "zone": "yellow"}))
    assert held_by(base, tablet)["questionnaires"][0]["needs_texts"] is True
    with Database(who.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        with pytest.raises(Invalid, match="another version"):
            keep(tx, mmrc(9))
        keep(tx, mmrc(4))
    assert held_by(base, tablet)["questionnaires"][0]["items"][0]["text"] == "Når blir du tungpusten?"
