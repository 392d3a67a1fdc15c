"""Home tablets as the contract wants them: a measurement stays in the outbox until its receipt, and is sent again meanwhile.

Any number of tablets live on one thread, each with a connection and a log-in of its own, in plain MQTT 3.1.1 (`gateway_wire`), so that
nothing of the code under test makes the load. A PUBACK only makes room for the next publish; it is not a receipt.
"""

import errno
import json
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.bench import gateway_wire as wire
from tests.services.processes import wait_for

CONNACK, SUBACK = 2, 9
RETRY_S = 0.25
STRIKE_S = 120.0
ROUND_S = 0.1


@dataclass(slots=True, eq=False)
class Kept:
    """One measurement in an outbox."""

    id: str
    body: bytes
    times_sent: int = 0
    sent_at: float = 0.0


@dataclass(slots=True)
class HomeTablet:
    """One tablet. `receipts` is every status it was told, by id; `link` is None while it has no connection."""

    gateway: str
    unsent: deque[Kept] = field(default_factory=deque)
    awaiting: dict[str, Kept] = field(default_factory=dict)
    receipts: dict[str, list[str]] = field(default_factory=dict)
    answered_at: dict[str, float] = field(default_factory=dict)
    connections: int = 0
    publishes: int = 0
    link: socket.socket | None = None
    is_ready: bool = False
    retry_at: float = 0.0
    in_flight: set[bytes] = field(default_factory=set)
    incoming: bytes = b""
    outgoing: bytearray = field(default_factory=bytearray)

    def forget_connection(self) -> None:
        """Everything that has no receipt will be sent again, in the order in which it was measured."""
        self.link, self.is_ready, self.incoming = None, False, b""
        self.in_flight.clear()
        self.outgoing.clear()
        self.unsent.extendleft(reversed(self.awaiting.values()))
        self.awaiting.clear()


class Fleet:
    """Tablets that share a password. They connect on entry; `put` gives them measurements, from any thread.

    `resend_s` is how long a tablet waits for a receipt before it sends again, `window` how many of its publishes may be unacknowledged,
    `in_array` how many measurements go into one publish.
    """

    def __init__(
        self, port: int, gateways: Iterable[str], password: str, *, resend_s: float = 3.0, window: int = 20, in_array: int = 1
    ) -> None:
        self.tablets = {gateway: HomeTablet(gateway) for gateway in gateways}
        self._port, self._password = port, password
        self._resend_s, self._window, self._in_array = resend_s, window, in_array
        self._given: deque[tuple[HomeTablet, Kept]] = deque()
        self._count_given = self._count_answered = 0
        self._selector = selectors.DefaultSelector()
        self._strike: tuple[int, Callable[[], object], threading.Event] | None = None
        self._ending = False
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="tablets", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._ending = True
        self._thread.join()

    def put(self, gateway: str, measurements: Iterable[tuple[str, bytes]]) -> None:
        """Measurements, as (id, JSON), for a tablet's outbox, oldest first. The same id twice is sent twice."""
        kept = [(self.tablets[gateway], Kept(id_, body)) for id_, body in measurements]
        self._count_given += len(kept)
        self._given.extend(kept)

    @property
    def waiting(self) -> int:
        """How many measurements have no receipt yet."""
        if self.failure is not None:
            raise self.failure
        return self._count_given - self._count_answered

    @property
    def answered(self) -> int:
        """How many have got one."""
        return self._count_answered

    @property
    def receipts(self) -> Mapping[str, Sequence[str]]:
        """Every status that came, by the measurement's id."""
        return {id_: told for tablet in self.tablets.values() for id_, told in tablet.receipts.items()}

    @property
    def are_all_ready(self) -> bool:
        """Whether every tablet is connected and hears its receipts."""
        return self.waiting >= 0 and all(tablet.is_ready for tablet in self.tablets.values())

    def in_mid_burst(self, part: float, strike: Callable[[], object]) -> None:
        """Do something once so large a part of what waits now has been answered: at that very moment, between two receipts."""
        struck = threading.Event()
        self._strike = (self.answered + int(part * self.waiting), strike, struck)
        wait_for("the middle of the burst", lambda: struck.is_set() and self.waiting >= 0, STRIKE_S)
        self._strike = None

    # The tablets' thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            next_round = 0.0
            while not self._ending:
                for key, events in self._selector.select(0.02):
                    self._attend(key.data, events)
                self._take_given()
                if time.monotonic() >= next_round:
                    next_round = time.monotonic() + ROUND_S
                    self._make_round(time.monotonic())
        except BaseException as failure:
            self.failure = failure
        for tablet in self.tablets.values():
            if tablet.link is not None:
                tablet.link.close()
        self._selector.close()

    def _take_given(self) -> None:
        touched = {}
        while self._given:
            tablet, kept = self._given.popleft()
            tablet.unsent.append(kept)
            touched[tablet.gateway] = tablet
        for tablet in touched.values():
            self._send(tablet)

    def _make_round(self, now: float) -> None:
        """Connect who is without a connection; send again what has waited too long for its receipt."""
        for tablet in self.tablets.values():
            if tablet.link is None and now >= tablet.retry_at:
                self._connect(tablet)
            elif tablet.is_ready and tablet.awaiting:
                for kept in [kept for kept in tablet.awaiting.values() if now - kept.sent_at >= self._resend_s]:
                    del tablet.awaiting[kept.id]
                    tablet.unsent.append(kept)
                self._send(tablet)

    def _connect(self, tablet: HomeTablet) -> None:
        tablet.connections += 1
        link = tablet.link = socket.socket()
        link.setblocking(False)
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = link.connect_ex(("127.0.0.1", self._port))
        self._selector.register(link, selectors.EVENT_READ | selectors.EVENT_WRITE, tablet)
        tablet.outgoing += wire.connect(f"{tablet.gateway}-{tablet.connections}", tablet.gateway, self._password)
        tablet.outgoing += wire.subscribe(f"dho/v1/{tablet.gateway}/receipts")
        if code not in (0, errno.EINPROGRESS):
            self._lose(tablet)

    def _lose(self, tablet: HomeTablet) -> None:
        assert tablet.link is not None
        self._selector.unregister(tablet.link)
        tablet.link.close()
        tablet.forget_connection()
        tablet.retry_at = time.monotonic() + RETRY_S

    def _attend(self, tablet: HomeTablet, events: int) -> None:
        try:
            if events & selectors.EVENT_READ:
                self._read(tablet)
            self._write(tablet)
        except OSError:
            self._lose(tablet)

    def _read(self, tablet: HomeTablet) -> None:
        assert tablet.link is not None
        try:
            data = tablet.link.recv(65_536)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError
        packets, tablet.incoming = wire.split(tablet.incoming + data)
        heard = []
        for first, body in packets:
            kind = first >> 4
            if kind == wire.PUBACK:
                tablet.in_flight.discard(body[:2])
            elif kind == wire.PUBLISH:
                mid, payload = wire.delivered(first, body)
                heard += [mid] if mid else []
                self._hear(tablet, payload)
            elif kind == CONNACK and body[1]:
                raise ConnectionRefusedError(f"the broker refused {tablet.gateway}: {body[1]}")
            elif kind == SUBACK:
                tablet.is_ready = True
        tablet.outgoing += wire.acknowledge(heard)
        self._fill(tablet)

    def _hear(self, tablet: HomeTablet, payload: bytes) -> None:
        receipt = json.loads(payload)
        tablet.receipts.setdefault(receipt["id"], []).append(receipt["status"])
        tablet.answered_at.setdefault(receipt["id"], time.monotonic())
        if tablet.awaiting.pop(receipt["id"], None) is not None:
            self._count_answered += 1
            if self._strike and self._count_answered >= self._strike[0] and not self._strike[2].is_set():
                self._strike[1]()
                self._strike[2].set()

    def _fill(self, tablet: HomeTablet) -> None:
        """Publish from the outbox as far as the window lets it. What has its receipt already and was sent once is done."""
        while tablet.is_ready and tablet.unsent and len(tablet.in_flight) < self._window:
            now, together = time.monotonic(), list(self._next(tablet))
            if not together:
                return
            for kept in together:
                kept.times_sent += 1
                kept.sent_at = now
                self._count_answered += kept.id in tablet.awaiting  # one receipt will do for both
                tablet.awaiting[kept.id] = kept
            tablet.publishes += 1
            mid = tablet.publishes % 65_535 + 1
            tablet.in_flight.add(mid.to_bytes(2, "big"))
            body = together[0].body if self._in_array == 1 else b"[" + b",".join(kept.body for kept in together) + b"]"
            tablet.outgoing += wire.publish(f"dho/v1/{tablet.gateway}/measurements", mid, body)

    def _next(self, tablet: HomeTablet) -> Iterator[Kept]:
        """What goes into the next publish; what has its receipt meanwhile is not sent again."""
        for _ in range(min(self._in_array, len(tablet.unsent))):
            kept = tablet.unsent.popleft()
            if kept.times_sent and kept.id in tablet.receipts:
                self._count_answered += 1
            else:
                yield kept

    def _send(self, tablet: HomeTablet) -> None:
        self._fill(tablet)
        if tablet.link is not None and tablet.outgoing:
            self._attend(tablet, 0)

    def _write(self, tablet: HomeTablet) -> None:
        if tablet.link is None:
            return
        with suppress(BlockingIOError):
            del tablet.outgoing[: tablet.link.send(tablet.outgoing) if tablet.outgoing else 0]
        self._selector.modify(tablet.link, selectors.EVENT_READ | (selectors.EVENT_WRITE if tablet.outgoing else 0), tablet)
