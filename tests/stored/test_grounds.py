"""The grounds that tests stand on are what they say they are."""

from collections.abc import Callable

import psycopg

from dho.migrate import migrate
from tests.conftest import TestDatabase


def extension(url: str) -> str | None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return None if row is None else str(row[0])


def server_version(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.info.server_version


def test_the_same_schema_stands_on_both_grounds(database: TestDatabase, database_ground: str) -> None:
    if database_ground == "timescaledb":
        assert database.ground.startswith("timescaledb")
        assert extension(database.url)
    else:
        assert database.ground == "postgresql"
        assert extension(database.url) is None
        assert server_version(database.url) >= 180000


def test_migrating_again_changes_nothing(database: TestDatabase) -> None:
    assert migrate(database.url, test_database=True) == database.ground


def test_the_schema_stands_on_the_oldest_supported_postgresql(postgres15: str, fresh_database: Callable[[str], TestDatabase]) -> None:
    database = fresh_database(postgres15)
    assert database.ground == "postgresql"
    assert server_version(database.url) // 10000 == 15


def test_the_community_statements_run_where_the_edition_has_them(pglite: str) -> None:
    """What WebAssembly cannot show: background workers (no policy is ever carried out) and more than one connection."""
    assert migrate(pglite, test_database=True) == "timescaledb-community"
    with psycopg.connect(pglite) as connection:
        compressed = connection.execute(
            "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = 'observation'"
        ).fetchone()
        policies = connection.execute("SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name = 'observation'").fetchone()
    assert compressed == (True,)
    assert policies == (1,)
