"""The database: connections, transactions that say who acts and why, and errors worth another try.

Everything that touches the database opens `Database.transaction(actor, purpose, now)`. It takes one of three roles for the length of
the transaction and sets actor, purpose and instant locally, so that the database's own walls know on whose behalf it works. `Tx` is
psycopg for what has a history and an SQLModel session for what has only a present, in one and the same transaction.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

import msgspec
import psycopg
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from dho import arrays, clock
from dho.actor import INGEST, WATCH, Actor
from dho.errors import DhoError, SettingsError

# JSON in the database keeps a number's own digits: 38.0 comes back as Decimal("38.0"), never as a float.
set_json_loads(msgspec.json.Decoder(float_hook=Decimal).decode)
set_json_dumps(msgspec.json.Encoder(decimal_format="number").encode)
arrays.register()

__all__ = ["INGEST", "WATCH", "Actor", "Database", "Role", "TransientDatabaseError", "Tx", "listen_url"]

Role = Literal["ingest", "watch", "serve", "owner"]
WORTH_ANOTHER_TRY = ("08", "40001", "40P01", "53", "57P0", "55P03")


class TransientDatabaseError(DhoError):
    """The database is away or busy; the same batch may be tried again."""

    code = "database_unavailable"


# Ingest runs the same few statements for ever, each by an index: planning them anew for each lone message takes longer than running them.
_OPTIONS: dict[Role, str] = {"ingest": "-c plan_cache_mode=force_generic_plan"}


def _database_role(role: Role) -> str:
    """What the transaction becomes; the owner (operators' commands) stays the log-in of the address."""
    return "none" if role == "owner" else f"dho_{role}"


class Tx:
    """One open transaction."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._sa = connection
        self.now = now
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        self.raw: psycopg.Connection[Any] = raw

    @cached_property
    def records(self) -> Session:
        """SQLModel session on the same connection, for records; flushed at commit."""
        return Session(bind=self._sa, join_transaction_mode="rollback_only")

    def execute(self, statement: str, params: Any = None) -> psycopg.Cursor[tuple[Any, ...]]:
        """Run a statement; rows are tuples."""
        return self.raw.execute(statement, params)

    def rows(self, statement: str, params: Any = None) -> list[Any]:
        """All rows, as named tuples."""
        with self.raw.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, params).fetchall()

    def row(self, statement: str, params: Any = None) -> Any:
        """The first row as a named tuple, or None."""
        with self.raw.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement, params).fetchone()

    def dicts(self, statement: str, params: Any = None) -> list[dict[str, Any]]:
        """All rows, as dictionaries."""
        with self.raw.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(statement, params).fetchall()

    def copy(self, statement: str, types: str, rows: Iterable[Sequence[Any]]) -> None:
        """Many rows into one table by a binary COPY: a tenth of what arrays cost us, but it cannot say which rows were new. `types` are
        the columns', with spaces between; jsonb is given as bytea, b"\\x01" and the text."""
        with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types.split())
            for row in rows:
                copy.write_row(row)


class Database:
    """A pool of connections for one part of the service. `role` is what its transactions may do unless they say otherwise."""

    def __init__(self, url: str, role: Role, *, size: int = 4) -> None:
        self.url, self.role = url, role
        self._engine = create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=size,
            max_overflow=size,
            pool_pre_ping=False,
            pool_use_lifo=True,
            use_native_hstore=False,
            connect_args={"application_name": f"dho-{role}", "connect_timeout": 5, "options": _OPTIONS.get(role, "")},
        )
        if clock.is_test_clock():
            self._refuse_test_clock_on_real_data()

    def _refuse_test_clock_on_real_data(self) -> None:
        with self._engine.connect() as connection:
            is_test = connection.exec_driver_sql("SELECT is_test FROM installation").scalar()
        if not is_test:
            raise SettingsError(f"{clock.TEST_CLOCK} is set, but this database is not marked as a test database: unset it.")

    @contextmanager
    def transaction(self, actor: Actor, purpose: str, now: datetime, role: Role | None = None) -> Iterator[Tx]:
        """A transaction on behalf of `actor`, committed at the end, rolled back on any error.

        Raises `TransientDatabaseError` where the same work may be tried again; all other database errors pass through.
        """
        try:
            with self._engine.begin() as connection:
                tx = Tx(connection, now)
                tx.execute(
                    "SELECT set_config('role', %s, true), set_config('dho.actor', %s, true), set_config('dho.purpose', %s, true),"
                    " set_config('dho.at', %s, true), set_config('timezone', 'UTC', true)",
                    (_database_role(role or self.role), str(actor.person or ""), purpose, now.isoformat()),
                )
                yield tx
                if "records" in vars(tx):
                    tx.records.flush()
        except (psycopg.OperationalError, DBAPIError) as error:
            self._translate(error)
            raise

    def _translate(self, error: Exception) -> None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.OperationalError):
            return
        state = cause.sqlstate or "08"
        if state.startswith(WORTH_ANOTHER_TRY):
            if state.startswith(("08", "57P0")):
                self._engine.dispose()  # the server went away: every pooled connection is as dead as this one
            raise TransientDatabaseError("The database cannot be reached right now.") from error

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()


def listen_url(url: str) -> str:
    """The same database for a connection of its own that only listens, with keep-alives so that a dead peer is noticed."""
    return psycopg.conninfo.make_conninfo(url, application_name="dho-listen", keepalives_idle=10, keepalives_interval=5, keepalives_count=3)


async def listening_connection(url: str, role: Role) -> psycopg.AsyncConnection[Any]:
    """A connection of its own for the live feed, in autocommit and in one role; rows are named tuples."""
    connection = await psycopg.AsyncConnection.connect(listen_url(url), autocommit=True, row_factory=namedtuple_row, connect_timeout=5)
    await connection.execute("SELECT set_config('role', %s, false)", (f"dho_{role}",))
    return connection
