"""Who is connected to the live feed of this process, and what waits for each of them. No I/O: the feed reads, sockets write.

One bounded queue a connection. A reader that does not keep up is closed, never waited for: more than 500 frames waiting, or one that has
waited 10 seconds.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from dashboards.feed_reading import NO_SCOPE, Line, Scope
from dashboards.frames import event_frame
from dashboards.sessions import Viewer

MOST_WAITING = 500
LONGEST_WAIT_S = 10.0
BUSY = MOST_WAITING // 5

TOO_SLOW, NOT_AUTHENTICATED, NOT_ALLOWED, MALFORMED, TRY_AGAIN_LATER = 4408, 4401, 4403, 4400, 1013
REASONS = {
    TOO_SLOW: "too slow, come back",
    NOT_AUTHENTICATED: "not authenticated",
    NOT_ALLOWED: "not allowed",
    MALFORMED: "malformed",
    TRY_AGAIN_LATER: "try again later",
}


class Event:
    """One event on its way to many subscribers; each scope's frame is made once."""

    __slots__ = ("_frames", "line")

    def __init__(self, line: Line) -> None:
        self.line = line
        self._frames: dict[int, str] = {}

    def frame(self, prev: int) -> str:
        """The frame for a scope in which `prev` came before."""
        frame = self._frames.get(prev)
        if frame is None:
            frame = self._frames[prev] = event_frame(self.line.seq, prev, self.line.body)
        return frame


@dataclass(eq=False, slots=True)
class Subscriber:
    """One connection. `position`: everything visible up to here has been sent; `prev`: the last visible number up to there; `covered`: the
    snapshot or the missed events hold everything up to here."""

    viewer: Viewer
    request: str
    scope: Scope = NO_SCOPE
    position: int = 0
    prev: int = 0
    waiting: deque[tuple[float, Event]] = field(default_factory=deque)
    sending_since: float | None = None
    starting: bool = False
    covered: int = 0
    lost: int = 0
    live: bool = False
    begin_again: bool = False
    closing: int | None = None
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _looked: dict[UUID, datetime] = field(default_factory=dict)

    def offer(self, event: Event, at: float) -> None:
        """Let an event wait to be sent; a full queue closes the connection. `at` is monotonic."""
        if self.closing is not None or event.line.seq <= self.covered:
            return
        if len(self.waiting) >= MOST_WAITING:
            if not self.starting:
                self.close(TOO_SLOW)
                return
            self.lost = self.waiting.popleft()[1].line.seq  # most likely older than what is being read at this moment
        self.waiting.append((at, event))
        self.wake.set()

    def begin(self) -> None:
        """What is offered from here on waits, while the database is read for everything before."""
        self.begin_again, self.live, self.starting, self.covered, self.lost = False, False, True, 0, 0
        self.waiting.clear()

    def began(self, head: int) -> bool:
        """Everything up to `head` was read. False if something after it was lost meanwhile: begin once more."""
        self.starting, self.covered = False, head
        while self.waiting and self.waiting[0][1].line.seq <= head:
            self.waiting.popleft()
        return self.lost <= head

    def take(self) -> Event | None:
        """The next event that was not sent yet."""
        while self.waiting:
            _, event = self.waiting.popleft()
            if event.line.seq > self.position:
                return event
        return None

    def sent(self, event: Event) -> None:
        """It is on its way."""
        self.position = self.prev = event.line.seq

    def complete_up_to(self, read: int) -> int:
        """The number for a heartbeat, when the process has read the feed up to `read`."""
        if self.waiting:
            return max(self.position, self.waiting[0][1].line.seq - 1)
        return max(self.position, read)

    def is_too_slow(self, at: float) -> bool:
        """Whether something has waited longer than anybody is waited for."""
        oldest = self.sending_since
        if oldest is None and self.live and self.waiting:
            oldest = self.waiting[0][0]
        return oldest is not None and at - oldest > LONGEST_WAIT_S

    def has_looked(self, patient: UUID, hour: datetime) -> bool:
        """Whether the access log knows of a frame about the patient on this connection in this hour."""
        return self._looked.get(patient) == hour

    def looked(self, patient: UUID, hour: datetime) -> None:
        """The access log knows now."""
        self._looked[patient] = hour

    def is_busy(self) -> bool:
        """Whether so much waits that the writer should be let run before more is read."""
        return len(self.waiting) > BUSY

    def close(self, code: int) -> None:
        """End this connection with a code."""
        if self.closing is None:
            self.closing = code
            self.waiting.clear()
            self.ended.set()

    def restart(self) -> None:
        """Say welcome again and begin with a snapshot: scope or history are others now."""
        self.begin_again, self.live, self.starting = True, False, True
        self.waiting.clear()
        self.wake.set()


class Subscribers:
    """All connections, found by audience key."""

    def __init__(self) -> None:
        self._all: set[Subscriber] = set()
        self._by_key: dict[str, set[Subscriber]] = {}

    def __iter__(self) -> Iterator[Subscriber]:
        return iter(tuple(self._all))

    def __len__(self) -> int:
        return len(self._all)

    def add(self, subscriber: Subscriber, scope: Scope) -> None:
        """From now on events for this scope are offered to it; a former scope's are no more."""
        self.remove(subscriber)
        subscriber.scope = scope
        self._all.add(subscriber)
        for key in scope.keys:
            self._by_key.setdefault(key, set()).add(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        """Gone."""
        self._all.discard(subscriber)
        for key in subscriber.scope.keys:
            listening = self._by_key.get(key)
            if listening is not None:
                listening.discard(subscriber)
                if not listening:
                    del self._by_key[key]

    def of(self, line: Line) -> set[Subscriber]:
        """Who may see this event, each once however many keys match."""
        return {subscriber for key in line.audience for subscriber in self._by_key.get(key, ())}

    def looks(self, lines: Sequence[Line], hour: datetime) -> list[tuple[Subscriber, Line]]:
        """Which frames need a row in the access log before they are sent: the first about a patient on a connection in an hour."""
        first = {(s, line.patient): line for line in reversed(lines) for s in self.of(line) if not s.has_looked(line.patient, hour)}
        return [(s, line) for (s, _), line in first.items()]

    def offer(self, lines: Iterable[Line], at: float) -> set[Subscriber]:
        """Offer each event to all who may see it; who was offered any."""
        offered: set[Subscriber] = set()
        for line in lines:
            listening = self.of(line)
            offered |= listening
            event = Event(line)
            for subscriber in listening:
                subscriber.offer(event, at)
        return offered

    def close_slow(self, at: float) -> None:
        """Close whoever does not keep up."""
        for subscriber in self:
            if subscriber.is_too_slow(at):
                subscriber.close(TOO_SLOW)

    def settle(self, among: Iterable[Subscriber], living: set[bytes], scopes: Mapping[UUID, Scope], history_changed: bool) -> None:
        """Apply what the database says of those who were asked about: credentials, rights, scopes."""
        for subscriber in among:
            if subscriber not in self._all:
                continue
            scope = scopes.get(subscriber.viewer.person, NO_SCOPE)
            if subscriber.viewer.credential not in living:
                subscriber.close(NOT_AUTHENTICATED)
            elif not scope.keys:
                subscriber.close(NOT_ALLOWED)
            elif history_changed or scope.keys != subscriber.scope.keys:
                self.add(subscriber, scope)
                subscriber.restart()
            else:
                subscriber.scope = scope
