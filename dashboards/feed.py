"""The live feed: one reader a process, one writer a connection.

The reader looks for new events when the database hints and once a second in any case, in commit order, so that nothing is skipped;
it writes the access log in the transaction that reads, and only then offers the events. Every second and a half it asks what has become
of everybody connected. When the database is away nothing is sent, heartbeats least of all: a page that hears nothing says so.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import anyio.to_thread
import psycopg
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from dashboards import access, feed_reading
from dashboards.feed_reading import NO_SCOPE, Line, Start
from dashboards.house import House
from dashboards.subscribers import Subscriber, Subscribers
from dho import clock
from dho.db import Actor, TransientDatabaseError, listening_connection
from dho.log import Log
from dho.sql import queries

log = Log(__name__)
SQL = queries("dashboards")
LOOK_EVERY_S = 1.0
CHECK_EVERY_S = 1.5
DEAF_AFTER_S = 5.0
READ_AT_ONCE = 100
LONGEST_PAUSE_S = 0.05
T = TypeVar("T")


class Feed:
    """The live feed of one process."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.subscribers = Subscribers()
        self.read_up_to = 0
        self._read_at = float("-inf")
        self._history = ""
        self._offered: set[Subscriber] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to read."""
        self._tasks = [asyncio.create_task(self._forever(step)) for step in (self._listen, self._check, self._watch_slow)]

    async def stop(self) -> None:
        """Read no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def hears(self) -> bool:
        """Whether the database was read a moment ago."""
        return time.monotonic() - self._read_at < DEAF_AFTER_S

    async def begin(self, subscriber: Subscriber, resume: tuple[str, int] | None) -> Start:
        """Where this connection begins. From the return on, everything later waits in its queue."""
        scope = subscriber.scope
        if not scope.keys:
            scope = await self._in_thread(lambda: self._scope_of(subscriber))
        if not scope.keys:
            return Start(NO_SCOPE, "", 0, 0, None, [])
        while True:
            self.subscribers.add(subscriber, scope)
            subscriber.begin()
            start = await self._in_thread(lambda: self._start(subscriber, resume))
            if start.scope.keys == subscriber.scope.keys and subscriber.began(start.head):
                return start
            scope = start.scope

    def _scope_of(self, subscriber: Subscriber) -> feed_reading.Scope:
        viewer = subscriber.viewer
        with self._house.database.transaction(viewer.actor, "feed", clock.now()) as tx:
            return feed_reading.scopes(tx, [viewer.person]).get(viewer.person, NO_SCOPE)

    def _start(self, subscriber: Subscriber, resume: tuple[str, int] | None) -> Start:
        viewer = subscriber.viewer
        with self._house.database.transaction(viewer.actor, "feed", clock.now()) as tx:
            return feed_reading.start(tx, viewer, self._house.settings.secret_key, resume, subscriber.request)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await anyio.to_thread.run_sync(work)

    async def _forever(self, step: Callable[[], Any]) -> None:
        """Run a step again and again; a database that is away is asked again in half a second."""
        while True:
            try:
                await step()
            except (psycopg.OperationalError, TransientDatabaseError, PoolTimeoutError, OSError):
                log.warning("the feed cannot reach the database", what=step.__name__.strip("_"))
                await asyncio.sleep(0.5)
            except Exception:
                log.error("the feed stumbled", what=step.__name__.strip("_"))
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        async with await listening_connection(self._house.settings.database_url, "serve") as connection:
            await connection.execute(SQL["listen"])
            if not self.read_up_to:
                self.read_up_to = await self._head(connection)
            while True:
                while await self._look(connection) == READ_AT_ONCE:
                    await self._let_writers_run()
                async for _ in connection.notifies(timeout=LOOK_EVERY_S, stop_after=1):
                    break

    async def _let_writers_run(self) -> None:
        """In a burst, read on when the quickest of those who were offered something has room: the slow are never waited for, and one that
        is read faster than anybody could take it does not close everybody."""
        until = time.monotonic() + LONGEST_PAUSE_S
        await asyncio.sleep(0)
        while self._offered and all(s.is_busy() for s in self._offered) and time.monotonic() < until:
            await asyncio.sleep(0.001)

    async def _head(self, connection: psycopg.AsyncConnection[Any]) -> int:
        row = await (await connection.execute(SQL["feed_head"])).fetchone()
        return int(row.seq) if row else 0

    async def _look(self, connection: psycopg.AsyncConnection[Any]) -> int:
        """Read what is new, write down who sees it, and offer it; how many there were."""
        now = clock.now()
        async with connection.transaction():
            cursor = await connection.execute(SQL["new_events"], {"after": self.read_up_to, "limit": READ_AT_ONCE})
            lines = [Line(row.seq, row.patient, frozenset(row.audience), row.body) for row in await cursor.fetchall()]
            hour = now.replace(minute=0, second=0, microsecond=0)
            looks = self.subscribers.looks(lines, hour)
            if looks:
                await connection.execute(SQL["log_frames"], _rows(looks) | {"at": now})
        for subscriber, line in looks:
            subscriber.looked(line.patient, hour)
        if lines:
            self.read_up_to = lines[-1].seq
            self._offered = self.subscribers.offer(lines, time.monotonic())
        self._read_at = time.monotonic()
        return len(lines)

    async def _check(self) -> None:
        """Ask what has become of everybody connected, and whether this is still the same history."""
        await asyncio.sleep(CHECK_EVERY_S)
        connected = list(self.subscribers)
        if not connected and self._history:
            return
        asked = {s.viewer.credential for s in connected}
        people = {s.viewer.person for s in connected}
        found = await self._in_thread(lambda: self._ask(list(people), asked))
        history, head, living, scopes = found
        changed = bool(self._history) and (history != self._history or head < self.read_up_to)
        self._history = history
        if changed:
            log.warning("the database has another history: everybody begins again", seq=head)
            self.read_up_to = head
        self.subscribers.settle(connected, living, scopes, changed)

    def _ask(self, people: list[Any], credentials: set[bytes]) -> tuple[str, int, set[bytes], dict[Any, feed_reading.Scope]]:
        now = clock.now()
        idle_since = now - timedelta(minutes=self._house.settings.session_idle_minutes)
        with self._house.database.transaction(Actor("person"), "feed", now) as tx:
            living = feed_reading.living_credentials(tx, credentials, idle_since)
            return feed_reading.history(tx), tx.row(SQL["feed_head"]).seq, living, feed_reading.scopes(tx, people)

    async def _watch_slow(self) -> None:
        await asyncio.sleep(0.5)
        self.subscribers.close_slow(time.monotonic())


def _rows(looks: list[tuple[Subscriber, Line]]) -> dict[str, Any]:
    """The rows of the access log for frames about to be sent, as columns."""
    relations = [(s, s.scope.relation(line)) for s, line in looks]
    return {
        "people": [s.viewer.person for s, _ in relations],
        "patients": [r.patient for _, r in relations],
        "roles": [r.parts[0].role for _, r in relations],
        "relations": [r.parts[0].relation for _, r in relations],
        "purposes": [access.purpose_of(r.parts[0].role) for _, r in relations],
        "requests": [s.request for s, _ in relations],
    }
