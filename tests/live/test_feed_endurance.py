"""The live feed when something gives way: a reader that stands still, a database that is away, a service that restarts."""

import base64
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from alerts.intake import Intake
from dashboards import watch_feed
from dashboards.watch_feed import FeedRefused
from dho import clock
from dho.db import Database
from dho.embedded import EmbeddedPostgres
from dho.migrate import migrate
from tests.cast import Cast, cast, measured, plan
from tests.live.test_feed import client, measure
from tests.services.processes import free_port, wait_for
from tests.serving import Served, serving

SENT_AT_MOST = 128 * 1024
HEARTBEAT_S = 0.5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A database of this module's own, which it may kill."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres")) as running:
        migrate(running.url, test_database=True)
        yield running


@pytest.fixture
def served(server: EmbeddedPostgres) -> Iterator[Served]:
    with serving(server.url, feed_heartbeat_s=HEARTBEAT_S) as running:
        yield running


@pytest.fixture(scope="module")
def who(server: EmbeddedPostgres) -> Cast:
    return cast(server.url, clock.now())


@pytest.fixture
def intake(server: EmbeddedPostgres) -> Iterator[Intake]:
    opened = Database(server.url, "ingest")
    yield Intake(opened, "test")
    opened.close()


def standing_still(served: Served, token: str) -> socket.socket:
    """A client that says hello and then never reads, with a small window of its own."""
    parts = urlsplit(served.url)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect((parts.hostname, parts.port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /api/v1/feed HTTP/1.1", f"Host: {parts.netloc}", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}"]
    reader.sendall("\r\n".join([*lines, "Sec-WebSocket-Version: 13", "", ""]).encode())
    assert b"101 Switching Protocols" in reader.recv(1024)
    hello = json.dumps({"op": "hello", "token": token}).encode()
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(hello))
    reader.sendall(bytes([0x81, 0x80 | len(hello)] if len(hello) < 126 else [0x81, 0xFE, *len(hello).to_bytes(2, "big")]) + mask + masked)
    return reader


def all_that_was_sent(reader: socket.socket) -> bytes:
    """What the server had put on its way before it cut the connection."""
    reader.settimeout(5)
    received = b""
    try:
        while part := reader.recv(65_536):
            received += part
    except ConnectionError:
        pass
    return received


def test_a_reader_that_stands_still_is_cut_and_takes_nobody_along(served: Served, who: Cast, intake: Intake) -> None:
    tablets = [who.patient(plan())[1] for _ in range(20)]
    slow = standing_still(served, served.token(who.bjorn))
    with client(served, who.ada) as quick:
        quick.next("snapshot")
        wait_for("both are connected", lambda: len(served.house.feed.subscribers) == 2, 5)
        deadline = time.monotonic() + 40
        while len(served.house.feed.subscribers) == 2:
            assert time.monotonic() < deadline, "the reader that stands still was never cut"
            now = clock.now()
            intake.take([measured(tablet, now, ("spo2", 80, "%")) for tablet in tablets], now)
            (head,) = served.rows("SELECT seq FROM feed_head")
            while quick.position < head.seq:
                quick.next()
        cut_at = time.monotonic()
        sent = all_that_was_sent(slow)
        assert time.monotonic() - cut_at < 2
    assert len(sent) < SENT_AT_MOST
    slow.close()


def test_nothing_is_sent_while_the_database_is_away_and_nothing_is_missing_afterwards(
    server: EmbeddedPostgres, served: Served, who: Cast, intake: Intake
) -> None:
    _, tablet = who.patient(plan())
    with client(served, who.ada) as ada:
        ada.next("heartbeat")
        server.kill()
        try:
            answer = served.client().get("/readyz")
            assert (answer.status_code, answer.json()["database"]) == (503, "down")
            refused = httpx.post(f"{served.url}/api/v1/measurements", json={}, auth=("x", "y"))
            assert (refused.status_code, refused.json()["type"]) == (503, "/problems/database_unavailable")
            assert int(refused.headers["retry-after"]) > 0
            assert served.client().get("/healthz").status_code == 200
            quiet_from = time.monotonic() + 5 + HEARTBEAT_S
            while time.monotonic() < quiet_from:
                _swallow(ada, 0.2)
            with pytest.raises(TimeoutError):
                ada.next(seconds=3 * HEARTBEAT_S)
        finally:
            server.start()
        ada.next("heartbeat", seconds=10)
        wait_for("the database takes measurements again", lambda: _measured(intake, tablet), 5)
        raised = ada.next("event", seconds=10)
        assert raised["type"] == "alert.raised"


def _swallow(one: Any, seconds: float) -> None:
    try:
        one.next(seconds=seconds)
    except TimeoutError:
        return


def _measured(intake: Intake, tablet: str) -> bool:
    try:
        measure(intake, tablet)
    except Exception:
        return False
    return True


def test_a_service_that_stops_says_1012_and_the_next_one_goes_on_where_it_was(server: EmbeddedPostgres, who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    with serving(server.url, feed_heartbeat_s=HEARTBEAT_S) as first, client(first, who.ada) as ada:
        ada.next("snapshot")
        first.stop()
        assert ada.ended() == 1012
        resume = {"epoch": ada.epoch, "seq": ada.position}
    measure(intake, tablet)
    with serving(server.url, feed_heartbeat_s=HEARTBEAT_S) as second, client(second, who.ada, resume) as back:
        assert back.next("welcome")["epoch"] == resume["epoch"]
        assert back.next()["type"] == "alert.raised"


def test_watch_feed_shows_what_happens_and_goes_on_after_a_break(server: EmbeddedPostgres, who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    shown: list[dict[str, Any]] = []
    away: list[None] = []
    port = free_port()
    url, heartbeat = f"ws://127.0.0.1:{port}/api/v1/feed", {"feed_heartbeat_s": HEARTBEAT_S}

    def ops(*wanted: str) -> list[str]:
        return [frame["op"] for frame in shown if frame["op"] in wanted]

    with serving(server.url, port, **heartbeat) as first:
        token = first.token(who.ada)
        how = {"until": lambda frame: frame["op"] == "event", "away": lambda: away.append(None)}
        watching = threading.Thread(target=watch_feed.run, args=(url, token, shown.append), kwargs=how, daemon=True)
        watching.start()
        wait_for("the snapshot is shown", lambda: bool(ops("snapshot")), 5)
    measure(intake, tablet)
    wait_for("it is said that nothing answers", lambda: bool(away), 5)
    with serving(server.url, port, **heartbeat):
        watching.join(10)
    assert not watching.is_alive()
    assert ops("welcome", "snapshot", "event") == ["welcome", "snapshot", "welcome", "event"]
    assert len(away) == 1


@pytest.mark.parametrize("token", ["unknown", ""])
def test_watch_feed_says_in_a_sentence_why_it_can_never_work(served: Served, token: str) -> None:
    with pytest.raises(FeedRefused, match="4401"):
        watch_feed.run(served.feed, token, lambda _: None)
    with pytest.raises(FeedRefused, match="no live feed"):
        watch_feed.run(served.url.replace("http", "ws") + "/nothing", "x", lambda _: None)
