"""Back-tests of stored history, over the API and on the command line, and the clinical events that they are held against."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from alerts.intake import Intake
from dho import clock
from dho.db import Database
from tests.cast import LOW_SPO2, LOWISH_SPO2, Cast, cast, measured, plan
from tests.command_line import CommandLine
from tests.conftest import TestDatabase
from tests.serving import Served, log_in_as_patient

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture(scope="module")
def started(who: Cast) -> datetime:
    """When the stories begin: sixty days ago."""
    return who.now - 60 * DAY


@pytest.fixture(scope="module")
def patient(database: TestDatabase, served: Served, who: Cast, started: datetime) -> UUID:
    """Two months of saturation a day: 90 now and then, 85 on the day before each of three exacerbations."""
    someone, tablet = who.patient(plan(LOWISH_SPO2, LOW_SPO2), plan_from=started)
    base = Database(database.url, "ingest", size=1)
    try:
        intake = Intake(base, "history")
        for day in range(60):
            value = 85 if day in (19, 34, 49) else 90 if day % 6 == 4 else 95
            at = started + day * DAY + timedelta(minutes=5)
            intake.take([measured(tablet, at, ("59408-5", value, "%"), received_at=at)], at)
    finally:
        base.close()
    with served.client(who.ada) as client:
        for day in (20, 35, 50):
            event = {"kind": "exacerbation", "at": (started + day * DAY).isoformat()}
            assert client.post(f"/api/v1/patients/{someone}/clinical-events", json=event).status_code == 201
    return someone


def draft(ada: httpx.Client, patient: UUID, *rules: dict[str, Any]) -> str:
    answer = ada.post(f"/api/v1/patients/{patient}/plans", json=plan(*rules))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_ada_records_what_happened_and_reads_it_again(ada: httpx.Client, who: Cast, started: datetime) -> None:
    someone, _ = who.patient(plan(LOW_SPO2))
    path = f"/api/v1/patients/{someone}/clinical-events"
    for day, kind in ((20, "exacerbation"), (35, "admission"), (50, "treatment_start")):
        answer = ada.post(path, json={"kind": kind, "at": (started + day * DAY).isoformat()})
        assert (answer.status_code, answer.json()["recorded_by"]) == (201, str(who.ada))
    assert [event["kind"] for event in ada.get(path).json()["items"]] == ["treatment_start", "admission", "exacerbation"]
    assert ada.post(path, json={"kind": "admission", "at": (clock.now() + DAY).isoformat()}).status_code == 422
    assert ada.post(path, json={"kind": "holiday", "at": started.isoformat()}).status_code == 422


def test_a_draft_is_tried_on_the_patients_own_history_beside_the_active_version(ada: httpx.Client, patient: UUID) -> None:
    quieter = draft(ada, patient, LOW_SPO2)
    told = ada.post(f"/api/v1/plans/{quieter}/backtest").json()
    assert told["patient"] == str(patient)
    assert told["draft"]["by_rule"] == [{"rule": "spo2-red", "zone": "red", "alerts": 3}]
    assert {(r["rule"], r["alerts"]) for r in told["active"]["by_rule"]} == {("spo2-red", 3), ("spo2-yellow", 9)}
    assert [text["key"] for text in told["verdict"]] == ["backtest.alerts", "backtest.caught"]
    assert (len(told["new"]), told["warnings"]) == (0, [])
    assert [(event["caught"], event["by_rule"]) for event in told["draft"]["events"]] == [(True, "spo2-red")] * 3
    assert {zone["zone"] for zone in told["draft"]["zones"][1:]} == {"green", "red"}  # before the first reading: not reported
    assert told["draft"]["load"]["alerts_per_day"] == pytest.approx(3 / told["days"], abs=0.002)
    assert told["assumption"]["staff"] == "assumed"


def test_a_draft_that_misses_what_the_active_version_caught_is_warned_of_first(ada: httpx.Client, patient: UUID) -> None:
    blind = draft(ada, patient, {**LOW_SPO2, "below": 80})
    told = ada.post(f"/api/v1/plans/{blind}/backtest", json={"staff": "nobody"}).json()
    assert [text["key"] for text in told["warnings"]] == ["backtest.lost"] * len(told["warnings"]) != []
    assert told["draft"]["alerts"] == 0
    assert told["missed"]


def test_a_back_test_changes_nothing(served: Served, ada: httpx.Client, patient: UUID) -> None:
    def stored() -> list[Any]:
        return served.rows(
            "SELECT ARRAY[(SELECT count(*) FROM alert), (SELECT count(*) FROM alert_event), (SELECT count(*) FROM feed_event),"
            " (SELECT count(*) FROM task), (SELECT version FROM patient_state WHERE patient = %s),"
            " (SELECT count(*) FROM state_checkpoint)] AS counts",
            (patient,),
        )

    tried = draft(ada, patient, LOWISH_SPO2)
    before = stored()
    assert ada.post(f"/api/v1/plans/{tried}/backtest").status_code == 200
    assert stored() == before


def test_the_door_is_the_same_as_for_the_plan_and_the_look_is_logged(served: Served, who: Cast, ada: httpx.Client, patient: UUID) -> None:
    tried = draft(ada, patient, LOW_SPO2)
    path, events = f"/api/v1/plans/{tried}/backtest", f"/api/v1/patients/{patient}/clinical-events"
    with served.client(who.cecilie) as cecilie:
        assert cecilie.post(path).status_code == 404
        assert cecilie.get(events).status_code == 404
        assert cecilie.post(events, json={"kind": "admission", "at": who.now.isoformat()}).status_code == 404
    assert served.client().post(path).status_code == 401
    ada.post(path)
    looks = served.rows("SELECT person, what FROM access_log WHERE patient = %s ORDER BY id DESC LIMIT 1", (patient,))
    assert [tuple(row) for row in looks] == [(who.ada, "plan.backtest")]


def test_eva_may_read_what_happened_to_her_but_not_write_it_nor_try_plans(served: Served, who: Cast, ada: httpx.Client) -> None:
    tried = draft(ada, who.eva, LOW_SPO2)
    with served.client(log_in_as_patient(served, who)) as eva:
        assert eva.get(f"/api/v1/patients/{who.eva}/clinical-events").json() == {"items": [], "next": None}
        assert (
            eva.post(f"/api/v1/patients/{who.eva}/clinical-events", json={"kind": "admission", "at": "2026-01-01T00:00:00Z"}).status_code
            == 403
        )
        assert eva.post(f"/api/v1/plans/{tried}/backtest").status_code == 403


def test_without_history_there_is_nothing_to_go_back_to(ada: httpx.Client, who: Cast) -> None:
    nobody, _ = who.patient(plan(LOW_SPO2))
    tried = draft(ada, nobody, LOWISH_SPO2)
    assert ada.post(f"/api/v1/plans/{tried}/backtest").status_code == 404


def test_the_time_gone_back_to_is_chosen_and_must_not_be_empty(ada: httpx.Client, patient: UUID, started: datetime) -> None:
    tried = draft(ada, patient, LOW_SPO2)
    since = started + 30 * DAY
    told = ada.post(f"/api/v1/plans/{tried}/backtest", json={"since": since.isoformat(), "until": (since + 10 * DAY).isoformat()}).json()
    assert (told["days"], told["draft"]["alerts"]) == (10, 1)
    assert ada.post(f"/api/v1/plans/{tried}/backtest", json={"since": "2200-01-01T00:00:00Z"}).status_code == 422


def test_an_operator_reads_the_same_in_a_terminal(database: TestDatabase, ada: httpx.Client, patient: UUID, tmp_path: Path) -> None:
    dho = CommandLine(database.url, tmp_path)
    file = tmp_path / "draft.json"
    file.write_text(json.dumps(plan({**LOW_SPO2, "below": 80})))
    said = dho("backtest", "--patient", patient, "--plan", file)
    lines = said.out.splitlines()
    assert lines[1].startswith("WARNING  This plan does not catch the event")
    assert "0 alerts instead of 12." in said.out
    (told,) = dho("backtest", "--patient", patient, "--plan-version", 1, "--json").json
    assert (told["draft"]["alerts"], told["active"]) == (12, None)
    assert dho("backtest", "--patient", patient, "--plan-version", 99, status=1).error == "The patient has no plan version 99."
    assert "either --patient or --csv" in dho("backtest", status=2).err
