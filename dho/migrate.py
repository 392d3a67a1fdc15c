"""Bring the schema up to date: SQL files in order, once each, safely from several hosts at once.

Migrations are expand-then-contract: a release adds, a later one takes away, so that old and new processes run side by side. After the
files the ground is detected: one schema, three grounds (see `docs/decisions.md`).
"""

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from dho.errors import DhoError
from dho.log import Log

log = Log(__name__)
Ground = Literal["timescaledb-community", "timescaledb-apache", "postgresql"]
FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x44484F  # "DHO": one migration at a time in a database


class MigrationError(DhoError):
    """The schema cannot be brought up to date; the sentence says why."""

    code = "migration"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, name, text and checksum."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        """What the file was when it was applied; a landed migration never changes."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """All migrations, in order."""
    return [Migration(int(path.name[:4]), path.stem, path.read_text(encoding="utf-8")) for path in sorted(folder.glob("[0-9]*.sql"))]


def migrate(url: str, *, test_database: bool = False, simulation: bool = False) -> Ground:
    """Apply what is missing and say which ground the database is. Safe to call any number of times from anywhere.

    `test_database` marks a new database so that a test clock is accepted; `simulation` marks a demo database, where alone the arrival
    time may come from the simulator.
    """
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.info.server_version < 150000:
                raise MigrationError("This is PostgreSQL older than 15: use 15 or newer.")
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            ground = _detect(connection)
            _apply(connection)
            _settle(connection, ground, test_database, simulation)
            return ground
    except psycopg.OperationalError as error:
        raise MigrationError(f"The database cannot be reached: {str(error).splitlines()[0]}") from None


def pending(connection: psycopg.Connection[Any]) -> list[str]:
    """Names of migrations that this program knows and the database does not have."""
    found = connection.execute("SELECT to_regclass('migration')").fetchone()
    if not (found and found[0]):
        return [m.name for m in migrations()]
    applied = {row[0] for row in connection.execute("SELECT number FROM migration")}
    return [m.name for m in migrations() if m.number not in applied]


def _detect(connection: psycopg.Connection[Any]) -> Ground:
    """TimescaleDB if the server offers and has loaded it, in which edition, or plain PostgreSQL."""
    offered = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'").fetchone()
    loaded = connection.execute("SELECT 1 FROM pg_settings WHERE name = 'timescaledb.license'").fetchone()
    if not offered:
        return "postgresql"
    if not loaded:
        try:
            connection.execute("LOAD 'timescaledb'")
        except psycopg.Error:
            return "postgresql"
    connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    licence = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    return "timescaledb-community" if licence and licence[0] == "timescale" else "timescaledb-apache"


def _apply(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL)")
    applied = dict(connection.execute("SELECT number, digest FROM migration").fetchall())
    for migration in migrations():
        if migration.number in applied:
            if applied[migration.number] != migration.digest:
                raise MigrationError(f"Migration {migration.name} was applied with another text: a landed migration must not change.")
            continue
        with connection.transaction():
            connection.execute(migration.text)
            connection.execute("INSERT INTO migration VALUES (%s, %s, %s)", (migration.number, migration.name, migration.digest))
        log.info("applied a migration", migration=migration.name)


def _settle(connection: psycopg.Connection[Any], ground: Ground, test_database: bool, simulation: bool) -> None:
    """What depends on the ground, each step repeatable."""
    with connection.transaction():
        if ground != "postgresql":
            connection.execute(
                "SELECT create_hypertable('observation', 'measured_at', chunk_time_interval => interval '28 days',"
                " create_default_indexes => false, if_not_exists => true, migrate_data => true)"
            )
        if ground == "timescaledb-community":
            _compress(connection)
        connection.execute(
            "INSERT INTO installation (epoch, is_test, simulation, ground) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (only_row) DO UPDATE SET ground = excluded.ground",
            (uuid.uuid4(), test_database, simulation, ground),
        )


def _compress(connection: psycopg.Connection[Any]) -> None:
    """Columnstore for chunks well past the late horizon (72 hours), so that nothing is ever inserted into a compressed one in daily use."""
    done = connection.execute(
        "SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = 'observation'"
    ).fetchone()
    if done and done[0]:
        return
    connection.execute(
        "ALTER TABLE observation SET (timescaledb.compress, timescaledb.compress_segmentby = 'patient',"
        " timescaledb.compress_orderby = 'measured_at')"
    )
    connection.execute("SELECT add_compression_policy('observation', interval '60 days', if_not_exists => true)")
