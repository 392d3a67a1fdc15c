"""The pure parts of the pages: ages in words, limits and bands of a plan, the small line, and what a log-in may lead to."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dashboards.pages.ages import age
from dashboards.pages.limits import bands, limits_of
from dashboards.pages.routes import _local
from dashboards.pages.sparkline import HEIGHT, WIDTH, sparkline

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "nå"),
        (59, "nå"),
        (60, "1 min siden"),
        (3599, "59 min siden"),
        (3600, "1 t siden"),
        (48 * 3600 - 1, "47 t siden"),
        (48 * 3600, "2 d siden"),
        (-30, "straks"),
        (-300, "om 5 min"),
        (-7200, "om 2 t"),
    ],
)
def test_an_age_is_rounded_down_to_minutes_hours_or_days(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW, "nb") == words


def rule(**members: Any) -> dict[str, Any]:
    return {"id": "r", "kind": "threshold", **members}


def test_the_limit_nearest_to_green_is_the_one_that_counts_on_its_side() -> None:
    document = json.dumps(
        {
            "rules": [
                rule(code="59408-5", below=92, unit="%", zone="yellow"),
                rule(code="spo2", below=90, unit="%", zone="yellow"),
                rule(code="2708-6", at_or_below=88, unit="%", zone="red"),
            ]
        }
    )
    assert [(limit.zone, limit.value, limit.inclusive) for limit in limits_of(document)["spo2"]] == [
        ("red", 88, True),
        ("yellow", 92, False),
    ]


def test_limits_stand_in_the_unit_of_the_chart() -> None:
    document = json.dumps({"rules": [rule(code="2339-0", above=180, unit="mg/dL", zone="yellow")]})
    assert [limit.value for limit in limits_of(document)["glucose"]] == [Decimal("10.0")]


def test_bands_cover_everything_from_red_over_yellow_to_green_and_back() -> None:
    document = json.dumps(
        {
            "rules": [
                rule(code="8480-6", below=100, above=150, unit="mm[Hg]", zone="yellow"),
                rule(code="8480-6", below=90, above=180, unit="mm[Hg]", zone="red"),
            ]
        }
    )
    found = [(band["zone"], band["from"], band["to"]) for band in bands(limits_of(document)["systolic"])]
    assert found == [("red", None, 90), ("yellow", 90, 100), ("green", 100, 150), ("yellow", 150, 180), ("red", 180, None)]


def test_a_measurement_without_limits_has_no_bands_and_so_no_green() -> None:
    assert bands(()) == []


def test_the_small_line_stays_in_its_box_and_ends_at_the_newest_value() -> None:
    values = [(NOW - timedelta(days=days), Decimal(value)) for days, value in ((3, 96), (2, 94), (1, 95), (0, 84))]
    document = json.dumps({"rules": [rule(code="spo2", below=88, unit="%", zone="red")]})
    line = sparkline(values, limits_of(document)["spo2"])
    assert line is not None
    spots = [tuple(map(float, spot.split(","))) for spot in line.points.split()]
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in spots)
    assert spots[-1] == line.last == max(spots)
    assert line.limits[0][1] < line.last[1], "84 lies under the limit 88"


def test_one_value_is_no_line() -> None:
    assert sparkline([(NOW, Decimal(90))], ()) is None


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "/\\elsewhere.example", "https://elsewhere.example", "javascript:alert(1)", "", "/a\nb"]
)
def test_a_log_in_never_leads_to_another_site(path: str) -> None:
    assert _local(path) == "/"


def test_a_log_in_leads_back_to_where_the_reader_was_heading() -> None:
    assert _local("/patients/1?days=7") == "/patients/1?days=7"
