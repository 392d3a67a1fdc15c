"""The same measurement, instant and value by two channels is one reading: one verdict, one deadline, whichever copy came first."""

from datetime import timedelta
from decimal import Decimal

import pytest

from dho.evaluation import judge, standing
from tests.pure.plans import MORNING, SPO2_RED, plan, reading

ASKED = SPO2_RED | {"confirm": {"within": "PT10M"}}
TWENTY = timedelta(minutes=20)


@pytest.mark.parametrize(("first", "second"), [(1, 9), (9, 1)])
def test_a_second_copy_does_not_put_off_the_deadline_of_a_repeat(first: int, second: int) -> None:
    given = plan(ASKED)
    both = [reading(84, uplink=first), reading(84, uplink=second, received=TWENTY)]
    now = MORNING + timedelta(minutes=21)
    state, said = judge(given, both, now)
    assert [verdict.reason for verdict in said] == ["awaiting_repeat", "no_repeat"]
    assert standing(given, state, now).zone == "red"


@pytest.mark.parametrize(("first", "second"), [(1, 9), (9, 1)])
def test_a_second_copy_leaves_the_verdict_its_name(first: int, second: int) -> None:
    given = plan(SPO2_RED)
    alone = judge(given, [reading(84, uplink=first)], MORNING + TWENTY)[1]
    both = judge(given, [reading(84, uplink=first), reading(Decimal("84.0"), uplink=second, received=TWENTY)], MORNING + TWENTY)[1]
    assert [verdict.key for verdict in both] == [verdict.key for verdict in alone]


def test_two_different_values_at_one_instant_are_two_readings() -> None:
    said = judge(plan(SPO2_RED), [reading(84, uplink=1), reading(85, uplink=2)], MORNING + TWENTY)[1]
    assert len({verdict.key for verdict in said}) == 2
