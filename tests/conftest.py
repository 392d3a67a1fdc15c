"""Which services a test needs, and what happens where there are none.

A test asks for a service by a fixture's name. Where the service cannot be had, the test is left out of the run and the service is
named at the end; under `DHO_TEST_REQUIRE=all` it stays in, and fails with the reason.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from dho.embedded import EmbeddedPostgres
from dho.migrate import Ground, migrate
from tests.services import catalogue, postgres
from tests.services.clock import MovableClock
from tests.services.compose import compose as run_compose
from tests.services.mosquitto import Mosquitto
from tests.services.pglite import PGlite
from tests.services.postgres import PostgresServer
from tests.services.roles import Role, environment

NEEDS = {
    "timescaledb_url": "timescaledb",
    "own_timescaledb": "own_timescaledb",
    "embedded_url": "embedded",
    "postgres15": "postgres15",
    "pglite": "pglite",
    "broker_url": "mosquitto",
    "mosquitto": "own_mosquitto",
    "compose": "compose",
    "chromium": "chromium",
}
GROUNDS = {"timescaledb": "timescaledb_url", "embedded": "embedded_url"}
DATABASES = count()
LEFT_OUT = pytest.StashKey[dict[str, int]]()


@dataclass(frozen=True)
class TestDatabase:
    """A migrated database of a test module's own, marked so that a test clock is accepted. `url` logs in as its owner."""

    __test__ = False
    url: str
    ground: Ground


def needed(item: pytest.Item) -> set[str]:
    """The services of a test, from the fixtures it asks for."""
    asked = set(getattr(item, "fixturenames", ()))
    callspec = getattr(item, "callspec", None)
    if callspec is not None and "database_ground" in callspec.params:
        asked.add(GROUNDS[callspec.params["database_ground"]])
    return {NEEDS[name] for name in asked if name in NEEDS}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    counts: dict[str, int] = {}
    for item in items:
        lacking = [name for name in needed(item) if catalogue.missing(name) and not catalogue.is_required(name)]
        (left_out if lacking else kept).append(item)
        for name in lacking:
            counts[name] = counts.get(name, 0) + 1
    config.stash[LEFT_OUT] = counts
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def pytest_runtest_setup(item: pytest.Item) -> None:
    for name in sorted(needed(item)):
        reason = catalogue.missing(name)
        if reason:
            pytest.fail(f"{catalogue.SERVICES[name].what} is required here, but: {reason}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    counts = config.stash.get(LEFT_OUT, {})
    if counts:
        terminalreporter.section("services that this machine could not get")
    for name, tests in sorted(counts.items()):
        terminalreporter.line(f"{catalogue.SERVICES[name].what}: {catalogue.missing(name)}; {tests} tests left out")


@pytest.fixture(scope="session")
def work_directory() -> Iterator[Callable[[str], Path]]:
    """Makes directories that servers under another user can reach; all are removed at the end."""
    base = Path(tempfile.mkdtemp(prefix="dho-test-"))
    base.chmod(0o711)
    numbers = count()

    def make(what: str) -> Path:
        path = base / f"{what}-{next(numbers)}"
        path.mkdir(mode=0o711)
        return path

    yield make
    shutil.rmtree(base, ignore_errors=True)


@pytest.fixture(scope="session")
def timescaledb_url(work_directory: Callable[[str], Path]) -> Iterator[str]:
    """The superuser's address of a TimescaleDB server: the one named by `DHO_TEST_DATABASE_URL`, else one of our own."""
    given = os.environ.get(catalogue.DATABASE_URL)
    if given:
        yield given
        return
    server = postgres.timescaledb(work_directory("timescaledb"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def embedded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's address of the embedded PostgreSQL 18."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("embedded"), {"max_connections": "200"}) as server:
        yield server.url


@pytest.fixture(scope="session", params=list(GROUNDS))
def database_ground(request: pytest.FixtureRequest) -> str:
    """Each ground in turn: `timescaledb`, `embedded`."""
    return str(request.param)


@pytest.fixture(scope="module")
def fresh_database() -> Iterator[Callable[[str], TestDatabase]]:
    """Makes a migrated database on the server of a superuser's address; all are removed after the module."""
    made: list[tuple[str, str]] = []

    def make(server_url: str) -> TestDatabase:
        name = f"dho_test_{os.getpid()}_{next(DATABASES)}"
        made.append((server_url, name))
        url = postgres.create_database(server_url, name)
        return TestDatabase(url, migrate(url, test_database=True))

    yield make
    for server_url, name in made:
        postgres.drop_database(server_url, name)


@pytest.fixture(scope="session")
def postgres15(work_directory: Callable[[str], Path]) -> Iterator[str]:
    """The superuser's address of a PostgreSQL 15 server."""
    server = postgres.postgres15(work_directory("postgres15"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def pglite(work_directory: Callable[[str], Path]) -> Iterator[str]:
    """The address of an empty database with TimescaleDB Community; one connection at a time, no background workers."""
    server = PGlite(work_directory("pglite"))
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def own_timescaledb(work_directory: Callable[[str], Path]) -> Iterator[PostgresServer]:
    """A TimescaleDB server for this module alone, which it may stop, kill and start."""
    server = postgres.timescaledb(work_directory("own-timescaledb"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mosquitto(work_directory: Callable[[str], Path]) -> Iterator[Mosquitto]:
    """A Mosquitto for this module alone, with the shipped configuration; it may be killed, and gateways given accounts."""
    broker = Mosquitto(work_directory("mosquitto"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def broker_url(request: pytest.FixtureRequest) -> str:
    """The service's log-in at a broker: the one named by `DHO_TEST_MQTT_URL`, else this module's `mosquitto`."""
    given = os.environ.get(catalogue.MQTT_URL)
    return given or str(request.getfixturevalue("mosquitto").url)


@pytest.fixture(scope="session")
def compose() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the compose client in a folder: `compose(folder, ["config"])`."""
    return run_compose


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser's program, for Playwright's `executable_path`."""
    path = catalogue.chromium_path()
    assert path is not None
    return path


@pytest.fixture(scope="module")
def movable_clock(tmp_path_factory: pytest.TempPathFactory) -> MovableClock:
    """A clock that stands at a Tuesday forenoon in Oslo until the test moves it."""
    return MovableClock(tmp_path_factory.mktemp("clock") / "now", datetime(2026, 11, 24, 9, 0, tzinfo=UTC))


@pytest.fixture(scope="module")
def dho_process(database: TestDatabase, broker_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Role]]:
    """Starts `dho` commands against this module's database and broker: `dho_process("ingest", clock=movable_clock)`.

    Each is waited for until it is ready, and ended after the module.
    """
    running: list[Role] = []

    def run(*arguments: str, clock: MovableClock | None = None, **settings: str) -> Role:
        directory = tmp_path_factory.mktemp(arguments[0])
        given = environment(database.url, broker_url, directory, clock.path if clock else None)
        running.append(Role(arguments, directory, given | settings))
        return running[-1].wait_until_ready()

    yield run
    for role in reversed(running):
        role.stop()
