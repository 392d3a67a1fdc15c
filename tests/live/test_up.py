"""`dho up`: three roles in one supervised group, which live and die together."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import TestDatabase
from tests.services.processes import wait_for
from tests.services.roles import Role, environment


@pytest.fixture
def up(database: TestDatabase, broker_url: str, tmp_path: Path) -> Iterator[Role]:
    role = Role(("up",), tmp_path, environment(database.url, broker_url, tmp_path, None))
    wait_for("three roles run", lambda: len(children(role)) == 3, 30)
    yield role
    role.kill()


def children(role: Role) -> dict[str, psutil.Process]:
    """The running roles by name."""
    found = {}
    try:
        for process in psutil.Process(role.process.pid).children():
            if process.status() != psutil.STATUS_ZOMBIE and "dho" in process.cmdline():
                found[process.cmdline()[process.cmdline().index("dho") + 1]] = process
    except psutil.NoSuchProcess:
        pass
    return found


def test_a_role_that_dies_is_started_again(up: Role) -> None:
    assert children(up).keys() == {"ingest", "watch", "serve"}
    former = children(up)["watch"]
    former.kill()
    again = wait_for("watch is back", lambda: (found := children(up).get("watch")) and found.pid != former.pid and found, 20)
    assert again.is_running()
    assert children(up).keys() == {"ingest", "watch", "serve"}


def test_it_ends_cleanly_and_takes_everybody_along(up: Role) -> None:
    family = list(children(up).values())
    up.wait_until_ready()
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(20) == 0
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family)


def test_killed_it_leaves_nobody_behind(up: Role) -> None:
    family = list(children(up).values())
    os.kill(up.process.pid, signal.SIGKILL)
    up.process.wait(10)
    deadline = time.monotonic() + 20
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in family):
        assert time.monotonic() < deadline
        time.sleep(0.05)
