"""Delivery in any order, with repetitions, and through two workers at once ends where delivery in order ends."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from dho.db import WATCH, Database
from tests.cast import LOW_SPO2, LOWISH_SPO2, SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.drills.fleet import Fleet
from tests.drills.homes import Home, Measurement, homes
from tests.drills.reckoning import trace
from tests.drills.scale import scaled
from tests.services.clock import MovableClock
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 120.0
TWICE = {"persist": {"k": 2, "n": 3}}
PLAN = plan(
    {**LOW_SPO2, "confirm": {"within": "PT10M"}, "clear": {"margin": 1, "consecutive": 2}},
    {**LOWISH_SPO2, **TWICE, "clear": {"margin": 1, "consecutive": 2}},
    {"id": "pulse-red", "kind": "threshold", "code": "8867-4", "above": 120, "unit": "/min", "zone": "red", **TWICE},
    {"id": "pulse-yellow", "kind": "threshold", "code": "8867-4", "above": 100, "unit": "/min", "zone": "yellow"},
)
PORTIONS, BETWEEN = 4, timedelta(minutes=2)
Start = Callable[..., Role]


@pytest.fixture(scope="module")
def who(database: TestDatabase, movable_clock: MovableClock) -> Cast:
    return cast(database.url, movable_clock.now)


@pytest.fixture(scope="module")
def base(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "owner", size=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def workers(who: Cast, dho_process: Start, movable_clock: MovableClock) -> list[Role]:
    return [dho_process("ingest", "--worker", str(number), "--workers", "2", clock=movable_clock) for number in (0, 1)]


def rows(base: Database, who: Cast, statement: str, *params: Any) -> list[Any]:
    with base.transaction(WATCH, "drill", who.now) as tx:
        return tx.rows(statement, params)


def a_rough_day(home: Home, who: Cast, dice: random.Random) -> list[Measurement]:
    """Readings of a day and a half around the limits, some of them repeats within ten minutes."""
    at, day = who.now - timedelta(hours=36), []
    for _ in range(dice.randint(8, 14)):
        at += timedelta(minutes=dice.choice((3, 7, 9, 12, 120, 200)))
        spo2, pulse = dice.choice((85, 88, 90, 91, 94, 95, 96, 97)), dice.choice((70, 80, 90, 104, 125))
        values = dice.choice(((("59408-5", spo2, "%"),), (("8867-4", pulse, "/min"),), (("59408-5", spo2, "%"), ("8867-4", pulse, "/min"))))
        day.append(Measurement(home, uuid4(), at, values))
    return day


def disordered(day: Sequence[Measurement], dice: random.Random) -> list[Measurement]:
    """The same readings in any order, a third of them twice."""
    sent = [*day, *dice.sample(list(day), len(day) // 3)]
    dice.shuffle(sent)
    return sent


def outcome(base: Database, who: Cast, home: Home) -> dict[str, Any]:
    seen = "SELECT uplink, position, measurement, value, measured_at FROM observation WHERE patient = %s ORDER BY 1, 2"
    reds = "SELECT family FROM alert WHERE patient = %s AND closed_at IS NULL AND zone = 'red' AND supported AND state <> 'pending_confirm'"
    return {
        "observations": rows(base, who, seen, home.patient),
        "zone": rows(base, who, "SELECT zone FROM patient_state WHERE patient = %s", home.patient),
        "reds": sorted(row.family for row in rows(base, who, reds, home.patient)),
    }


@pytest.mark.usefixtures("workers")
def test_disordered_and_repeated_delivery_ends_where_delivery_in_order_ends(
    who: Cast, base: Database, mosquitto: Mosquitto, dho_process: Start, movable_clock: MovableClock
) -> None:
    dice, pairs = random.Random(4), scaled(400, 40)
    dho_process("watch", clock=movable_clock)
    tidy, untidy = homes(who, mosquitto, pairs, PLAN), homes(who, mosquitto, pairs, PLAN)
    days = [a_rough_day(home, who, dice) for home in tidy]
    with (
        Fleet(mosquitto.port, [home.gateway for home in tidy], SECRET, window=1) as in_order,
        Fleet(mosquitto.port, [home.gateway for home in untidy], SECRET, in_array=3) as in_disorder,
    ):
        plans = [(in_order, home, list(day)) for home, day in zip(tidy, days, strict=True)]
        plans += [(in_disorder, home, disordered(day, dice)) for home, day in zip(untidy, days, strict=True)]
        for portion in range(PORTIONS):
            for fleet, home, sent in plans:
                fleet.put(home.gateway, [one.kept for one in sent[portion * len(sent) // PORTIONS : (portion + 1) * len(sent) // PORTIONS]])
            wait_for("every receipt of this portion", lambda: not in_order.waiting and not in_disorder.waiting, PATIENCE_S)
            movable_clock.advance(BETWEEN)
    movable_clock.advance(timedelta(hours=2))
    waiting = "SELECT FROM patient_state WHERE judge_again_at <= %s UNION ALL SELECT FROM alert WHERE state = 'pending_confirm'"
    wait_for("every deadline has passed", lambda: not rows(base, who, waiting, movable_clock.now), PATIENCE_S)
    some_red = 0
    for day, one, other in zip(days, tidy, untidy, strict=True):
        expected, found = outcome(base, who, one), outcome(base, who, other)
        some_red += bool(expected["reds"])
        assert len(expected["observations"]) == sum(len(reading.values) for reading in day), trace(who.url, day[0].id)
        assert found == expected, "\n".join(trace(who.url, reading.id) for reading in day)
    assert 0 < some_red < pairs, "a drill in which everybody, or nobody, is red shows nothing"
    print(f"{pairs} pairs, {some_red} of them red, {sum(map(len, days))} readings")


def received(base: Database, who: Cast) -> dict[str, int]:
    """How many measurements each worker has taken."""
    statement = "SELECT writer, value FROM ingest_counter WHERE name = 'received'"
    return {row.writer: row.value for row in rows(base, who, statement)}


def halves(home: Home, who: Cast, *spo2: float) -> list[Measurement]:
    """One patient's evidence: readings a few minutes apart."""
    return [
        Measurement(home, uuid4(), who.now - timedelta(minutes=30 - 5 * place), (("59408-5", value, "%"),))
        for place, value in enumerate(spo2)
    ]


@pytest.mark.usefixtures("workers")
def test_the_two_halves_of_one_patients_evidence_through_two_workers_make_exactly_one_alert(
    who: Cast, base: Database, mosquitto: Mosquitto
) -> None:
    places = homes(who, mosquitto, scaled(400, 40), plan({**LOW_SPO2, **TWICE}, {**LOWISH_SPO2, **TWICE}))
    evidence = {home: halves(home, who, *((85, 84) if place % 2 else (90, 89))) for place, home in enumerate(places)}
    alone, at_once = places[: len(places) // 2], places[len(places) // 2 :]
    divided = 0
    with Fleet(mosquitto.port, [home.gateway for home in places], SECRET) as fleet:
        wait_for("all tablets are connected", lambda: fleet.are_all_ready, PATIENCE_S)
        for home in alone:
            before = received(base, who)
            fleet.put(home.gateway, [one.kept for one in evidence[home]])
            wait_for("both receipts", lambda: not fleet.waiting, PATIENCE_S)
            divided += all(value == before.get(writer, 0) + 1 for writer, value in received(base, who).items())
        for home in at_once:
            fleet.put(home.gateway, [one.kept for one in evidence[home]])
        wait_for("every receipt", lambda: not fleet.waiting, PATIENCE_S)
    assert divided >= len(alone) // 2, f"the broker gave both halves to one worker: {divided} of {len(alone)} were divided"
    journal = """SELECT a.zone, a.state, e.type FROM alert a JOIN alert_event e ON e.alert = a.id WHERE a.patient = %s"""
    for place, (home, readings) in enumerate(evidence.items()):
        told = [tuple(row) for row in rows(base, who, journal, home.patient)]
        assert told == [("red" if place % 2 else "yellow", "open", "alert.raised")], trace(who.url, readings[1].id)
    print(f"{divided} of {len(alone)} divided between the workers, {len(at_once)} at once")
