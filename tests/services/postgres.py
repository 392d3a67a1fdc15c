"""PostgreSQL servers of the tests' own: each in its own directory, on a free port, gone when the test run is."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.services.debian import INSIDE, Root
from tests.services.engine import Engine, engine
from tests.services.processes import Kept, free_port, wait_for

PASSWORD = "owner-of-a-test-server"
TRIXIE = Root("trixie", ("postgresql-17-timescaledb", "mosquitto", "docker-compose"), "usr/lib/postgresql/17/lib/timescaledb.so")
BOOKWORM = Root("bookworm", ("postgresql-15",), "usr/lib/postgresql/15/bin/postgres")
HOST15 = Path("/usr/lib/postgresql/15/bin")
NOBODY = 65534
STOP = 'kill -INT "$server"'
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "max_connections": "200",
    "max_worker_processes": "40",
    "dynamic_shared_memory_type": "mmap",
}
TIMESCALEDB = {
    "shared_preload_libraries": "timescaledb",
    "timescaledb.telemetry_level": "off",
    "timescaledb.max_background_workers": "24",
}


class PostgresServer:
    """A server that can be stopped, killed hard and started again on the same data, at the same address.

    `url` is that of its superuser, on the database `postgres`. `begin` starts it on a port.
    """

    def __init__(self, work: Path, begin: Callable[[int], Kept]) -> None:
        self._log, self._begin = work / "server.log", begin
        self._port = free_port()
        self._kept: Kept | None = None
        self.url = f"postgresql://postgres:{PASSWORD}@127.0.0.1:{self._port}/postgres"

    def start(self) -> None:
        if self._kept is None:
            self._kept = self._begin(self._port)
            wait_for("PostgreSQL answers", self._answers, 60, self._log)

    def stop(self) -> None:
        """The clean way: connections are cut, everything is written."""
        if self._kept is not None:
            self._kept.stop()
            self._kept = None

    def kill(self) -> None:
        """At once, nothing flushed that was not durable."""
        if self._kept is not None:
            self._kept.kill()
            self._kept = None

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False


def timescaledb(work: Path) -> PostgresServer:
    """TimescaleDB from a container engine if there is one, else from Debian 13's packages (Apache-2 edition, PostgreSQL 17)."""
    found = engine()
    return _of_engine(found, work) if found is not None else _of_root(TRIXIE, 17, work, SETTINGS | TIMESCALEDB)


def postgres15(work: Path) -> PostgresServer:
    """The oldest PostgreSQL that is supported: this machine's own programs if it has them, else Debian 12's package."""
    if (HOST15 / "postgres").exists():
        return _of_host(HOST15, work, SETTINGS)
    return _of_root(BOOKWORM, 15, work, SETTINGS)


def create_database(server_url: str, name: str) -> str:
    """An empty database on the server, owned by the user of `server_url`; its address."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    return urlsplit(server_url)._replace(path=f"/{name}").geturl()


def drop_database(server_url: str, name: str) -> None:
    """Remove it, cutting whoever is still connected."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _of_root(root: Root, version: int, work: Path, settings: dict[str, str]) -> PostgresServer:
    programs, owner = f"/usr/lib/postgresql/{version}/bin", root.user_id("postgres")

    def begin(port: int) -> Kept:
        wrap = root.wrap(work)
        if not (work / "data").exists():
            _initdb(work, owner, [*wrap, *root.inside(_initdb_command(programs, INSIDE), "postgres")])
        command = root.inside(_postgres_command(programs, INSIDE, port, settings), "postgres")
        return Kept(command, work, stop=STOP, wrap=wrap)

    return PostgresServer(work, begin)


def _of_host(programs: Path, work: Path, settings: dict[str, str]) -> PostgresServer:
    """As root it runs as `nobody`, because PostgreSQL refuses root."""
    is_root = os.geteuid() == 0
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if is_root else []

    def begin(port: int) -> Kept:
        if not (work / "data").exists():
            _initdb(work, NOBODY if is_root else None, [*become, *_initdb_command(str(programs), str(work))])
        return Kept([*become, *_postgres_command(str(programs), str(work), port, settings)], work, stop=STOP)

    return PostgresServer(work, begin)


def _of_engine(found: Engine, work: Path) -> PostgresServer:
    arguments = [part for name in ("max_connections", "max_worker_processes") for part in ("-c", f"{name}={SETTINGS[name]}")]
    arguments += [part for name in TIMESCALEDB for part in ("-c", f"{name}={TIMESCALEDB[name]}")]

    def begin(port: int) -> Kept:
        (work / "data").mkdir(exist_ok=True)
        options = [f"--publish=127.0.0.1:{port}:5432", f"--volume={work / 'data'}:/var/lib/postgresql/data", "--shm-size=256m"]
        options.append(f"--env=POSTGRES_PASSWORD={PASSWORD}")
        return found.run(f"dho-database-{port}", "database", ["postgres", *arguments], options, work, stop="SIGINT")

    return PostgresServer(work, begin)


def _initdb(work: Path, owner: int | None, command: list[str]) -> None:
    """Make the cluster in `work`/data, belonging to user `owner` where one is given."""
    (work / "data").mkdir(mode=0o700)
    (work / "password").write_text(PASSWORD)
    if owner is not None:
        work.chmod(0o711)
        for path in (work / "data", work / "password"):
            shutil.chown(path, owner)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")


def _initdb_command(programs: str, work: str) -> list[str]:
    options = ["-D", f"{work}/data", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={work}/password", "--no-sync"]
    return [f"{programs}/initdb", *options, "--locale=C", "-E", "UTF8"]


def _postgres_command(programs: str, work: str, port: int, settings: dict[str, str]) -> list[str]:
    options = [part for name, value in {**settings, "port": str(port)}.items() for part in ("-c", f"{name}={value}")]
    return [f"{programs}/postgres", "-D", f"{work}/data", *options]
