"""Slots in local time: both clock-change nights, pauses, activation, and what serves a slot."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dho.plan import Pause, Plan
from dho.schedule import Item
from tests.pure.plans import SPO2_MORNING, plan


def item(given: Plan) -> Item:
    return given.schedule[0]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def slots(given: Plan, first: str, last: str) -> list[str]:
    """Local starts of the slots with a deadline in the span."""
    return [f"{slot.start.astimezone(given.timezone):%m-%d %H:%M}" for slot in item(given).missed(None, at(first), at(last))]


def daily(*times: str, **more: Any) -> dict[str, Any]:
    return SPO2_MORNING | {"times": list(times), "early": "PT0S", "window": "PT1H", "grace": "PT0S"} | more


def test_a_time_that_does_not_exist_moves_forward() -> None:
    spring = plan(schedule=[daily("02:30")])
    assert slots(spring, "2026-03-28T00:00:00+01:00", "2026-03-31T00:00:00+02:00") == ["03-28 02:30", "03-29 03:30", "03-30 02:30"]


def test_a_time_that_exists_twice_is_the_first() -> None:
    autumn = plan(schedule=[daily("02:30")])
    found = [slot.start for slot in item(autumn).missed(None, at("2026-10-24T12:00:00+02:00"), at("2026-10-25T12:00:00+01:00"))]
    assert found == [datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]


@pytest.mark.parametrize(("day", "next_day"), [("2026-03-29", "2026-03-30"), ("2026-10-25", "2026-10-26")])
def test_eight_oclock_is_eight_oclock_on_both_clock_change_days(day: str, next_day: str) -> None:
    given = plan(schedule=[daily("08:00")])
    found = slots(given, f"{day}T00:00:00+00:00", f"{next_day}T12:00:00+00:00")
    assert found == [f"{day[5:]} 08:00", f"{next_day[5:]} 08:00"]


def test_window_and_grace_are_elapsed_time_across_the_clock_change() -> None:
    given = plan(schedule=[daily("01:00", window="PT4H", grace="PT1H")])
    slot = item(given).next_open(None, at("2026-03-29T00:30:00+01:00"))
    assert slot is not None
    assert slot.deadline == at("2026-03-29T07:00:00+02:00")


def test_weekdays_and_every_so_many_days() -> None:
    weekly = plan(schedule=[daily("08:00", days=["mon", "fri"])])
    assert slots(weekly, "2026-11-16T00:00:00+01:00", "2026-11-24T00:00:00+01:00") == ["11-16 08:00", "11-20 08:00", "11-23 08:00"]
    fortnightly = plan(schedule=[daily("08:00", days={"every": 14, "from": "2026-11-03"})])
    assert slots(fortnightly, "2026-10-01T00:00:00+01:00", "2026-12-02T00:00:00+01:00") == ["11-03 08:00", "11-17 08:00", "12-01 08:00"]


def test_there_are_no_slots_before_activation_or_in_a_pause() -> None:
    given = plan(
        schedule=[daily("08:00")],
        active_from=at("2026-11-02T09:00:00+01:00"),
        pauses=[Pause(at("2026-11-04T08:30:00+01:00"), at("2026-11-06T00:00:00+01:00"))],
    )
    assert slots(given, "2026-10-30T00:00:00+01:00", "2026-11-08T00:00:00+01:00") == ["11-03 08:00", "11-06 08:00", "11-07 08:00"]


def test_a_pause_until_further_notice_has_no_slots_at_all() -> None:
    given = plan(schedule=[daily("08:00")], pauses=[Pause(at("2026-11-04T00:00:00+01:00"), None)])
    assert item(given).next_open(None, at("2026-11-04T00:00:00+01:00")) is None
    newest = item(given).newest_due(at("2027-01-04T00:00:00+01:00"))
    assert newest is not None
    assert newest.start == at("2026-11-03T08:00:00+01:00")


def test_an_early_reading_serves_the_slot_it_was_early_for_and_no_other() -> None:
    given = plan(schedule=[daily("08:00", "20:00", early="PT2H")])
    morning = at("2026-11-18T06:30:00+01:00")
    after = item(given).next_open(morning, morning)
    assert after is not None
    assert after.start == at("2026-11-18T20:00:00+01:00")


def test_a_reading_of_years_ago_does_not_hide_the_slots_since() -> None:
    given = plan(schedule=[daily("08:00")])
    slot = item(given).next_open(at("2020-01-01T00:00:00+01:00"), at("2026-11-18T00:00:00+01:00"))
    assert slot is not None
    assert slot.start == at("2026-11-18T08:00:00+01:00")
    assert slot.deadline - slot.start == timedelta(hours=1)
