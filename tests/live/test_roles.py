"""The three roles as processes of their own: they start, say that they are ready, survive each other, and leave in order."""

import os
from collections.abc import Callable, Iterator

import pytest

from dho.migrate import migrate
from tests.services.clock import MovableClock
from tests.services.postgres import create_database, drop_database
from tests.services.roles import Role

NOT_MARKED = f"dho_test_not_marked_{os.getpid()}"
Start = Callable[..., Role]


@pytest.fixture(scope="module")
def real_database_url(timescaledb_url: str) -> Iterator[str]:
    """A migrated database without the mark of a test database."""
    url = create_database(timescaledb_url, NOT_MARKED)
    migrate(url)
    yield url
    drop_database(timescaledb_url, NOT_MARKED)


@pytest.mark.parametrize("name", ["ingest", "watch", "serve"])
def test_a_role_starts_says_so_and_leaves_in_order_when_told(dho_process: Start, name: str) -> None:
    role = dho_process(name)
    role.stop()
    assert role.process.returncode == 0, role.log[-2000:]


def test_a_killed_role_starts_again_on_what_it_left(dho_process: Start) -> None:
    ingest = dho_process("ingest")
    ingest.kill()
    ingest.start()
    ingest.wait_until_ready()


@pytest.mark.parametrize("name", ["ingest", "watch", "serve"])
def test_a_test_clock_is_refused_on_a_database_that_is_not_marked(
    dho_process: Start, real_database_url: str, movable_clock: MovableClock, name: str
) -> None:
    with pytest.raises(RuntimeError, match="DHO_TEST_CLOCK is set, but this database is not marked"):
        dho_process(name, clock=movable_clock, DHO_DATABASE_URL=real_database_url)
