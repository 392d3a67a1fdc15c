"""Limits from a patient's own weeks: proposed, never set, and never without enough readings."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dho.errors import Invalid
from dho.observation import Observation
from dho.plan import Plan, PlanRef, read_plan
from dho.start_up import propose

MONDAY = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)
NOW = MONDAY + timedelta(days=21)
YELLOW = {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow"}
RED = {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"}
FEVER = {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": 38, "unit": "Cel", "zone": "red", "no_confirm": True}
PULSE = {"id": "pulse", "kind": "threshold", "code": "8867-4", "above": 110, "unit": "/min", "zone": "yellow"}


def plan(*rules: dict[str, Any]) -> Plan:
    return read_plan({"title": "KOLS", "rules": list(rules)}, version=PlanRef(UUID(int=1), 1), timezone="Europe/Oslo")


def mornings(measurement: str, code: str, unit: str, *values: int) -> list[Observation]:
    return [
        Observation(UUID(int=2), UUID(int=100 + day), 0, measurement, code, Decimal(value), unit, at, at, "device", None, False, False)
        for day, value in enumerate(values)
        for at in (MONDAY + timedelta(days=day),)
    ]


def spo2(*values: int) -> list[Observation]:
    return mornings("spo2", "59408-5", "%", *values)


def test_limits_follow_the_median_and_the_spread_in_the_direction_of_the_plan() -> None:
    found = propose(plan(YELLOW, RED), spo2(*[90, 91, 90, 89, 90, 91, 90, 89, 90, 90]), NOW)
    [own] = found.measurements
    assert (own.measurement, own.median, own.spread, own.readings, own.days) == ("spo2", 90, 1, 10, 10)
    assert [(p.rule, p.zone, p.side, p.present, p.proposed, p.looser) for p in own.proposals] == [
        ("spo2-yellow", "yellow", "below", 92, 87, True),
        ("spo2-red", "red", "below", 88, 85, True),
    ]
    assert [(p.fires_at_present, p.would_have_fired) for p in own.proposals] == [(10, 0), (0, 0)]
    assert [rule["below"] for rule in found.document["rules"]] == [87, 85]
    read_plan(found.document, version=PlanRef(UUID(int=1), 2), timezone="Europe/Oslo")


def test_a_high_limit_lies_above_and_a_tighter_one_is_not_called_looser() -> None:
    found = propose(plan(PULSE), mornings("pulse", "8867-4", "/min", 60, 62, 64, 60, 62, 64, 62, 100), NOW)
    [proposal] = found.measurements[0].proposals
    assert (proposal.side, proposal.proposed, proposal.looser) == ("above", 71, False)  # 62 + 3 · 1.4826 · 2 = 70.9
    assert (proposal.fires_at_present, proposal.would_have_fired) == (0, 1)


@pytest.mark.parametrize("count", [0, 6])
def test_too_few_readings_propose_nothing(count: int) -> None:
    found = propose(plan(YELLOW, RED), spo2(*[90] * count), NOW)
    assert [(own.median, own.proposals) for own in found.measurements] == [(None, ())]
    assert found.document["rules"] == [YELLOW, RED]


def test_seven_readings_on_one_morning_are_not_seven_days() -> None:
    [one] = spo2(90)
    many = [Observation(*[UUID(int=n) if name == "uplink" else getattr(one, name) for name in one.__struct_fields__]) for n in range(7)]
    assert propose(plan(YELLOW), many, NOW).measurements[0].median is None


def test_a_limit_that_alerts_at_once_is_never_touched() -> None:
    fevers = mornings("temperature", "8310-5", "Cel", *[37] * 9)
    found = propose(plan(FEVER), fevers, NOW)
    assert found.measurements == ()
    assert found.document["rules"] == [FEVER]


def test_limits_that_could_not_stand_together_are_left_to_a_person() -> None:
    steady = {**RED, "id": "fixed", "no_confirm": True}
    with pytest.raises(Invalid):
        propose(plan(YELLOW, steady), spo2(*[85] * 8), NOW)
