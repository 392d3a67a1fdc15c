"""A back-test equals what happened: the same history, live through the intake and the watch, and rehearsed in memory."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerts import actions, store
from alerts.acts import Act
from alerts.deadlines import tick
from alerts.histories import history_of
from alerts.intake import Intake
from alerts.judging import Judge
from alerts.plans_in_force import PlanBook
from alerts.rehearsal import Staffing, rehearse
from alerts.rehearsed import Rehearsal
from devices.message import Message
from dho.db import WATCH, Actor, Database
from tests.cast import LOW_SPO2, LOWISH_SPO2, WEEKDAYS, Cast, cast, measured, plan
from tests.conftest import TestDatabase

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
END = MONDAY + timedelta(days=5)
HOUR = timedelta(hours=1)
RULES = (
    {**LOW_SPO2, "confirm": {"within": "PT10M"}, "clear": {"margin": 1, "consecutive": 2}},
    {**LOWISH_SPO2, "persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}},
    {"id": "pulse-red", "kind": "threshold", "code": "8867-4", "above": 120, "unit": "/min", "zone": "red", "persist": {"k": 2, "n": 3}},
    {"id": "pulse-yellow", "kind": "threshold", "code": "8867-4", "above": 100, "unit": "/min", "zone": "yellow"},
    {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": 38.0, "unit": "Cel", "zone": "red", "no_confirm": True},
    {"id": "often", "kind": "count", "of": "pulse-yellow", "at_least": 3, "within": "P2D", "zone": "red"},
    {
        "id": "weight-up",
        "kind": "change",
        "code": "29463-7",
        "rises": 2.0,
        "unit": "kg",
        "within": "P3D",
        "against": "lowest",
        "zone": "yellow",
    },
    {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "yellow"},
    {"id": "unweighed", "kind": "missing", "item": "weighing", "zone": "not_reported"},
)
SCHEDULE = [
    {"id": "spo2-morning", "code": "59408-5", "times": ["08:00"], "early": "PT2H", "window": "PT3H", "grace": "PT1H", "required": True},
    {"id": "weighing", "code": "29463-7", "times": ["08:00"], "early": "PT2H", "window": "PT3H", "grace": "PT1H", "required": True},
]


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, MONDAY, opening_hours=WEEKDAYS)


def some_days(tablet: str, rng: random.Random, *, late: bool) -> list[Message]:
    """Four rough days, some of it before the plan began; with `late` a third arrives hours or days after it was measured, in any order."""
    at, sent = MONDAY - timedelta(hours=6), []
    while at < END - timedelta(days=1):
        at += timedelta(minutes=rng.choice((3, 7, 9, 60, 180, 300, 700)))
        values = {"59408-5": (rng.choice((82, 86, 88, 90, 91, 94, 97)), "%"), "8867-4": (rng.choice((80, 90, 104, 125, 130)), "/min")}
        if rng.random() < 0.3:
            values["8310-5"] = (rng.choice((37.2, 38.4)), "Cel")
        if rng.random() < 0.3:
            values["29463-7"] = (rng.choice((80.0, 81.1, 82.4, 83.0)), "kg")
        chosen = rng.sample(sorted(values), rng.randint(1, len(values)))
        delay = timedelta(minutes=rng.randint(20, 4600)) if late and rng.random() < 0.33 else timedelta(seconds=rng.randint(1, 50))
        reading = measured(tablet, at, *((code, *values[code]) for code in chosen), id=uuid4(), received_at=at + delay)
        sent += [reading, reading] if rng.random() < 0.1 else [reading]
    return sorted((m for m in sent if MONDAY <= m.received_at < END - HOUR), key=lambda message: message.received_at)


def pass_time(base: Database, patient: UUID, since: datetime, until: datetime) -> None:
    """Look at every deadline as it comes, as a watch that never sleeps."""
    while True:
        with base.transaction(WATCH, "test", until) as tx:
            due = tx.row(
                "SELECT least((SELECT judge_again_at FROM patient_state WHERE patient = %(p)s AND judge_again_at > %(now)s),"
                "             (SELECT min(escalate_at) FROM alert WHERE patient = %(p)s AND closed_at IS NULL"
                "                 AND state <> 'pending_confirm' AND escalate_at > %(now)s)) AS at",
                {"p": patient, "now": since},
            ).at
        if due is None or due > until:
            return
        tick(base, Judge(), due)
        since = due


def live(base: Database, who: Cast, patient: UUID, tablet: str, rng: random.Random, *, late: bool, closing: bool) -> None:
    """The days as they go: readings through the intake, deadlines through the watch, and now and then Ada closes an alert."""
    intake, now = Intake(base, f"w-{tablet}"), MONDAY
    tick(base, Judge(), now)
    for message in some_days(tablet, rng, late=late):
        pass_time(base, patient, now, message.received_at)
        now = message.received_at
        intake.take([message], now)
        if closing and rng.random() < 0.25:
            pass_time(base, patient, now, now + timedelta(seconds=1))
            now += timedelta(seconds=1)
            close_one(base, who, patient, rng, now)
    pass_time(base, patient, now, END)


def close_one(base: Database, who: Cast, patient: UUID, rng: random.Random, now: datetime) -> None:
    with base.transaction(Actor("person", who.ada), "close", now) as tx:
        alerts = sorted(store.open_alerts(tx, [patient]).values(), key=lambda alert: alert.family)
        if alerts:
            alert = rng.choice(alerts)
            actions.act(tx, alert.id, Act("close", Actor("person", who.ada), outcome="true_action"), alert.version)


def happened(base: Database, patient: UUID) -> dict[str, Any]:
    with base.transaction(WATCH, "test", END) as tx:
        raised = tx.rows(
            "SELECT e.at, e.change->>'family' AS family, e.change->>'zone' AS zone, e.change->'because'->0->>'rule' AS rule,"
            "       a.zone AS worst, a.late, a.supported, a.closed_at, a.breaches"
            "  FROM alert_event e JOIN alert a ON a.id = e.alert WHERE a.patient = %s AND e.type = 'alert.raised'",
            (patient,),
        )
        zones = tx.rows(
            "SELECT at, body->>'zone' AS zone FROM feed_event WHERE patient = %s AND type = 'patient.zone' ORDER BY seq", (patient,)
        )
        tasks = tx.rows("SELECT created_at, kind, key FROM task WHERE patient = %s ORDER BY 1, 2, 3", (patient,))
    return {"raised": sorted(map(tuple, raised)), "zones": [tuple(z) for z in zones], "tasks": [tuple(t) for t in tasks]}


def told(rehearsed: Rehearsal) -> dict[str, Any]:
    raised = [(a.raised_at, a.family, a.zone, a.rule, a.worst, a.late, a.supported, a.ended_at, a.breaches) for a in rehearsed.alerts]
    return {
        "raised": sorted(raised),
        "zones": list(rehearsed.zones),
        "tasks": sorted((t.at, t.kind, t.key) for t in rehearsed.tasks),
    }


@pytest.mark.parametrize("late", [False, True], ids=["in order", "late"])
@pytest.mark.parametrize("closing", [False, True], ids=["nobody there", "Ada closes some"])
@pytest.mark.parametrize("seed", range(3))
def test_a_rehearsal_of_the_history_is_what_happened(who: Cast, base: Database, seed: int, closing: bool, late: bool) -> None:
    rng = random.Random(seed)
    who.now = MONDAY
    patient, tablet = who.patient(plan(*RULES, schedule=SCHEDULE), plan_from=MONDAY)
    live(base, who, patient, tablet, rng, late=late, closing=closing)
    plans = PlanBook()
    with base.transaction(WATCH, "test", END) as tx:
        (given,) = plans.in_force(tx, [patient])[patient]
        history, hours = history_of(tx, patient, END), store.responsible_centres(tx, [patient])[patient].hours
    assert bool(history.decisions) is closing
    rehearsed = rehearse(given, history, END, Staffing(hours, "as_it_was" if closing else "nobody"))
    assert rehearsed.alerts
    assert told(rehearsed) == happened(base, patient)
