"""The log-ins that `deploy/database.sh` makes: the owner can migrate, each part can be itself and nothing else."""

import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from dho.db import WATCH, Database
from dho.migrate import migrate
from tests.services.postgres import PostgresServer

SCRIPT = Path(__file__).parents[2] / "deploy/database.sh"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PARTS = ("ingest", "watch", "serve")


@pytest.fixture(scope="module")
def logins(own_timescaledb: PostgresServer) -> dict[str, str]:
    """What the script's SQL makes on an empty server; the address of each log-in, by part."""
    server, database = re.findall(r"<<'SQL'\n(.*?)\nSQL\n", SCRIPT.read_text(), re.DOTALL)
    passwords = {part: f"password-of-{part}" for part in ("owner", *PARTS)}
    for part, password in passwords.items():
        server = server.replace(f":'{part}'", sql.Literal(password).as_string())
    whole = urlsplit(own_timescaledb.url)
    for name, text in (("postgres", server), ("dho", database)):
        with psycopg.connect(whole._replace(path=f"/{name}").geturl(), autocommit=True) as connection:
            for statement in filter(str.strip, text.split(";")):
                connection.execute(statement)
    place = f"{whole.hostname}:{whole.port}/dho"
    urls = {part: f"postgresql://dho_login_{part}:{password}@{place}" for part, password in passwords.items()}
    migrate(urls["owner"])
    return urls


def test_the_owner_need_not_be_superuser_to_bring_the_schema_up_to_date(logins: dict[str, str]) -> None:
    assert migrate(logins["owner"]).startswith("timescaledb")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_opens_transactions_in_its_own_role(logins: dict[str, str], part: str) -> None:
    database = Database(logins[part], part, size=1)  # type: ignore[arg-type]
    with database.transaction(WATCH, "trying", NOW) as tx:
        row = tx.row("SELECT count(*) AS patients FROM patient")
    database.close()
    assert row.patients == 0


@pytest.mark.parametrize("part", PARTS)
def test_no_part_owns_or_may_change_the_schema(logins: dict[str, str], part: str) -> None:
    with psycopg.connect(logins[part]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("DROP TABLE alert")


def test_watch_cannot_take_the_role_of_serving(logins: dict[str, str]) -> None:
    with psycopg.connect(logins["watch"]) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("SET ROLE dho_serve")


def test_serving_people_reads_no_values_past_the_functions_that_check_who_looks(logins: dict[str, str]) -> None:
    with psycopg.connect(logins["owner"]) as connection:
        row = connection.execute("SELECT has_table_privilege('dho_serve', 'observation', 'SELECT')").fetchone()
    assert row == (False,)
