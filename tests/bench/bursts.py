"""The burst: 20 000 messages from 2 000 tablets, through each of the ways, every receipt and every row counted."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import psycopg

from tests.bench.ground import Broker, Ground, Meter
from tests.bench.load import TABLET_SECRET, Load, Tablet
from tests.bench.world import World
from tests.services.roles import Role, environment

LIMITS = ("acknowledge", "bare", "single", "model")


@dataclass(slots=True)
class Result:
    """One measurement. `cpu_ms` is CPU time per message, by process: `way` is what is measured, `load` the load generator."""

    way: str
    messages: int
    seconds: float
    cpu_ms: dict[str, float]
    rss_mb: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Messages per second, from the first publish to the last acknowledgement or receipt."""
        return self.messages / self.seconds


class NotConserved(Exception):
    """A receipt or a row is missing or too many: a figure that was reached by losing something is none."""


@contextmanager
def loaded(broker: Broker, tablets: Sequence[Tablet]) -> Iterator[Load]:
    """A load generator whose tablets are all connected."""
    with Load() as load:
        load.connect(broker.host, broker.port, tablets, (broker.user, broker.password))
        yield load


def strangers(count: int) -> list[Tablet]:
    """Tablets that only the broker knows: the limits ask no register."""
    return [Tablet(f"tablet-{n:05d}", TABLET_SECRET, str(uuid4()), f"A4C138-{n:05d}") for n in range(count)]


def limit(ground: Ground, way: str, messages: int, tablets: Sequence[Tablet], url: str, seed: int) -> Result:
    """One of `LIMITS`, on tables of its own in the database at `url`."""
    with ExitStack() as stack:
        broker = stack.enter_context(ground.broker(tablets))
        load = stack.enter_context(loaded(broker, tablets))
        command = [
            sys.executable,
            "-m",
            "tests.bench.limits",
            way,
            str(messages),
            url,
            broker.host,
            str(broker.port),
            broker.user,
            broker.password,
        ]
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert process.stdout is not None
        if process.stdout.readline() != "listening\n":
            raise RuntimeError(f"{way} did not begin to listen")
        meter = Meter({"way": [psutil.Process(process.pid)], "database": ground.processes, "broker": broker.processes})
        used = psutil.Process(process.pid).cpu_times()
        sent = load.publish(messages, seed, datetime.now(UTC) - timedelta(hours=3))
        told = json.loads(process.stdout.readline())
        cpu = meter.stop() | {"way": told["cpu_s"] - used.user - used.system}
        return Result(way, messages, told["done"] - sent["begun"], _per_message(cpu, sent, messages), told["rss_mb"])


def copy(ground: Ground, messages: int, url: str) -> Result:
    """COPY of as many rows of the same size into the bare tables, and commit."""
    now, patients = datetime.now(UTC), [uuid4() for _ in range(2000)]
    rows = [(patients[n % 2000], uuid4(), now, b"x" * 390) for n in range(messages)]
    values = [(now - timedelta(seconds=n), row[0], row[1], code, Decimal(90), "%", now)
              for n, row in enumerate(rows) for code in ("59408-5", "8867-4")]  # fmt: skip
    own = psutil.Process()
    meter, used, begun = Meter({"database": ground.processes}), own.cpu_times(), time.monotonic()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table, lines in (("bare_inbox", rows), ("bare_observation", values)):
            with cursor.copy(f"COPY {table} FROM STDIN") as stream:
                for line in lines:
                    stream.write_row(line)
    seconds, after = time.monotonic() - begun, own.cpu_times()
    cpu = meter.stop() | {"way": after.user + after.system - used.user - used.system}
    return Result("copy", messages, seconds, {name: 1000 * s / messages for name, s in cpu.items()})


@dataclass(frozen=True, slots=True)
class Service:
    """Running `dho ingest` processes on a world of their own, and a connected load."""

    world: World
    workers: list[Role]
    load: Load
    broker: Broker
    ground: Ground

    @property
    def processes(self) -> list[psutil.Process]:
        return [psutil.Process(worker.process.pid) for worker in self.workers]

    def burst(self, way: str, messages: int, seed: int) -> Result:
        """Publish, and wait for every receipt; then count the rows."""
        before = stored(self.world.url)
        meter = Meter({"way": self.processes, "database": self.ground.processes, "broker": self.broker.processes})
        sent = self.load.publish(messages, seed, self.world.next_readings(messages))
        told = self.load.receipts(messages)
        cpu = meter.stop()
        sent["cpu_s"] += told["cpu_s"]
        check(told, messages, before, stored(self.world.url))
        peak = max(peak_mb(process) for process in self.processes)
        notes = {"publish_s": sent["done"] - sent["begun"], "repeated": told["repeated"], "late": told["late"]}
        return Result(way, messages, told["last"] - sent["begun"], _per_message(cpu, sent, messages), peak, notes)

    def backlog(self, way: str, messages: int, seed: int) -> Result:
        """Publish while no worker runs, start them, and time from the first receipt to the last."""
        before = stored(self.world.url)
        for worker in self.workers:
            worker.stop()
        sent = self.load.publish(messages, seed, self.world.next_readings(messages))
        for worker in self.workers:
            worker.start()
        meter = Meter({"way": self.processes, "database": self.ground.processes, "broker": self.broker.processes})
        told = self.load.receipts(messages)
        cpu = meter.stop()
        check(told, messages, before, stored(self.world.url))
        peak = max(peak_mb(process) for process in self.processes)
        sent["cpu_s"] = told["cpu_s"]
        return Result(way, messages, told["last"] - told["first"], _per_message(cpu, sent, messages), peak, {"late": told["late"]})


@contextmanager
def service(ground: Ground, world: World, workers: int, *, warm: bool = True) -> Iterator[Service]:
    """`workers` ingest processes on a world, with a broker and a load of their own. `warm`: each tablet has sent one message before."""
    with ExitStack() as stack:
        broker = stack.enter_context(ground.broker(world.tablets))
        load = stack.enter_context(loaded(broker, world.tablets))
        running: list[Role] = []
        for number in range(workers):
            role = ingest(ground.directory("ingest"), world.url, broker, number, workers)
            stack.callback(role.stop)
            running.append(role)
        made = Service(world, running, load, broker, ground)
        if warm:
            made.burst("warm", workers * len(world.tablets), 1)
        yield made


def ingest(directory: Path, url: str, broker: Broker, number: int, workers: int) -> Role:
    """One of several `dho ingest`, ready."""
    given = environment(url, broker.url, directory, None) | {"DHO_LOG_LEVEL": "info"}
    arguments = ("ingest", "--worker", str(number), "--workers", str(workers))
    return Role(arguments, directory, given).wait_until_ready()


def stored(url: str) -> tuple[int, int]:
    """(messages, values) that are in the database."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT (SELECT count(*) FROM inbox), (SELECT count(*) FROM observation)").fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def check(told: dict[str, Any], messages: int, before: tuple[int, int], after: tuple[int, int]) -> None:
    """Every message has its receipt and its rows, and no other row came. Raises NotConserved."""
    grown = after[0] - before[0], after[1] - before[1]
    if told["receipts"] != messages or set(told["statuses"]) - {"stored", "duplicate"} or grown != (messages, 2 * messages):
        raise NotConserved(f"{messages} were sent; {told['receipts']} receipts ({told['statuses']}), {grown} rows")


def peak_mb(process: psutil.Process) -> float:
    """The largest that the process has been, in MB: VmHWM where /proc tells it."""
    status = Path(f"/proc/{process.pid}/status")
    for line in status.read_text().splitlines() if status.exists() else ():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return process.memory_info().rss / 1e6


def _per_message(cpu: dict[str, float], sent: dict[str, Any], messages: int) -> dict[str, float]:
    return {name: 1000 * seconds / messages for name, seconds in (cpu | {"load": sent["cpu_s"]}).items()}
