"""Real processes against real services, with a clock that the test moves."""

from collections.abc import Callable

import pytest

from tests.conftest import TestDatabase


@pytest.fixture(scope="module")
def database(timescaledb_url: str, fresh_database: Callable[[str], TestDatabase]) -> TestDatabase:
    """A migrated TimescaleDB database of this module's own."""
    return fresh_database(timescaledb_url)
