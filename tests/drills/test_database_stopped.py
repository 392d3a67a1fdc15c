"""The database is stopped hard in the middle of a burst and started again: ingest lives through it, and nothing is lost or doubled."""

import random
from collections.abc import Callable
from datetime import timedelta

from dho import clock
from tests.cast import SECRET, cast, plan
from tests.conftest import TestDatabase
from tests.drills.fleet import Fleet
from tests.drills.homes import everybody, homes
from tests.drills.reckoning import Account
from tests.drills.scale import scaled
from tests.services.mosquitto import Mosquitto
from tests.services.postgres import PostgresServer
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 120.0


def test_ingest_lives_through_a_database_that_is_killed_in_mid_burst_again_and_again(
    own_timescaledb: PostgresServer, database: TestDatabase, mosquitto: Mosquitto, dho_process: Callable[..., Role]
) -> None:
    who = cast(database.url, clock.now())
    places = homes(who, mosquitto, scaled(400, 40), plan())
    account, dice = Account(database.url), random.Random(2)
    ingest = dho_process("ingest")
    with Fleet(mosquitto.port, [home.gateway for home in places], SECRET) as fleet:
        for turn in range(3):
            day = [one for _, day in everybody(places, who.now - timedelta(hours=6 * (3 - turn)), 20, dice) for one in day]
            account.hand_over(fleet, day)
            failures = ingest.log.count("could not commit a batch")
            fleet.in_mid_burst(0.2, own_timescaledb.kill)
            wait_for("ingest has noticed", lambda known=failures: ingest.log.count("could not commit a batch") > known, PATIENCE_S)
            own_timescaledb.start()
        wait_for("every measurement has its receipt", lambda: not fleet.waiting, PATIENCE_S)
        account.hear(fleet)
    assert ingest.process.poll() is None, f"ingest did not live through it:\n{ingest.log[-3000:]}"
    print(account.settle())
