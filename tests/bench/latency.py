"""At a steady 200 messages a second: from publish to committed (its receipt), and from publish to the frame of a red on the live feed."""

import json
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from dashboards.sessions import hash_token
from tests.bench.bursts import Service, service
from tests.bench.ground import Ground
from tests.bench.world import World
from tests.services.roles import SECRET, Role, environment

PER_SECOND = 200


@dataclass(frozen=True, slots=True)
class Spread:
    """Milliseconds: the median, what 95 and 99 of a hundred stay below, the largest, and of how many."""

    p50: float
    p95: float
    p99: float
    most: float
    count: int

    @classmethod
    def of(cls, seconds: list[float]) -> "Spread":
        ordered = sorted(1000 * s for s in seconds)
        at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.95, 0.99)]
        return cls(*at, ordered[-1], len(ordered))


class Watcher:
    """One nurse's client on the live feed, which notes when it first hears of each measurement."""

    def __init__(self, url: str, token: str) -> None:
        self.heard: dict[str, float] = {}
        self._socket = connect(f"{url.replace('http', 'ws', 1)}/api/v1/feed", max_size=None)
        self._socket.send(json.dumps({"op": "hello", "token": token}))
        while not json.loads(self._socket.recv(timeout=10)).get("last"):
            pass
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._socket.close()
        self._thread.join()

    def _listen(self) -> None:
        try:
            for text in self._socket:
                now, frame = time.monotonic(), json.loads(text)
                for reason in frame.get("alert", {}).get("because", ()):
                    for observation in reason["observations"]:
                        self.heard.setdefault(observation["measurement"], now)
        except ConnectionClosed:
            return


def measure(ground: Ground, world: World, seconds: float) -> dict[str, Any]:
    """Ingest, watch, serve, one client on the feed. Raises AssertionError if a receipt or the frame of a red did not come."""
    with ExitStack() as stack:
        running = stack.enter_context(service(ground, world, 1))
        serve = _role(stack, running, "serve")
        _role(stack, running, "watch")
        watcher = Watcher(serve.url, _token(world))
        stack.callback(watcher.stop)
        running.load.start("rate", per_second=PER_SECOND, seconds=seconds, seed=7)
        told = running.load.finish()
        time.sleep(1)
        missing = told["reds"].keys() - watcher.heard.keys()
        assert len(told["committed_s"]) == told["sent"], f"{told['sent'] - len(told['committed_s'])} receipts did not come"
        assert not missing, f"{len(missing)} of {len(told['reds'])} reds were not heard of on the feed"
        return {
            "per_second": PER_SECOND,
            "seconds": seconds,
            "committed_ms": Spread.of(told["committed_s"]),
            "red_ms": Spread.of(told["reds_committed_s"]),
            "frame_ms": Spread.of([watcher.heard[uplink] - sent for uplink, sent in told["reds"].items()]),
            "load_cpu": told["cpu_s"] / seconds,
        }


def _role(stack: ExitStack, running: Service, name: str) -> Role:
    directory = running.ground.directory(name)
    given = environment(running.world.url, running.broker.url, directory, None) | {"DHO_LOG_LEVEL": "info"}
    role = Role((name,), directory, given)
    stack.callback(role.stop)
    return role.wait_until_ready()


def _token(world: World) -> str:
    token = secrets.token_urlsafe(32)
    with psycopg.connect(world.url) as connection:
        connection.execute(
            "INSERT INTO api_token (token_hash, person, created_at) VALUES (%s, %s, %s)",
            (hash_token(SECRET, token), world.nurse, datetime.now(UTC)),
        )
    return token
