"""Drills kill what they stand on: each module has a database server and a broker of its own."""

from collections.abc import Callable

import pytest

from tests.conftest import TestDatabase
from tests.services.postgres import PostgresServer


@pytest.fixture(scope="module")
def database(own_timescaledb: PostgresServer, fresh_database: Callable[[str], TestDatabase]) -> TestDatabase:
    """A migrated TimescaleDB database on a server that this module may kill."""
    return fresh_database(own_timescaledb.url)
