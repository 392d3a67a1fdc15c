"""What an operator does: centres, people, gateways, patients and plans, one by one and by the thousand."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dashboards.passwords import is_password
from dashboards.sessions import hash_token
from devices import provisioning
from dho import clock
from dho.db import WATCH, Database
from tests.cast import FEVER, SECRET_KEY, plan
from tests.command_line import CommandLine
from tests.conftest import TestDatabase


@pytest.fixture
def dho(database: TestDatabase, tmp_path: Path) -> CommandLine:
    return CommandLine(database.url, tmp_path)


@pytest.fixture
def centre(dho: CommandLine) -> str:
    name = f"Senteret {uuid4().hex[:6]}"
    dho("admin", "centre", "add", name, "--municipality", "Fjordvik kommune", "--hours", "mon-fri=08:00-15:30")
    return name


def one(database: TestDatabase, statement: str, *params: Any) -> Any:
    """The first row."""
    return rows(database, statement, *params)[0]


def rows(database: TestDatabase, statement: str, *params: Any) -> list[Any]:
    base = Database(database.url, "owner", size=1)
    try:
        with base.transaction(WATCH, "test", clock.now()) as tx:
            return tx.rows(statement, params)
    finally:
        base.close()


def test_a_centre_belongs_to_its_municipality_and_is_added_once(dho: CommandLine, centre: str) -> None:
    (told,) = [c for c in dho("admin", "centre", "list", "--json").json if c["name"] == centre]
    assert told["municipality"] == "Fjordvik kommune"
    assert told["opening_hours"]["fri"] == [["08:00", "15:30"]]
    assert "sat" not in told["opening_hours"]
    again = dho("admin", "centre", "add", centre, "--municipality", "Fjordvik kommune", "--always-open", status=1)
    assert "already" in again.error


def test_a_centre_has_hours_or_is_always_open(dho: CommandLine) -> None:
    said = dho("admin", "centre", "add", "X", "--municipality", "Y", status=2)
    assert "--always-open" in said.err


def test_ada_is_added_with_a_password_that_is_printed_once_and_kept_as_argon2id(
    dho: CommandLine, centre: str, database: TestDatabase
) -> None:
    user = f"ada-{uuid4().hex[:6]}"
    password = dho("admin", "person", "add", user, "--name", "Ada", "--role", "follow_up_nurse", "--at", centre).word
    kept = one(database, "SELECT password_hash FROM person WHERE user_name = %s", user).password_hash
    assert kept.startswith("$argon2id$")
    assert is_password(kept, password)
    assert (
        one(database, "SELECT m.role FROM membership m JOIN person p ON p.id = m.person WHERE p.user_name = %s", user).role
        == "follow_up_nurse"
    )


def test_a_short_password_is_refused(dho: CommandLine) -> None:
    said = dho("admin", "person", "add", "x", "--name", "X", "--password-stdin", stdin="short\n", status=1)
    assert "too short" in said.error


def test_who_has_left_has_no_token_and_no_role(dho: CommandLine, centre: str, database: TestDatabase) -> None:
    user = f"bjorn-{uuid4().hex[:6]}"
    dho("admin", "person", "add", user, "--name", "Bjørn", "--role", "follow_up_nurse", "--at", centre)
    token = dho("admin", "token", user).word
    kept = hash_token(SECRET_KEY, token)
    assert one(database, "SELECT ended_at FROM api_token WHERE token_hash = %s", kept).ended_at is None
    dho("admin", "person", "end", user)
    assert one(database, "SELECT ended_at FROM api_token WHERE token_hash = %s", kept).ended_at is not None
    held = "SELECT upper(m.during) AS until FROM membership m JOIN person p ON p.id = m.person WHERE p.user_name = %s"
    assert one(database, held, user).until is not None
    assert "Nobody" in dho("admin", "token", user, status=1).error


def test_a_gateway_has_a_secret_of_which_only_hashes_are_kept(dho: CommandLine, centre: str, database: TestDatabase) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word
    gateway = f"tablet-{uuid4().hex[:6]}"
    secret = dho("admin", "gateway", "add", gateway, "--centre", centre, "--patient", patient).word
    kept = one(database, "SELECT secret_hash FROM gateway WHERE id = %s", gateway).secret_hash
    assert bytes(kept) == provisioning.secret_hash(SECRET_KEY, secret)
    accounts = (dho.directory / "accounts" / provisioning.PASSWORD_FILE).read_text()
    assert accounts.startswith(f"{gateway}:$7$")
    assert secret not in accounts
    assert "already" in dho("admin", "gateway", "add", gateway, "--centre", centre, status=1).error


def test_a_lost_gateway_is_shut_out_and_serves_nobody(dho: CommandLine, centre: str, database: TestDatabase) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word
    gateway = f"tablet-{uuid4().hex[:6]}"
    dho("admin", "gateway", "add", gateway, "--centre", centre, "--patient", patient)
    dho("admin", "gateway", "revoke", gateway)
    assert one(database, "SELECT revoked_at FROM gateway WHERE id = %s", gateway).revoked_at is not None
    assert one(database, "SELECT upper(during) AS until FROM assignment WHERE gateway = %s", gateway).until is not None
    assert (dho.directory / "accounts" / provisioning.PASSWORD_FILE).read_text() == ""


def test_a_plan_from_a_file_is_kept_activated_and_superseded(dho: CommandLine, centre: str, tmp_path: Path) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva", "--template", "copd").word
    (tmp_path / "plan.json").write_text(json.dumps(plan(FEVER)))
    put = dho("admin", "plan", "put", patient, tmp_path / "plan.json", "--activate", "--json").json
    assert (put["number"], put["state"]) == (2, "active")
    listed = dho("admin", "plan", "list", patient).out.splitlines()
    assert [line.rpartition(" ")[2] for line in listed] == ["active", "superseded"]


def test_a_plan_that_cannot_be_used_is_refused_with_every_reason(dho: CommandLine, centre: str, tmp_path: Path) -> None:
    patient = dho("admin", "patient", "add", "--centre", centre, "--name", "Eva").word
    misspelt = {"title": "X", "rules": [{**FEVER, "no_confrim": True}, {**FEVER, "id": "other", "unit": "celsius"}]}
    (tmp_path / "plan.json").write_text(json.dumps(misspelt))
    said = dho("admin", "plan", "put", patient, tmp_path / "plan.json", status=1)
    assert "/rules/0/no_confrim" in said.err
    assert "/rules/1/unit" in said.err


def bulk(path: Path, *lines: tuple[str, ...]) -> Path:
    file = path / "tablets.csv"
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("centre", "patient", "gateway", "password", "template"), *lines])
    return file


def test_a_file_of_tablets_goes_in_but_for_its_weak_lines_and_again_changes_nothing(
    dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path
) -> None:
    mark = uuid4().hex[:6]
    lines = [(centre, f"Pasient {n}", f"{mark}-{n}", "weak" if n == 3 else f"a-password-of-some-length-{n}", "copd") for n in range(6)]
    lines += [
        (centre, "Pasient 0", f"{mark}-second", "", ""),
        ("Nowhere", "X", f"{mark}-x", "", ""),
        (centre, "X", f"{mark}-y", "", "nothing"),
    ]
    said = dho("admin", "import", bulk(tmp_path, *lines), status=1)
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["line 5", "line 9", "line 10"]
    made = {row["gateway"]: row for row in csv.DictReader(io.StringIO(said.out))}
    assert len(made) == 6
    assert made[f"{mark}-second"]["patient"] == made[f"{mark}-0"]["patient"]
    assert len(made[f"{mark}-second"]["password"]) >= 32
    assert made[f"{mark}-1"]["password"] == ""
    kept = one(database, "SELECT secret_hash FROM gateway WHERE id = %s", f"{mark}-1").secret_hash
    assert bytes(kept) == provisioning.secret_hash(SECRET_KEY, "a-password-of-some-length-1")
    assert (
        one(database, "SELECT count(*) AS n FROM plan_version WHERE patient = %s AND state = 'active'", made[f"{mark}-1"]["patient"]).n == 1
    )
    assert one(database, "SELECT now() - lower(during) > '360 days' AS old FROM assignment WHERE gateway = %s", f"{mark}-1").old

    before = one(database, "SELECT (SELECT count(*) FROM patient) AS p, (SELECT count(*) FROM assignment) AS a")
    again = dho("admin", "import", bulk(tmp_path, *lines), status=1)
    assert {row["gateway"]: row["patient"] for row in csv.DictReader(io.StringIO(again.out))} == {g: r["patient"] for g, r in made.items()}
    assert one(database, "SELECT (SELECT count(*) FROM patient) AS p, (SELECT count(*) FROM assignment) AS a") == before


def test_ten_thousand_tablets_go_in_within_half_a_minute(dho: CommandLine, centre: str, database: TestDatabase, tmp_path: Path) -> None:
    mark = uuid4().hex[:6]
    lines = [
        (centre, f"Pasient {n}", f"{mark}-{n:05d}", f"a-password-of-some-length-{n}", ("copd", "diabetes")[n % 2]) for n in range(10_000)
    ]
    file = bulk(tmp_path, *lines)
    began = time.monotonic()
    said = dho("admin", "import", file)
    took = time.monotonic() - began
    assert took < 30, f"it took {took:.1f} s"
    assert len(said.out.splitlines()) == 10_001
    counted = "SELECT count(*) AS n, count(DISTINCT a.patient) AS patients FROM assignment a WHERE gateway LIKE %s"
    assert one(database, counted, f"{mark}-%") == (10_000, 10_000)
    accounts = (dho.directory / "accounts" / provisioning.PASSWORD_FILE).read_text().splitlines()
    assert len(accounts) == 10_000


def test_an_id_that_nobody_has_is_a_sentence(dho: CommandLine) -> None:
    assert "no patient" in dho("admin", "plan", "put", uuid4(), "--template", "copd", status=1).error
    assert "no centre" in dho("admin", "patient", "add", "--centre", "Nowhere", "--name", "X", status=1).error
    assert "no template" in dho("admin", "plan", "put", UUID(int=1), "--template", "scurvy", status=1).error
