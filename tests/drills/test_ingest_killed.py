"""`dho ingest` is killed in the middle of a burst and started again: nothing is lost, nothing is doubled."""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from dho import clock
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.drills.fleet import Fleet
from tests.drills.homes import Home, everybody, homes
from tests.drills.reckoning import Account
from tests.drills.scale import scaled
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 120.0
Start = Callable[..., Role]


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture(scope="module")
def account(database: TestDatabase) -> Account:
    return Account(database.url)


def burst(account: Account, fleet: Fleet, places: Sequence[Home], each: int, turn: int) -> None:
    """Every home measures `each` times more, later than in the turn before."""
    dice = random.Random(turn)
    now = clock.now() - timedelta(hours=6 * (6 - turn))
    account.hand_over(fleet, [one for _, day in everybody(places, now, each, dice) for one in day])


def test_a_worker_that_is_killed_again_and_again_loses_and_doubles_nothing(
    who: Cast, mosquitto: Mosquitto, account: Account, dho_process: Start
) -> None:
    places = homes(who, mosquitto, scaled(400, 40), plan())
    ingest = dho_process("ingest")
    with Fleet(mosquitto.port, [home.gateway for home in places], SECRET) as fleet:
        for turn in range(3):
            burst(account, fleet, places, 25, turn)
            fleet.in_mid_burst(0.2, ingest.kill)
            ingest.start()
        ingest.wait_until_ready()
        wait_for("every measurement has its receipt", lambda: not fleet.waiting, PATIENCE_S)
        account.hear(fleet)
    print(account.settle())
    ingest.stop()


def test_of_two_workers_one_is_killed_and_started_again_while_the_other_goes_on(
    who: Cast, mosquitto: Mosquitto, database: TestDatabase, account: Account, dho_process: Start
) -> None:
    places = homes(who, mosquitto, scaled(400, 40), plan())
    workers = [dho_process("ingest", "--worker", str(number), "--workers", "2") for number in (0, 1)]
    with Fleet(mosquitto.port, [home.gateway for home in places], SECRET) as fleet:
        for turn in range(3):
            killed = workers[turn % 2]
            burst(account, fleet, places, 25, turn)
            fleet.in_mid_burst(0.2, killed.kill)
            killed.start()
        for worker in workers:
            worker.wait_until_ready()
        wait_for("every measurement has its receipt", lambda: not fleet.waiting, PATIENCE_S)
        account.hear(fleet)
    print(account.settle())
    for worker in workers:
        worker.stop()
