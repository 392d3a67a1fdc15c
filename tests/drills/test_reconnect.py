"""2 000 tablets come back at once, each with three days' backlog, while a new red reading still reaches the nurse's feed."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest

from dho import clock
from dho.db import Database
from tests.cast import SECRET, cast, plan
from tests.conftest import TestDatabase
from tests.drills.board import Board
from tests.drills.fleet import Fleet
from tests.drills.homes import RED, Measurement, everybody, homes
from tests.drills.reckoning import Account, trace
from tests.drills.scale import scaled
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 280.0
A_DAY, APART = 5, timedelta(hours=4.5)
MOST_REDS = 60


@pytest.fixture
def base(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "owner", size=2)
    yield opened
    opened.close()


def test_a_new_red_reaches_the_feed_while_all_tablets_come_back_at_once_with_three_days_backlog(
    database: TestDatabase, base: Database, mosquitto: Mosquitto, dho_process: Callable[..., Role]
) -> None:
    who, account, dice = cast(database.url, clock.now()), Account(database.url), random.Random(7)
    away, at_home = homes(who, mosquitto, scaled(2000), plan()), homes(who, mosquitto, MOST_REDS, plan())
    for number in (0, 1):
        dho_process("ingest", "--worker", str(number), "--workers", "2")
    dho_process("watch")
    board = Board(base, who.ada, dho_process("serve"), who.now)
    returning = Fleet(mosquitto.port, [home.gateway for home in away], SECRET, resend_s=60)
    fresh = Fleet(mosquitto.port, [home.gateway for home in at_home], SECRET, resend_s=60)
    for _, backlog in everybody(away, clock.now(), 3 * A_DAY, dice, apart=APART):
        account.hand_over(returning, backlog)
    backlog_size, sent_at = returning.waiting, dict[str, float]()
    with board, fresh:
        wait_for("the tablets at home are connected", lambda: fresh.are_all_ready)
        begun = time.monotonic()
        with returning:
            for home in at_home:
                red = Measurement(home, uuid4(), clock.now(), (("59408-5", RED, "%"),))
                sent_at[str(home.patient)] = time.monotonic()
                account.hand_over(fresh, [red])
                try:
                    wait_for("the new red on the feed", lambda patient=str(home.patient): patient in board.raised_at, PATIENCE_S)
                except TimeoutError as late:
                    raise AssertionError(f"{late}\n{trace(database.url, red.id)}") from late
                if not returning.waiting:
                    break
            meanwhile = len(sent_at) - (not returning.waiting)
            wait_for("every measurement has its receipt", lambda: not returning.waiting, PATIENCE_S)
            drained_s = max(at for tablet in returning.tablets.values() for at in tablet.answered_at.values()) - begun
            account.hear(returning)
        wait_for("every fresh red has its receipt", lambda: not fresh.waiting, PATIENCE_S)
        account.hear(fresh)
        reds = {str(home.patient) for home in away} | sent_at.keys()
        wait_for("every red of the backlog on the feed", lambda: board.raised_at.keys() >= reds, PATIENCE_S)
    assert meanwhile >= 1, "the backlog was gone before one red could be sent: make it larger"
    assert set(board.seen.values()) == {1}, "a frame came twice"
    delays = sorted(1000 * (board.raised_at[patient] - at) for patient, at in list(sent_at.items())[:meanwhile])
    print(account.settle())
    print(f"{len(away)} tablets, {backlog_size} measurements, drained in {drained_s:.1f} s ({backlog_size / drained_s:.0f}/s);")
    print(f"{meanwhile} reds meanwhile, publish to frame p50 {statistics.median(delays):.0f} ms, longest {delays[-1]:.0f} ms")
