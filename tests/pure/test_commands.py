"""The command line: what it says of itself, how it fails, and how it reads files of measurements."""

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import pytest

from dashboards.commands.admin import opening_hours
from dashboards.commands.bulk_import import Refusal, Tablet, read_tablets
from dashboards.commands.csv_lines import UnreadableFile, columns_of, mapped, read_header, read_lines
from dashboards.commands.demo_people import CENTRES, LIVE_PATIENTS, STAFF, patients
from dashboards.commands.fhir_lines import lines_of, read_resources
from dashboards.commands.measurement_lines import BadLine, Line, LocalClock, in_time_order
from dho.__main__ import COMMANDS, cli
from dho.errors import Invalid

OSLO, NEW_YORK = ZoneInfo("Europe/Oslo"), ZoneInfo("America/New_York")
CGM = Path(__file__).parents[1] / "data" / "cgm_extract.csv"
EVA = UUID("018f2c1e-0000-7000-8000-000000000001")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "dho", *arguments], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_says_in_its_help_what_the_table_says(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name or isinstance(command, click.Group)
    assert command.help


def test_help_answers_without_importing_what_commands_need() -> None:
    script = (
        "import sys; from dho.__main__ import cli; cli.main(['--help'], standalone_mode=False); print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert all(f"  {name}" in done.stdout for name in COMMANDS)
    assert not {"sqlalchemy", "fastapi", "paho", "apscheduler"} & set(done.stderr.split())


def test_a_wrong_call_is_one_sentence_and_status_2() -> None:
    done = run("serve", "--only", "everybody")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dho: ")
    assert done.stderr.count("\n") == 1


def test_a_missing_setting_is_one_sentence_that_says_what_to_set() -> None:
    done = subprocess.run(
        ["env", "-i", sys.executable, "-m", "dho", "watch"], capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 2
    assert done.stderr.startswith("dho: DHO_DATABASE_URL is not set")
    assert "Traceback" not in done.stderr


def test_a_weak_secret_is_refused() -> None:
    given = ["DHO_DATABASE_URL=postgresql://x@127.0.0.1:1/x", "DHO_SECRET_KEY=short"]
    done = subprocess.run(["env", "-i", *given, sys.executable, "-m", "dho", "serve"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "DHO_SECRET_KEY is too short" in done.stderr


def test_a_database_that_is_away_is_one_sentence_and_status_1() -> None:
    given = ["DHO_DATABASE_URL=postgresql://x@127.0.0.1:1/x"]
    done = subprocess.run(["env", "-i", *given, sys.executable, "-m", "dho", "migrate"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("dho: The database cannot be reached")
    assert done.stderr.count("\n") == 1


# Files of measurements


def read(text: str, zone: tzinfo | None = OSLO, *, decimal_comma: bool = False, **options: object) -> list[Line | BadLine]:
    file = io.StringIO(text)
    header, delimiter = read_header(file)
    columns = columns_of(header, **options)  # type: ignore[arg-type]
    return list(read_lines(file, header, delimiter, columns, LocalClock(zone), decimal_comma=decimal_comma))


def good(lines: list[Line | BadLine]) -> list[Line]:
    return [line for line in lines if isinstance(line, Line)]


def test_a_header_that_names_measurement_and_unit_needs_no_mapping() -> None:
    (line,) = good(read("patient,measured_at,systolic_mmHg,diastolic_mmHg,pulse_per_min\nEva,2026-01-10 08:00:00,133,74,67\n"))
    assert [(v.code, v.value, v.unit) for v in line.values] == [
        ("systolic", Decimal(133), "mm[Hg]"),
        ("diastolic", Decimal(74), "mm[Hg]"),
        ("pulse", Decimal(67), "/min"),
    ]
    assert (line.patient, line.taken_at) == ("Eva", datetime(2026, 1, 10, 7, tzinfo=UTC))


def test_one_value_a_line_with_code_and_unit_in_columns_of_their_own() -> None:
    text = "id;when;what;value;unit\nEva;2026-01-10T08:00:00Z;8310-5;37,8;Cel\n"
    (line,) = good(read(text, patient="id", time="when", long=("what", "value", "unit"), decimal_comma=True))
    assert (line.values[0].code, line.values[0].value, line.values[0].unit) == ("8310-5", Decimal("37.8"), "Cel")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("Eva,2026-01-10 08:00", "malformed"),
        ("Eva,yesterday,92", "bad_time"),
        ("Eva,2026-01-10 08:00:00,ninety", "wrong_type"),
        ("Eva,2026-01-10 08:00:00,NaN", "not_finite"),
        ("Eva,2026-01-10 08:00:00,", "missing_field"),
        (",2026-01-10 08:00:00,92", "missing_field"),
        ("Eva,,92", "missing_field"),
        ("Eva\udce5,2026-01-10 08:00:00,92", "bad_text"),
    ],
)
def test_a_bad_line_is_told_with_number_and_reason_and_takes_nothing_along(line: str, reason: str) -> None:
    found = read(f"patient,time,spo2_percent\nEva,2026-01-10 07:00:00,95\n{line}\nEva,2026-01-10 09:00:00,96\n")
    assert [type(one) for one in found] == [Line, BadLine, Line]
    assert isinstance(found[1], BadLine)
    assert (found[1].place, found[1].reason) == (3, reason)


def test_times_without_offset_and_without_zone_are_refused() -> None:
    (bad,) = read("time,spo2_percent\n2026-01-10 08:00:00,95\n", zone=None)
    assert isinstance(bad, BadLine)
    assert bad.reason == "no_offset"


def test_a_local_hour_that_comes_twice_is_first_and_then_second() -> None:
    times = ["02:30:00", "02:45:00", "02:30:00", "02:45:00", "03:00:00"]
    text = "time,spo2_percent\n" + "".join(f"2026-10-25 {at},95\n" for at in times)
    instants = [line.taken_at.astimezone(UTC).strftime("%H:%M") for line in good(read(text))]
    assert instants == ["00:30", "00:45", "01:30", "01:45", "02:00"]


def test_a_local_hour_that_was_skipped_moves_forward_and_is_counted() -> None:
    clock = LocalClock(NEW_YORK)
    with CGM.open() as file:
        header, delimiter = read_header(file)
        lines = good(list(read_lines(file, header, delimiter, columns_of(header), clock)))
    assert clock.skipped == 12
    moved = next(line for line in lines if line.taken_at.astimezone(UTC) == datetime(2015, 3, 8, 7, 4, 39, tzinfo=UTC))
    assert moved.taken_at.strftime("%H:%M") == "03:04"


def test_a_device_whose_clock_was_never_changed_is_read_with_a_fixed_offset() -> None:
    clock = LocalClock(timezone(-timedelta(hours=5)))
    with CGM.open() as file:
        header, delimiter = read_header(file)
        lines = good(list(read_lines(file, header, delimiter, columns_of(header), clock)))
    assert clock.skipped == 0
    assert len({(line.patient, line.taken_at) for line in lines}) == len(lines) == 141


def test_the_same_line_has_the_same_id_and_another_value_another() -> None:
    text = "time,spo2_percent\n2026-01-10 08:00:00,{}\n"
    ids = {value: good(read(text.format(value)))[0].identity(EVA) for value in ("95", "95.0", "96")}
    assert ids["95"] == ids["95.0"] != ids["96"]


def test_a_line_becomes_what_a_tablet_would_send_with_its_digits_kept() -> None:
    (line,) = good(read("time,glucose_mmol_L\n2026-01-10 08:00:00,5.40\n"))
    told = json.loads(line.element(EVA), parse_float=str)
    assert told["values"] == [{"code": "glucose", "value": "5.40", "unit": "mmol/L"}]
    assert told["patient"] == str(EVA)


def test_lines_go_in_in_the_order_they_were_measured() -> None:
    lines = good(read("time,spo2_percent\n2026-01-10 09:00:00,95\n2026-01-10 08:00:00,96\n"))
    assert [line.place for line in in_time_order(lines)] == [3, 2]


@pytest.mark.parametrize("option", ["x", "x=y", "x=glucose:mgdl", "x=nothing:%", "=spo2:%"])
def test_a_mapping_that_means_nothing_is_refused_with_what_would(option: str) -> None:
    with pytest.raises(ValueError, match="“"):
        mapped(option)


@pytest.mark.parametrize("header", ["patient,glucose_mg_dL", "time,colour", "time"])
def test_a_file_without_time_or_values_is_refused_as_a_whole(header: str) -> None:
    with pytest.raises(UnreadableFile):
        read(f"{header}\n")


# FHIR


def observation(**parts: object) -> dict[str, object]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": {"reference": f"Patient/{EVA}"},
        "effectiveDateTime": "2026-01-10T08:00:00+01:00",
        "code": {"coding": [{"system": "http://loinc.org", "code": "59408-5"}]},
        "valueQuantity": {"value": 92, "code": "%", "system": "http://unitsofmeasure.org"},
        **parts,
    }


def fhir(*resources: object) -> list[Line | BadLine | None]:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}
    return list(lines_of(read_resources(json.dumps(bundle)), LocalClock(None)))


def test_a_blood_pressure_is_one_measurement_of_its_components() -> None:
    def part(code: str, value: int) -> dict[str, object]:
        coding = {"coding": [{"system": "http://loinc.org", "code": code}]}
        return {"code": coding, "valueQuantity": {"value": value, "code": "mm[Hg]"}}

    resource = observation(component=[part("8480-6", 133), part("8462-4", 74)])
    del resource["valueQuantity"]
    (line,) = fhir(resource)
    assert isinstance(line, Line)
    assert [(v.code, v.value) for v in line.values] == [("8480-6", Decimal(133)), ("8462-4", Decimal(74))]
    assert line.patient == str(EVA)


def test_an_identifier_that_is_a_uuid_is_the_measurements_id() -> None:
    (line,) = fhir(observation(identifier=[{"value": "lab-7"}, {"value": str(EVA)}], id="not-this"))
    assert isinstance(line, Line)
    assert line.id == EVA


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"status": "entered-in-error"}, "malformed"),
        ({"effectiveDateTime": "2026-01-10"}, "no_offset"),
        ({"effectiveDateTime": None}, "missing_field"),
        ({"valueQuantity": None}, "missing_field"),
        ({"valueQuantity": {"value": "92", "code": "%"}}, "wrong_type"),
        ({"valueQuantity": {"value": 92, "code": "%", "comparator": "<"}}, "wrong_type"),
        ({"code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}}, "unknown_code"),
    ],
)
def test_a_bad_observation_is_told_with_its_entry_and_the_rest_goes_on(parts: dict[str, object], reason: str) -> None:
    bad, fine, other = fhir(observation(**parts), observation(), {"resourceType": "Patient"})
    assert isinstance(bad, BadLine)
    assert (bad.place, bad.reason) == (1, reason)
    assert isinstance(fine, Line)
    assert other is None


def test_one_resource_a_line_is_read_and_a_broken_line_told() -> None:
    text = f"{json.dumps(observation())}\nnot json\n{json.dumps(observation())}\n"
    kinds = [type(line) for line in lines_of(read_resources(text), LocalClock(None))]
    assert kinds == [Line, BadLine, Line]


# Tablets by the thousand, opening hours, the demo's cast


def tablets(path: Path, *lines: str) -> Iterator[Tablet | Refusal]:
    file = path / "tablets.csv"
    file.write_text("\n".join(["centre,patient,gateway,password,template", *lines]))
    return read_tablets(file)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("C,Eva,tablet-2,fifteen-letters,copd", "weak"),
        ("C,Eva,tab let,long-enough-password,copd", "id"),
        ("C,,tablet-2,long-enough-password,copd", "patient is empty"),
        ("C,Eva,tablet-2,long-enough-password", "columns"),
        ("C,Eva,tablet-1,another-long-password,copd", "another password"),
    ],
)
def test_a_line_of_tablets_that_cannot_be_taken_is_told_with_its_number(tmp_path: Path, line: str, said: str) -> None:
    first, second = tablets(tmp_path, "C,Eva,tablet-1,long-enough-password,copd", line)
    assert isinstance(first, Tablet)
    assert isinstance(second, Refusal)
    assert second.line == 3
    assert said in second.detail


def test_a_password_that_is_left_out_is_made(tmp_path: Path) -> None:
    (tablet,) = tablets(tmp_path, "C,Eva,tablet-1,,")
    assert isinstance(tablet, Tablet)
    assert tablet.made
    assert len(tablet.password) >= 32


def test_another_heading_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(Invalid, match="centre,patient,gateway,password,template"):
        list(read_tablets(tmp_path / "x.csv"))


def test_opening_hours_are_read_by_day_and_period() -> None:
    assert opening_hours(("mon-tue=08:00-15:30", "tue=17:00-20:00")) == {
        "mon": [["08:00", "15:30"]],
        "tue": [["08:00", "15:30"], ["17:00", "20:00"]],
    }


@pytest.mark.parametrize("hours", ["monday=08:00-15:30", "mon=15:30-08:00", "mon", "mon=8-15", "fri-mon=08:00-15:30"])
def test_hours_that_are_none_are_refused(hours: str) -> None:
    with pytest.raises(Invalid):
        opening_hours((hours,))


def test_the_demos_cast_is_the_same_again_and_has_live_tablets_in_both_centres() -> None:
    cast = list(patients(40))
    assert cast == list(patients(40))
    assert {p.centre for p in cast if p.live} == {centre.key for centre in CENTRES}
    assert sum(p.live for p in cast) == LIVE_PATIENTS
    assert len({p.gateway for p in cast}) == len({p.name for p in cast}) == 40
    assert {p.condition for p in cast} == {"copd", "heart_failure", "diabetes", "hypertension"}


def test_two_patients_are_enough_for_two_centres() -> None:
    assert {p.centre for p in patients(2) if p.live} == {centre.key for centre in CENTRES}


def test_somebody_round_the_clock_and_somebody_elsewhere() -> None:
    assert [centre.hours is None for centre in CENTRES] == [True, False]
    assert {s.login for s in STAFF} >= {"nurse", "specialist", "gp", "admin", "lead"}
