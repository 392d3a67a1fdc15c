"""The broker is restarted, and killed, in the middle of a burst: tablets keep what has no receipt, and nothing is lost or doubled."""

import random
from collections.abc import Callable
from datetime import timedelta

import pytest

from dho import clock
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.drills.fleet import Fleet
from tests.drills.homes import everybody, homes
from tests.drills.reckoning import Account
from tests.drills.scale import scaled
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture(scope="module")
def account(database: TestDatabase) -> Account:
    return Account(database.url)


@pytest.mark.parametrize("way", ["in order", "without warning"])
def test_a_broker_that_goes_in_mid_burst_and_comes_back_costs_nothing_but_time(
    way: str, who: Cast, account: Account, mosquitto: Mosquitto, dho_process: Callable[..., Role]
) -> None:
    places = homes(who, mosquitto, scaled(400, 40), plan())
    ingest = dho_process("ingest")
    dice = random.Random(way)
    with Fleet(mosquitto.port, [home.gateway for home in places], SECRET) as fleet:
        for turn in range(2):
            day = [one for _, day in everybody(places, who.now - timedelta(hours=6 * (3 - turn)), 20, dice) for one in day]
            account.hand_over(fleet, day)
            fleet.in_mid_burst(0.2, mosquitto.stop if way == "in order" else mosquitto.kill)
            mosquitto.start()
        wait_for("every measurement has its receipt", lambda: not fleet.waiting, PATIENCE_S)
        assert min(tablet.connections for tablet in fleet.tablets.values()) >= 3, "every tablet was cut off twice and came back"
        account.hear(fleet)
    assert ingest.process.poll() is None, f"ingest did not live through it:\n{ingest.log[-3000:]}"
    print(way, account.settle())
    ingest.stop()
