"""The load: home tablets that publish, and one subscriber that receives every receipt. A process of its own.

`Load` (in the benchmark) speaks with `python -m tests.bench.load` over its standard streams, one JSON object a line. Every gateway has
a connection and a log-in of its own. Instants are seconds of CLOCK_MONOTONIC, which all processes of a machine share.
"""

import contextlib
import json
import random
import resource
import select
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from tests.bench import gateway_wire as wire

YELLOW, RED = 0.02, 0.01
APART = timedelta(seconds=20)
PATIENCE_S = 600.0
TABLET_SECRET = "one-secret-for-all-tablets-of-the-benchmark"


@dataclass(frozen=True, slots=True)
class Tablet:
    """A gateway with its log-in, the patient it serves and the device that measures."""

    gateway: str
    password: str
    patient: str
    device: str


class Load:
    """The load generator, as the benchmark sees it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    @property
    def pid(self) -> int:
        return self._process.pid

    def connect(self, host: str, port: int, tablets: Sequence[Tablet], subscriber: tuple[str, str]) -> None:
        """All tablets log in; the subscriber listens to every receipt."""
        rows = [[t.gateway, t.password, t.patient, t.device] for t in tablets]
        self.start("connect", host=host, port=port, tablets=rows, subscriber=subscriber)
        self.finish()

    def publish(self, messages: int, seed: int, since: datetime) -> dict[str, Any]:
        """As fast as the broker takes them, the tablets in turn."""
        self.start("publish", messages=messages, seed=seed, since=since.isoformat())
        return self.finish()

    def receipts(self, expected: int) -> dict[str, Any]:
        """Wait until the receipts of `expected` different messages have come."""
        self.start("receipts", expected=expected)
        return self.finish()

    def start(self, what: str, **given: Any) -> None:
        """Ask for something; `finish` gives the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **given}) + "\n")
        self._process.stdin.flush()

    def finish(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator has ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


def payload(tablet: Tablet, taken_at: datetime, dice: random.Random) -> tuple[str, str, bytes]:
    """(id, zone, bytes) of one measurement, as the contract's example has it: oxygen saturation and pulse."""
    uplink, chance = str(uuid.uuid4()), dice.random()
    zone = "red" if chance < RED else "yellow" if chance < RED + YELLOW else "green"
    spo2 = {"red": 84, "yellow": 90, "green": dice.randint(93, 98)}[zone]
    body = {
        "id": uplink,
        "patient": tablet.patient,
        "taken_at": taken_at.isoformat(timespec="milliseconds"),
        "device": tablet.device,
        "source": "device",
        "values": [
            {"code": "59408-5", "value": spo2, "unit": "%"},
            {"code": "8867-4", "value": dice.randint(58, 96), "unit": "/min"},
        ],
        "context": {"oxygen_l_min": 0},
        "note": "etter trapp",
    }
    return uplink, zone, json.dumps(body).encode()


class _Generator:
    """What runs in the process."""

    def __init__(self) -> None:
        self.tablets: list[Tablet] = []
        self.links: list[socket.socket] = []
        self.listener = socket.socket()
        self._poll = select.poll()
        self._rest = b""
        self._arrived: list[tuple[float, bytes]] = []

    def connect(self, host: str, port: int, tablets: list[list[str]], subscriber: tuple[str, str]) -> dict[str, Any]:
        _allow_many_files()
        self.tablets = [Tablet(*row) for row in tablets]
        self.links = [_open(host, port, wire.connect(t.gateway, t.gateway, t.password)) for t in self.tablets]
        for link in self.links:
            if link.recv(4) != b"\x20\x02\0\0":
                raise RuntimeError("the broker refused a tablet")
        self.listener = _open(host, port, wire.connect(f"receipts-{uuid.uuid4().hex[:8]}", *subscriber))
        self.listener.sendall(wire.subscribe("dho/v1/+/receipts"))
        heard = b""
        while len(heard) < 9:
            heard += self.listener.recv(9 - len(heard))
        self.listener.setblocking(False)
        self._poll.register(self.listener, select.POLLIN)
        return {"connected": len(self.links)}

    def publish(self, messages: int, seed: int, since: str) -> dict[str, Any]:
        packets = list(self._packets(messages, seed, datetime.fromisoformat(since)))
        used, begun = _cpu_s(), time.monotonic()
        for link, packet in packets:
            link.sendall(packet)
        done = time.monotonic()
        return {"begun": begun, "done": done, "cpu_s": _cpu_s() - used, "bytes": sum(len(packet) for _, packet in packets)}

    def _packets(self, messages: int, seed: int, since: datetime) -> Iterator[tuple[socket.socket, bytes]]:
        dice = random.Random(seed)
        for number in range(messages):
            turn, place = divmod(number, len(self.tablets))
            tablet = self.tablets[place]
            body = payload(tablet, since + turn * APART, dice)[2]
            yield self.links[place], wire.publish(f"dho/v1/{tablet.gateway}/measurements", turn + 1, body)

    def receipts(self, expected: int) -> dict[str, Any]:
        used, until = _cpu_s(), time.monotonic() + PATIENCE_S
        told: dict[str, str] = {}
        looked = late = 0
        while len(told) < expected and time.monotonic() < until:
            if self._listen(0.05) and len(self._arrived) < expected:
                continue
            for _, body in self._arrived[looked:]:
                receipt = json.loads(body)
                told[receipt["id"]] = receipt["status"] if "reason" not in receipt else receipt["reason"]
                late += "late" in receipt
            looked = len(self._arrived)
        at = [instant for instant, _ in self._arrived]
        statuses = {status: list(told.values()).count(status) for status in set(told.values())}
        self._arrived = []
        self._forget_acknowledgements()
        return {"receipts": len(told), "repeated": looked - len(told), "late": late, "statuses": statuses, "first": at[0] if at else None,
                "last": at[-1] if at else None, "cpu_s": _cpu_s() - used}  # fmt: skip

    def _listen(self, patience_s: float) -> bool:
        """Take in what the subscriber was sent and acknowledge it; False if nothing came in time."""
        if not self._poll.poll(1000 * patience_s):
            return False
        data = self._rest + self.listener.recv(262_144)
        now = time.monotonic()
        packets, self._rest = wire.split(data)
        mids = []
        for first, body in packets:
            if first >> 4 == wire.PUBLISH:
                mid, content = wire.delivered(first, body)
                self._arrived.append((now, content))
                if mid is not None:
                    mids.append(mid)
        self.listener.setblocking(True)
        self.listener.sendall(wire.acknowledge(mids))
        self.listener.setblocking(False)
        return True

    def _forget_acknowledgements(self) -> None:
        """What the broker acknowledged to the tablets lies in their sockets; nobody looks at it."""
        for link in self.links:
            with contextlib.suppress(BlockingIOError):
                link.recv(65_536, socket.MSG_DONTWAIT)

    def rate(self, per_second: float, seconds: float, seed: int) -> dict[str, Any]:
        """At a fixed rate, measured now; a late one does not delay the next."""
        dice, used, begun = random.Random(seed), _cpu_s(), time.monotonic()
        order = list(range(len(self.tablets)))
        dice.shuffle(order)
        sent: dict[str, float] = {}
        reds = []
        for number in range(int(per_second * seconds)):
            turn, place = divmod(number, len(order))
            tablet, link = self.tablets[order[place]], self.links[order[place]]
            uplink, zone, body = payload(tablet, datetime.now(UTC), dice)
            packet = wire.publish(f"dho/v1/{tablet.gateway}/measurements", turn % 60_000 + 1, body)
            while (left := begun + number / per_second - time.monotonic()) > 0:
                self._listen(left)
            sent[uplink] = time.monotonic()
            link.sendall(packet)
            if zone == "red":
                reds.append(uplink)
        until = time.monotonic() + 10
        while len(self._arrived) < len(sent) and time.monotonic() < until:
            self._listen(0.05)
        told = {json.loads(body)["id"]: at for at, body in reversed(self._arrived)}
        committed = {uplink: at - sent[uplink] for uplink, at in told.items()}
        self._arrived = []
        self._forget_acknowledgements()
        return {
            "sent": len(sent),
            "committed_s": list(committed.values()),
            "reds": {uplink: sent[uplink] for uplink in reds},
            "reds_committed_s": [committed[uplink] for uplink in reds if uplink in committed],
            "cpu_s": _cpu_s() - used,
        }


def _open(host: str, port: int, hello: bytes) -> socket.socket:
    link = socket.create_connection((host, port))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(hello)
    return link


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _allow_many_files() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    generator = _Generator()
    verbs = {"connect": generator.connect, "publish": generator.publish, "receipts": generator.receipts, "rate": generator.rate}
    for line in sys.stdin:
        given = json.loads(line)
        print(json.dumps(verbs[given.pop("do")](**given)), flush=True)


if __name__ == "__main__":
    main()
