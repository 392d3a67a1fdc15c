"""Whether this process can do its work: database reached, schema up to date, broker reached."""

import socket
import time
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlsplit

from dho import clock
from dho.db import Actor, Database, TransientDatabaseError
from dho.migrate import pending

BROKER_ASKED_EVERY_S = 3.0
BROKER_WAITS_S = 1.0


@dataclass(slots=True)
class Readiness:
    """Asks the database each time and the broker every few seconds."""

    database: Database
    mqtt_url: str
    _broker: str = "unknown"
    _asked_at: float = float("-inf")
    _lock: Lock = field(default_factory=Lock)

    def checks(self) -> dict[str, str]:
        """Each part and how it is: `ok`, `down`, `pending`, or `not_configured`."""
        return {**self._database(), "broker": self._broker_now()}

    def _database(self) -> dict[str, str]:
        try:
            with self.database.transaction(Actor("watch"), "readiness", clock.now()) as tx:
                behind = pending(tx.raw)
        except TransientDatabaseError:
            return {"database": "down", "migrations": "unknown"}
        return {"database": "ok", "migrations": "pending" if behind else "ok"}

    def _broker_now(self) -> str:
        if not self.mqtt_url:
            return "not_configured"
        with self._lock:
            if time.monotonic() - self._asked_at > BROKER_ASKED_EVERY_S:
                self._broker = "ok" if _accepts(self.mqtt_url) else "down"
                self._asked_at = time.monotonic()
            return self._broker


def _accepts(mqtt_url: str) -> bool:
    parts = urlsplit(mqtt_url)
    port = parts.port or (8883 if parts.scheme == "mqtts" else 1883)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", port), BROKER_WAITS_S):
            return True
    except OSError:
        return False


def is_ready(checks: dict[str, str]) -> bool:
    """Ready means that nothing is missing; a broker that is not configured is not missed."""
    return all(state in ("ok", "not_configured") for state in checks.values())
