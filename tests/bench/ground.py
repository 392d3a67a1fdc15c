"""What the benchmark stands on: TimescaleDB and Mosquitto as the tests get them, or the embedded ones where they cannot be had."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from devices.broker import SERVICE_USER, EmbeddedBroker
from dho.embedded import EmbeddedPostgres
from dho.migrate import migrate
from tests.bench.load import Tablet
from tests.services import catalogue, postgres
from tests.services.mosquitto import SERVICE, Mosquitto

_NUMBERS = count(1)


class Ground:
    """One database server for the whole run, and a fresh broker for each measurement."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._embedded: EmbeddedPostgres | None = None
        self._server: postgres.PostgresServer | None = None
        self.broker_said = (
            "Mosquitto" if not catalogue.missing("own_mosquitto") else "the embedded broker, because Mosquitto could not be had here"
        )
        before = set(psutil.Process().children(recursive=True))
        if catalogue.missing("own_timescaledb"):
            self._embedded = EmbeddedPostgres(work / "embedded", {"max_connections": "200"})
            self._embedded.start()
            self.server_url = self._embedded.url
            self.database = "the embedded PostgreSQL 18, because TimescaleDB could not be had here"
        else:
            self._server = postgres.timescaledb(self.directory("database"))
            self._server.start()
            self.server_url = self._server.url
            self.database = catalogue.SERVICES["timescaledb"].what
        self.processes = _servers("postgres", before)

    def directory(self, what: str) -> Path:
        path = self._work / f"{what}-{next(_NUMBERS)}"
        path.mkdir(mode=0o711)
        return path

    def new_database(self) -> str:
        """A migrated, empty database."""
        url = postgres.create_database(self.server_url, f"bench_{next(_NUMBERS)}")
        migrate(url, test_database=True)
        return url

    def drop(self, url: str) -> None:
        postgres.drop_database(self.server_url, urlsplit(url).path[1:])

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()
        if self._embedded is not None:
            self._embedded.stop()

    @contextmanager
    def broker(self, tablets: Sequence[Tablet]) -> Iterator["Broker"]:
        """A broker of its own that knows these tablets."""
        accounts, before = {tablet.gateway: tablet.password for tablet in tablets}, set(psutil.Process().children(recursive=True))
        if catalogue.missing("own_mosquitto"):
            with EmbeddedBroker(self.directory("broker"), accounts) as embedded:
                password = urlsplit(embedded.url).password or ""
                yield Broker("127.0.0.1", embedded.port, SERVICE_USER, password, embedded.url, _servers("python", before))
            return
        mosquitto = Mosquitto(self.directory("broker"))
        mosquitto.add_gateways(accounts)
        mosquitto.start()
        try:
            yield Broker(mosquitto.host, mosquitto.port, *SERVICE, mosquitto.url, _servers("mosquitto", before))
        finally:
            mosquitto.stop()


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker: where tablets speak 3.1.1, the service's own log-in and address, and its process."""

    host: str
    port: int
    user: str
    password: str
    url: str
    processes: list[psutil.Process]


class Meter:
    """CPU seconds that named groups of processes use between `start` and `stop`, their ended children included."""

    def __init__(self, groups: dict[str, Sequence[psutil.Process]]) -> None:
        self._groups = groups
        self._begun = self._read()

    def stop(self) -> dict[str, float]:
        return {name: used - self._begun[name] for name, used in self._read().items()}

    def _read(self) -> dict[str, float]:
        return {name: sum(_cpu_of_tree(process) for process in group) for name, group in self._groups.items()}


def _cpu_of_tree(process: psutil.Process) -> float:
    used = 0.0
    for one in [process, *process.children(recursive=True)]:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue  # it is in its parent's `children_*` from now on
        used += times.user + times.system + times.children_user + times.children_system
    return used


def _servers(name: str, before: set[psutil.Process]) -> list[psutil.Process]:
    """The processes of that name that were started since `before`, without their own children of the same name."""
    found = []
    for process in set(psutil.Process().children(recursive=True)) - before:
        with suppress(psutil.NoSuchProcess):
            parent = process.parent()
            if process.name() == name and not (parent and parent.name() == name):
                found.append(process)
    return found


@contextmanager
def ground() -> Iterator[Ground]:
    """The services, until the block ends."""
    base = Path(tempfile.mkdtemp(prefix="dho-bench-"))
    base.chmod(0o711)
    made = Ground(base)
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(base, ignore_errors=True)
