"""Where a patient's row stands on the board: the worse of zone and open alerts, and never green without data or without a plan."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from dashboards.pages.standings import Standing, alphabetical

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TODAY = date(2026, 11, 24)
HOUR = timedelta(hours=1)
WELL = Standing(
    patient=UUID(int=1),
    name="Eva Hagen",
    born=None,
    centre=UUID(int=2),
    centre_name="Fjordvik",
    zone="green",
    zone_since=NOW - 9 * HOUR,
    newest_measured_at=NOW - HOUR,
    plan=UUID(int=3),
    review_due=None,
    planless_since=NOW - 90 * HOUR,
    alerts=0,
    red_since=None,
    yellow_since=None,
    owned=False,
    asleep=False,
    messages=0,
    message_at=None,
    tasks=0,
    task_at=None,
)


@pytest.mark.parametrize(
    ("known", "group"),
    [
        ({}, "green"),
        ({"zone": "yellow"}, "yellow"),
        ({"zone": "red"}, "red"),
        ({"zone": "not_reported"}, "not_reported"),
        ({"zone": None}, "not_reported"),
        ({"zone": None, "plan": None}, "no_plan"),
        ({"plan": None}, "no_plan"),
        ({"review_due": TODAY}, "green"),
        ({"review_due": TODAY - timedelta(days=1)}, "no_plan"),
        ({"review_due": TODAY - timedelta(days=1), "zone": "red"}, "no_plan"),
        ({"review_due": TODAY - timedelta(days=1), "alerts": 1, "red_since": NOW}, "red"),
        ({"alerts": 1, "red_since": NOW}, "red"),
        ({"alerts": 1, "yellow_since": NOW}, "yellow"),
        ({"zone": "red", "alerts": 1, "yellow_since": NOW}, "red"),
        ({"zone": "not_reported", "alerts": 1, "yellow_since": NOW}, "yellow"),
        ({"messages": 1, "message_at": NOW}, "due"),
        ({"tasks": 1, "task_at": NOW}, "due"),
        ({"zone": "not_reported", "messages": 1, "message_at": NOW}, "not_reported"),
        ({"plan": None, "tasks": 1, "task_at": NOW}, "no_plan"),
    ],
)
def test_a_patient_stands_where_the_worst_of_what_is_known_puts_them(known: dict[str, object], group: str) -> None:
    assert replace(WELL, **known).group(TODAY) == group  # type: ignore[arg-type]


def test_a_green_patient_with_an_open_red_alert_stands_among_the_reds_since_it_was_raised() -> None:
    eva = replace(WELL, alerts=1, red_since=NOW - 2 * HOUR)
    assert (eva.group(TODAY), eva.since("red")) == ("red", NOW - 2 * HOUR)


def test_nobodys_come_before_somebodys_before_snoozed_and_the_longest_waiting_first() -> None:
    red = replace(WELL, alerts=1)
    in_order = [
        replace(red, red_since=NOW - 3 * HOUR),
        replace(red, red_since=NOW - 2 * HOUR),
        replace(red, red_since=NOW - 9 * HOUR, owned=True),
        replace(red, red_since=NOW - 10 * HOUR, owned=True, asleep=True),
    ]
    assert all(one.order("red") < other.order("red") for one, other in pairwise(in_order))


def test_a_message_and_a_task_wait_since_the_older_of_them() -> None:
    both = replace(WELL, messages=1, message_at=NOW - HOUR, tasks=1, task_at=NOW - 5 * HOUR)
    assert both.since("due") == NOW - 5 * HOUR


def test_names_sort_as_in_the_norwegian_alphabet() -> None:
    names = ["Åse", "Øyvind", "Zakarias", "Ærlend", "Anne"]
    assert sorted(names, key=alphabetical) == ["Anne", "Zakarias", "Ærlend", "Øyvind", "Åse"]
