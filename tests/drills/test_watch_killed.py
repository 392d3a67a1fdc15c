"""`dho watch` is killed while deadlines pass: when it is back, every deadline fires, and each exactly once."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from alerts.intake import Intake
from dho.db import WATCH, Database
from tests.cast import LOW_SPO2, Cast, cast, measured, plan
from tests.conftest import TestDatabase
from tests.drills.homes import RED, Home, homes
from tests.drills.reckoning import trace
from tests.drills.scale import scaled
from tests.services.clock import MovableClock
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for
from tests.services.roles import Role

PATIENCE_S = 120.0
REPEAT = plan({**LOW_SPO2, "confirm": {"within": "PT10M"}})
AT_ONCE = plan(LOW_SPO2)
SILENT = plan(
    {"id": "silent", "kind": "missing", "item": "spo2-forenoon", "zone": "yellow"},
    schedule=[{"id": "spo2-forenoon", "code": "59408-5", "times": ["11:00"], "days": "daily", "early": "PT30M", "window": "PT30M",
               "grace": "PT10M", "required": True}],
)  # fmt: skip
JOURNAL = """SELECT a.patient, string_agg(substr(e.type, 7) || ' ' || to_char(e.at AT TIME ZONE 'UTC', 'HH24:MI'), ', ' ORDER BY e.version)
    AS told FROM alert a JOIN alert_event e ON e.alert = a.id GROUP BY a.patient, a.id"""
PAST_DUE = """SELECT count(*) FROM (SELECT FROM patient_state WHERE judge_again_at <= %(now)s
    UNION ALL SELECT FROM alert WHERE closed_at IS NULL AND least(escalate_at, ack_expires_at) <= %(now)s) AS waiting"""


@pytest.fixture
def base(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "owner", size=2)
    yield opened
    opened.close()


def measure_red(base: Database, who: Cast, places: Sequence[Home]) -> dict[Home, Any]:
    """Everybody measures the same red value now."""
    sent = {home: measured(home.gateway, who.now, ("spo2", RED, "%")) for home in places}
    Intake(base, "before-the-drill").take(list(sent.values()), who.now)
    return sent


def past_due(base: Database, clock: MovableClock) -> int:
    with base.transaction(WATCH, "drill", clock.now) as tx:
        return int(tx.row(PAST_DUE, {"now": clock.now}).count)


def let_pass(base: Database, clock: MovableClock, by: timedelta, workers: Sequence[Role], victim: Role) -> None:
    """Deadlines pass while nobody watches. Then both begin at once, one is killed at its work and begins again."""
    for worker in workers:
        worker.kill()
    clock.advance(by)
    waiting = past_due(base, clock)
    assert waiting, "no deadline passed"
    for worker in workers:
        worker.start()
    wait_for("the first deadlines have fired", lambda: past_due(base, clock) < waiting, PATIENCE_S)
    victim.kill()
    victim.start()
    wait_for("nothing is past due", lambda: not past_due(base, clock), PATIENCE_S)


def test_every_deadline_that_passed_while_watch_was_dead_fires_exactly_once(
    database: TestDatabase, base: Database, mosquitto: Mosquitto, movable_clock: MovableClock, dho_process: Callable[..., Role]
) -> None:
    who = cast(database.url, movable_clock.now)  # 09:00 in UTC, 10:00 in Oslo
    number = scaled(2000, 300)
    repeat, at_once = (homes(who, mosquitto, number, document) for document in (REPEAT, AT_ONCE))
    silent = homes(who, mosquitto, number, SILENT, since=timedelta(0), due=True)
    sent = measure_red(base, who, [*repeat, *at_once])
    workers = [dho_process("watch", clock=movable_clock) for _ in range(2)]
    wait_for("nothing is past due", lambda: not past_due(base, movable_clock), PATIENCE_S)

    let_pass(base, movable_clock, timedelta(minutes=12), workers, workers[0])  # the repeat that was asked for did not come by 09:10
    let_pass(base, movable_clock, timedelta(minutes=4), workers, workers[1])  # nobody answered by 09:15
    let_pass(base, movable_clock, timedelta(minutes=104), workers, workers[0])  # nothing was measured by 11:40 in Oslo, nobody answered

    expected = {home.patient: "pending 09:00, raised 09:12, escalated 11:00" for home in repeat}
    expected |= {home.patient: "raised 09:00, escalated 09:16, escalated 11:00" for home in at_once}
    expected |= {home.patient: "raised 11:00" for home in silent}
    with base.transaction(WATCH, "drill", movable_clock.now) as tx:
        told = [(row.patient, row.told) for row in tx.rows(JOURNAL)]
    wrong = Counter(told) - Counter(expected.items()) + (Counter(expected.items()) - Counter(told))
    traced = [
        trace(database.url, UUID(json.loads(sent[home].payload)["id"]))
        for home in sent
        if home.patient in {patient for patient, _ in wrong}
    ][:1]
    assert not wrong, "\n".join([f"{len(wrong)} journals differ, such as {next(iter(wrong))}", *traced])
    print(f"{len(expected)} patients, {sum(line.count(',') + 1 for line in expected.values())} events, each once")
