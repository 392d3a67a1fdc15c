"""Every test here runs on TimescaleDB and on the embedded PostgreSQL, each module on a database of its own."""

from collections.abc import Callable

import pytest

from tests.conftest import GROUNDS, TestDatabase


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, database_ground: str, fresh_database: Callable[[str], TestDatabase]) -> TestDatabase:
    """A migrated database of this module's own, on each ground in turn."""
    return fresh_database(request.getfixturevalue(GROUNDS[database_ground]))
