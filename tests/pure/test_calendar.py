"""When somebody is on duty, over holidays and both clock-change nights."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from dho.calendar import Hours, local_instant

OSLO = ZoneInfo("Europe/Oslo")
WEEKDAYS = Hours.read("Europe/Oslo", False, {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")})
ALWAYS = Hours.read("Europe/Oslo", True, {})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=OSLO).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-20T16:00", "2026-11-23T08:00"),  # Friday evening waits for Monday
        ("2026-11-23T07:00", "2026-11-23T08:00"),
        ("2026-11-23T09:15", "2026-11-23T09:15"),  # open now
        ("2026-04-01T16:00", "2026-04-07T08:00"),  # Wednesday before Easter: Thursday to Monday are holidays
        ("2026-12-24T16:00", "2026-12-28T08:00"),
        ("2026-05-13T16:00", "2026-05-15T08:00"),  # Ascension Day in between
    ],
)
def test_outside_hours_the_next_opening_is_named(now: str, opens: str) -> None:
    assert WEEKDAYS.next_open(at(now)) == at(opens)


def test_a_round_the_clock_centre_is_open_on_christmas_night() -> None:
    assert ALWAYS.is_open(at("2026-12-25T03:00"))
    assert ALWAYS.next_open(at("2026-12-25T03:00")) == at("2026-12-25T03:00")


def test_service_time_stops_at_closing_and_goes_on_in_the_morning() -> None:
    assert WEEKDAYS.add_service_time(at("2026-11-20T15:20"), timedelta(minutes=15)) == at("2026-11-23T08:05")
    assert WEEKDAYS.add_service_time(at("2026-11-23T10:00"), timedelta(minutes=15)) == at("2026-11-23T10:15")
    assert WEEKDAYS.add_service_time(at("2026-11-21T10:00"), timedelta(hours=8)) == at("2026-11-24T08:30")


def test_closing_time_is_known_while_open_and_only_then() -> None:
    assert WEEKDAYS.closes(at("2026-11-23T09:00")) == at("2026-11-23T15:30")
    assert WEEKDAYS.closes(at("2026-11-23T16:00")) is None


def test_a_local_time_that_does_not_exist_moves_forward() -> None:
    assert local_instant(date(2026, 3, 29), time(2, 30), OSLO) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_local_time_that_exists_twice_is_the_first() -> None:
    assert local_instant(date(2026, 10, 25), time(2, 30), OSLO) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


def test_a_centre_without_hours_says_so_instead_of_guessing() -> None:
    closed = Hours.read("Europe/Oslo", False, {})
    assert closed.next_open(at("2026-11-23T09:00")) is None
    assert closed.add_service_time(at("2026-11-23T09:00"), timedelta(minutes=1)) is None
