"""History from files: the same door as a tablet's upload, received when it was measured, and the same again only duplicates."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dho import clock
from dho.db import WATCH, Database
from tests.command_line import CommandLine
from tests.conftest import TestDatabase

CGM = Path(__file__).parents[1] / "data" / "cgm_extract.csv"


@pytest.fixture
def dho(database: TestDatabase, tmp_path: Path) -> CommandLine:
    return CommandLine(database.url, tmp_path)


@pytest.fixture
def centre(dho: CommandLine) -> str:
    name = f"Senteret {uuid4().hex[:6]}"
    dho("admin", "centre", "add", name, "--municipality", "Fjordvik kommune", "--always-open")
    return name


def rows(database: TestDatabase, statement: str, *params: Any) -> list[Any]:
    base = Database(database.url, "owner", size=1)
    try:
        with base.transaction(WATCH, "test", clock.now()) as tx:
            return tx.rows(statement, params)
    finally:
        base.close()


def write(directory: Path, text: str, name: str = "values.csv") -> Path:
    file = directory / name
    file.write_text(text)
    return file


def test_real_glucose_goes_in_and_the_plan_raises_what_it_should(
    dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path
) -> None:
    """217 mg/dL is 12.0 mmol/L and not above it; 221, at 02:54:39 on a clock that was never changed, is."""
    glucose = {"kind": "threshold", "code": "15074-8", "unit": "mmol/L"}
    limits = [{**glucose, "id": "high", "above": 10, "zone": "yellow"}, {**glucose, "id": "very-high", "above": 12.0, "zone": "red"}]
    plan = write(tmp_path, json.dumps({"title": "Diabetes", "rules": limits}), "plan.json")
    asked = (CGM, "--timezone", "-05:00", "--create-patients", "--centre", centre, "--plan", plan)
    said = dho("import", *asked, "--json").json
    assert (said["stored"], said["duplicate"], said["rejected"], said["skipped_hour"]) == (141, 0, 0, 0)
    high = UUID(said["patients"]["Subject 5"])
    (alert,) = rows(database, "SELECT id, family, zone, late FROM alert WHERE patient = %s", high)
    assert (alert.family, alert.zone, alert.late) == ("glucose", "red", False)
    journal = rows(database, "SELECT type, change FROM alert_event WHERE alert = %s ORDER BY version", alert.id)
    worsened = next(event for event in journal if event.change["zone"] == "red")
    newest = max(o["measured_at"] for reason in worsened.change["because"] for o in reason["observations"])
    assert newest == "2015-03-08T07:54:39Z"
    (value,) = rows(
        database,
        "SELECT value, unit, sent_value, sent_unit, received_at = measured_at AS same FROM observation WHERE patient = %s LIMIT 1",
        high,
    )
    assert (value.unit, value.sent_unit, value.same) == ("mmol/L", "mg/dL", True)
    assert abs(float(value.value) - float(value.sent_value) / 18.016) <= 0.05

    again = dho("import", *asked, "--json").json
    assert (again["stored"], again["duplicate"], again["rejected"]) == (0, 141, 0)
    assert rows(database, "SELECT count(*) AS n FROM alert WHERE patient = %s", high) == [(1,)]


def test_bad_lines_are_told_and_the_rest_goes_in(dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word
    text = "time,spo2_percent,pulse_per_min\n2026-01-10T08:00:00Z,95,70\nnever,95,70\n2026-01-10T09:00:00Z,5,70\n2026-01-10T10:00:00Z,5,5\n"
    said = dho("import", write(tmp_path, text), "--patient", patient, status=1)
    assert said.out.startswith("4 lines: 2 stored, 0 duplicates, 2 rejected")
    assert "line 3: bad_time" in said.err
    assert "line 4: stored, but spo2" in said.err
    found = rows(database, "SELECT measurement FROM observation WHERE patient = %s ORDER BY measured_at, position", patient)
    assert [row.measurement for row in found] == ["spo2", "pulse", "pulse"]


def test_names_are_looked_up_in_a_book_and_strangers_are_told(dho: CommandLine, centre: str, tmp_path: Path) -> None:
    eva = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word
    book = write(tmp_path, f"name,id\nE-17,{eva}\n", "book.csv")
    text = "patient,time,spo2_percent\nE-17,2026-01-10T08:00:00Z,95\nE-18,2026-01-10T08:00:00Z,95\n"
    said = dho("import", write(tmp_path, text), "--patients", book, status=1)
    assert said.out.startswith("2 lines: 1 stored")
    assert "line 3: not_attributable" in said.err


def test_the_same_name_is_the_same_patient_in_the_next_file(dho: CommandLine, centre: str, tmp_path: Path) -> None:
    first = write(tmp_path, "patient,time,spo2_percent\nKari N,2026-01-10T08:00:00Z,95\n")
    made = dho("import", first, "--create-patients", "--centre", centre, "--json").json["patients"]
    second = write(tmp_path, "patient,time,spo2_percent\nKari N,2026-01-11T08:00:00Z,96\n")
    again = dho("import", second, "--create-patients", "--centre", centre, "--json").json
    assert (again["patients"], again["stored"]) == (made, 1)
    assert "Kari" not in str(made["Kari N"])


def test_fhir_goes_in_under_its_own_ids(dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path) -> None:
    patient, mine = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word, str(uuid4())
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"value": mine}],
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-01-10T08:00:00+01:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
        "valueQuantity": {"value": 100.4, "code": "[degF]"},
    }
    unknown = {**resource, "identifier": [], "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}, {"resource": unknown}]}
    said = dho("import", write(tmp_path, json.dumps(bundle), "bundle.json"), status=1)
    assert said.out.startswith("2 lines: 1 stored, 0 duplicates, 1 rejected")
    assert "line 2: unknown_code" in said.err
    (value,) = rows(database, "SELECT value, unit FROM observation WHERE uplink = %s", mine)
    assert (str(value.value), value.unit) == ("38.0", "Cel")


def test_what_time_has_brought_a_followed_patient_is_not_undone_by_old_history(
    dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path
) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva", "--template", "copd").word
    dho("import", write(tmp_path, f"time,spo2_percent\n{clock.now().isoformat()},95\n"), "--patient", patient)
    (before,) = rows(database, "SELECT zone, judged_at, newest_measured_at FROM patient_state WHERE patient = %s", patient)
    dho(
        "import",
        write(tmp_path, "time,spo2_percent\n2020-01-10T08:00:00Z,70\n2020-01-11T08:00:00Z,95\n2020-01-12T08:00:00Z,95\n"),
        "--patient",
        patient,
    )
    (after,) = rows(database, "SELECT zone, judged_at, newest_measured_at FROM patient_state WHERE patient = %s", patient)
    assert after.judged_at >= before.judged_at
    assert (after.zone, after.newest_measured_at) == (before.zone, before.newest_measured_at)
    assert rows(database, "SELECT count(*) AS n FROM alert WHERE patient = %s", patient) == [(0,)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--create-patients",), "needs --centre"),
        (("--centre", "X"), "belong to --create-patients"),
        (("--map", "a=b"), "COLUMN=measurement:unit"),
        (("--timezone", "Mars/Olympus"), "time zone"),
        (("--code-column", "time"), "belong together"),
        (("--via", "mqtt", "--patient", str(uuid4())), "no patient"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused(dho: CommandLine, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    file = write(tmp_path, "time,spo2_percent\n2026-01-10T08:00:00Z,95\n")
    answer = dho("import", file, *arguments, status=1 if "no patient" in said else 2)
    assert said in answer.err + answer.error
