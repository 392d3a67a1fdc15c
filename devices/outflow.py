"""Receipts on their way out: bounded, paced by what the broker has acknowledged, sent again after a reconnect.

Losing a receipt is legal (the tablet sends again and is told `duplicate`), blocking or growing without bound is not: when
a broker stalls, the newest receipts are dropped and counted. Pure.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import cycle

from devices import wire

FIRST_MID = 1000  # message ids below are paho's, for SUBSCRIBE


class Outflow:
    """Receipts that wait and receipts in flight. `most_in_flight` is at most the broker's Receive Maximum and 60 000."""

    def __init__(self, most_waiting: int, most_in_flight: int) -> None:
        self.most_in_flight = most_in_flight
        self.sent = self.refused = self.dropped = 0
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._in_flight: dict[int, tuple[bytes, bytes]] = {}
        self._mids: Iterator[int] = cycle(range(FIRST_MID, 65_536))

    @property
    def is_crowded(self) -> bool:
        """Whether so much waits that acknowledging more messages would soon cost receipts."""
        return len(self._waiting) > self._most_waiting // 2

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return not self._waiting and not self._in_flight

    def add(self, receipts: Iterable[tuple[str, bytes]]) -> None:
        """Queue (topic, body) pairs, as many as there is room for."""
        for topic, body in receipts:
            if len(self._waiting) < self._most_waiting:
                self._waiting.append((topic.encode(), body))
            else:
                self.dropped += 1

    def packets(self, most_bytes: int) -> bytes:
        """The packets that may go now: not more in flight than the broker allows, and about `most_bytes`."""
        packets, size = [], 0
        while self._waiting and len(self._in_flight) < self.most_in_flight and size < most_bytes:
            mid = next(self._mids)
            if mid in self._in_flight:
                continue
            receipt = self._in_flight[mid] = self._waiting.popleft()
            packet = wire.publication(receipt[0], mid, receipt[1])
            packets.append(packet)
            size += len(packet)
            self.sent += 1
        return b"".join(packets)

    def acknowledged(self, mid: int, refused: bool) -> None:
        """The broker has taken (or refused) one; a refused one is not tried again."""
        if self._in_flight.pop(mid, None) is not None and refused:
            self.refused += 1

    def connection_lost(self) -> None:
        """What was in flight waits again, first in line."""
        self._waiting.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()
