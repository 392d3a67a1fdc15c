"""One connection to the live feed: hello, welcome, where it begins, then events and heartbeats until somebody ends it."""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Annotated, Any, Literal
from uuid import uuid4

import anyio.to_thread
import msgspec
from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from dashboards.feed import Feed
from dashboards.frames import event_frame, heartbeat_frame, snapshot_frames, welcome_frame
from dashboards.house import house_of
from dashboards.problems import NotAuthenticated
from dashboards.sessions import COOKIE, TokenKind, Viewer, find_viewer, is_our_origin
from dashboards.subscribers import MALFORMED, NOT_ALLOWED, NOT_AUTHENTICATED, REASONS, TRY_AGAIN_LATER, Subscriber
from dho import clock
from dho.db import TransientDatabaseError
from dho.log import Log

log = Log(__name__)
router = APIRouter()
HELLO_WITHIN_S = 10.0


class Resume(msgspec.Struct):
    """Where a client was: the epoch and the position."""

    epoch: str
    seq: Annotated[int, msgspec.Meta(ge=0)]


class Hello(msgspec.Struct):
    """The first frame of a client."""

    op: Literal["hello"]
    token: str | None = None
    resume: Resume | None = None


class Refused(Exception):
    """This connection ends with a close code."""

    def __init__(self, code: int) -> None:
        super().__init__(REASONS[code])
        self.code = code


@router.websocket("/api/v1/feed")
async def feed(socket: WebSocket) -> None:
    """The live feed (contract, section 4)."""
    await socket.accept()
    try:
        hello = await _hello(socket)
        viewer = await _viewer(socket, hello)
        await Connection(socket, house_of(socket).feed, viewer, hello).run()
    except Refused as refusal:
        await close(socket, refusal.code)
    except WebSocketDisconnect:
        return


async def _hello(socket: WebSocket) -> Hello:
    try:
        async with asyncio.timeout(HELLO_WITHIN_S):
            text = await _text(socket)
    except TimeoutError:
        raise Refused(NOT_AUTHENTICATED) from None
    try:
        return msgspec.json.decode(text, type=Hello)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise Refused(MALFORMED) from None


async def _text(socket: WebSocket) -> str:
    """The next text frame. A binary one is malformed."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1006))
    text = message.get("text")
    if text is None:
        raise Refused(MALFORMED)
    return str(text)


async def _viewer(socket: WebSocket, hello: Hello) -> Viewer:
    kind: TokenKind = "session" if hello.token is None else "token"
    token = socket.cookies.get(COOKIE) if hello.token is None else hello.token
    if not token:
        raise Refused(NOT_AUTHENTICATED)
    if kind == "session" and not is_our_origin(socket):
        raise Refused(NOT_ALLOWED)
    try:
        return await anyio.to_thread.run_sync(find_viewer, house_of(socket), token, kind, clock.now())
    except NotAuthenticated:
        raise Refused(NOT_AUTHENTICATED) from None
    except TransientDatabaseError:
        raise Refused(TRY_AGAIN_LATER) from None


async def close(socket: WebSocket, code: int) -> None:
    """End a connection with a code: past everything that waits to be sent where the server can, and cut soon after."""
    protocol = socket.scope.get("state", {}).get("protocol")
    if protocol is not None:
        protocol.cut(code, REASONS[code])
    else:
        await socket.close(code, REASONS[code])


class Connection:
    """A recognised subscriber and its socket."""

    def __init__(self, socket: WebSocket, feed: Feed, viewer: Viewer, hello: Hello) -> None:
        self._socket, self._feed = socket, feed
        self._subscriber = Subscriber(viewer, uuid4().hex)
        self._resume = (hello.resume.epoch, hello.resume.seq) if hello.resume else None
        self._heartbeat_s = house_of(socket).settings.feed_heartbeat_s

    async def run(self) -> None:
        """Until the client leaves, somebody closes it, or the process ends."""
        steps: list[Coroutine[Any, Any, Any]] = [self._read(), self._write(), self._subscriber.ended.wait()]
        tasks = [asyncio.create_task(step) for step in steps]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._feed.subscribers.remove(self._subscriber)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        if self._subscriber.closing is not None:
            raise Refused(self._subscriber.closing)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _read(self) -> None:
        """What a client says after its hello is for later versions; it must still be JSON."""
        while True:
            text = await _text(self._socket)
            try:
                msgspec.json.decode(text)
            except (msgspec.MsgspecError, UnicodeEncodeError):
                raise Refused(MALFORMED) from None

    async def _write(self) -> None:
        subscriber = self._subscriber
        await self._begin(self._resume)
        beat_at = time.monotonic() + self._heartbeat_s
        while True:
            if subscriber.begin_again:
                await self._begin(None)
            now = time.monotonic()
            if now >= beat_at:
                beat_at = now + self._heartbeat_s
                if self._feed.hears:
                    seq = subscriber.complete_up_to(self._feed.read_up_to)
                    subscriber.position = seq
                    await self._send(heartbeat_frame(seq, clock.now()))
            event = subscriber.take()
            if event is not None:
                frame = event.frame(subscriber.prev)
                subscriber.sent(event)
                await self._send(frame)
            else:
                await self._rest(beat_at)

    async def _rest(self, until: float) -> None:
        """Until something waits or `until` (monotonic)."""
        wake = self._subscriber.wake
        wake.clear()
        if self._subscriber.waiting or self._subscriber.begin_again:
            return
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await wake.wait()
        except TimeoutError:
            return

    async def _begin(self, resume: tuple[str, int] | None) -> None:
        """Welcome, then what was missed or a snapshot."""
        subscriber = self._subscriber
        try:
            start = await self._feed.begin(subscriber, resume)
        except TransientDatabaseError:
            raise Refused(TRY_AGAIN_LATER) from None
        if not start.scope.keys:
            raise Refused(NOT_ALLOWED)
        await self._send(welcome_frame(start.epoch, start.head, self._heartbeat_s, start.scope.words()))
        if start.missed is None:
            await self._send_all(snapshot_frames(start.head, start.alerts))
            subscriber.prev = start.prev
        else:
            subscriber.prev = start.prev
            for line in start.missed:
                await self._send(event_frame(line.seq, subscriber.prev, line.body))
                subscriber.prev = line.seq
        subscriber.position = start.head
        subscriber.live = True

    async def _send_all(self, frames: Iterable[str]) -> None:
        for frame in frames:
            await self._send(frame)

    async def _send(self, frame: str) -> None:
        self._subscriber.sending_since = time.monotonic()
        await self._socket.send_text(frame)
        self._subscriber.sending_since = None
