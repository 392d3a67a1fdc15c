"""Every test here runs on TimescaleDB and on the embedded PostgreSQL, each module on a database of its own."""

from collections.abc import Callable, Iterator

import httpx
import pytest

from dho.db import Database
from tests.cast import Cast
from tests.conftest import GROUNDS, TestDatabase
from tests.serving import Served, serving


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest, database_ground: str, fresh_database: Callable[[str], TestDatabase]) -> TestDatabase:
    """A migrated database of this module's own, on each ground in turn."""
    return fresh_database(request.getfixturevalue(GROUNDS[database_ground]))


@pytest.fixture(scope="module")
def base(database: TestDatabase) -> Iterator[Database]:
    """This module's database, as the part of the service that watches over deadlines."""
    opened = Database(database.url, "watch")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(database: TestDatabase) -> Iterator[Served]:
    """The whole application over this module's database, as a server that clients can talk to."""
    with serving(database.url) as running:
        yield running


@pytest.fixture
def ada(served: Served, who: Cast) -> Iterator[httpx.Client]:
    """A client logged in as Ada, of the module's own cast."""
    with served.client(who.ada) as client:
        yield client
