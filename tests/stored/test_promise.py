"""What is promised under disorder: any order and repetition of the same messages ends in the same observations, zone, and supported open
red alerts (`plan-semantics` section 5)."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerts import store
from alerts.deadlines import tick
from alerts.intake import Intake
from alerts.judging import Judge
from devices.message import Message
from dho.db import WATCH, Database
from tests.cast import LOW_SPO2, LOWISH_SPO2, Cast, cast, measured, plan
from tests.conftest import TestDatabase

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
RULES = (
    {**LOW_SPO2, "confirm": {"within": "PT10M"}, "clear": {"margin": 1, "consecutive": 2}},
    {**LOWISH_SPO2, "persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}},
    {"id": "pulse-red", "kind": "threshold", "code": "8867-4", "above": 120, "unit": "/min", "zone": "red", "persist": {"k": 2, "n": 3}},
    {"id": "pulse-yellow", "kind": "threshold", "code": "8867-4", "above": 100, "unit": "/min", "zone": "yellow"},
    {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": 38.0, "unit": "Cel", "zone": "red", "no_confirm": True},
)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NOON)


def a_rough_day(rng: random.Random) -> list[tuple[UUID, datetime, tuple[str, float, str]]]:
    """Readings within a day and a half, some minutes apart, around the limits."""
    at, day = NOON - timedelta(hours=36), []
    for _ in range(rng.randint(6, 12)):
        at += timedelta(minutes=rng.choice((3, 7, 9, 12, 180, 300)))
        value = rng.choice(
            [("59408-5", rng.choice((82, 86, 88, 90, 91, 94, 97)), "%"), ("8867-4", rng.choice((80, 104, 125, 130)), "/min")]
            + ([("8310-5", rng.choice((37.2, 38.4)), "Cel")] if rng.random() < 0.3 else [])
        )
        day.append((uuid4(), at, value))
    return day


def deliver(base: Database, tablet: str, day: list[Any], rng: random.Random, shuffled: bool) -> None:
    """All of it within ten minutes, in any order, some of it twice, in batches of any size."""
    intake = Intake(base, f"w-{tablet}")
    sent = [*day, *rng.sample(day, 2)] if shuffled else list(day)
    if shuffled:
        rng.shuffle(sent)
    now, batch = NOON, list[Message]()
    for uplink, at, value in sent:
        now += timedelta(seconds=rng.randint(1, 40))
        batch.append(measured(tablet, at, value, id=uplink, received_at=now))
        if rng.random() < 0.5:
            intake.take(batch, now)
            tick(base, Judge(), now)
            batch = []
    if batch:
        intake.take(batch, now)


def outcome(base: Database, patient: UUID) -> dict[str, Any]:
    with base.transaction(WATCH, "test", NOON) as tx:
        seen = tx.execute("SELECT uplink, measurement, value, measured_at FROM observation WHERE patient = %s ORDER BY 1, 2", (patient,))
        zone = tx.execute("SELECT zone FROM patient_state WHERE patient = %s", (patient,)).fetchone()
        alerts = store.open_alerts(tx, [patient]).values()
        return {
            "observations": seen.fetchall(),
            "zone": zone,
            "reds": {a.family for a in alerts if a.zone == "red" and a.supported and a.state != "pending_confirm"},
        }


@pytest.mark.parametrize("seed", range(12))
def test_any_order_and_repetition_ends_in_the_same_place(who: Cast, base: Database, seed: int) -> None:
    rng = random.Random(seed)
    day = a_rough_day(rng)
    outcomes = []
    for shuffled in (False, True, True):
        patient, tablet = who.patient(plan(*RULES))
        deliver(base, tablet, day, rng, shuffled)
        tick(base, Judge(), NOON + timedelta(hours=2))  # after every deadline of a repeat
        outcomes.append(outcome(base, patient))
    assert outcomes[1] == outcomes[0], f"seed {seed}"
    assert outcomes[2] == outcomes[0], f"seed {seed}"
