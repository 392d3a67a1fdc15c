"""Scores: every band edge of NEWS2, what is missing, and the forms."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from dho.observation import Observation
from dho.rules.rule import Background
from dho.rules.sight import Seen, seen
from dho.scores import SCORES
from dho.scores.news2 import NEWS2
from dho.texts import render
from dho.verdict import explanation
from tests.pure.plans import answer, live, plan, reading

AIR = Background(oxygen=False)
SCALE_2 = Background(oxygen=False, spo2_scale=2)


def points(name: str, value: object, background: Background = AIR, oxygen: float | None = None, part: str | None = None) -> tuple[int, int]:
    """(lowest, highest) points of one parameter."""
    reading_ = reading(value if isinstance(value, str) and value.isalpha() else Decimal(str(value)), 0, name, oxygen=oxygen)
    found = NEWS2.assess({name: seen(reading_)}, background)
    return next((int(one.low), int(one.high)) for one in found.parts if one.name == (part or name))


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("respiratory_rate", [(4, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (70, 3)]),
        ("spo2", [(50, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)]),
        ("systolic", [(50, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3), (280, 3)]),
        ("pulse", [(20, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0), (91, 1), (110, 1), (111, 2), (130, 2), (131, 3), (250, 3)]),
        ("temperature", [(30, 3), (35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0), (38.1, 1), (39.0, 1), (39.1, 2), (45, 2)]),
        ("consciousness", [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)]),
    ],
)
def test_every_band_edge_of_news2(name: str, edges: list[tuple[object, int]]) -> None:
    for value, expected in edges:
        assert points(name, value) == (expected, expected), f"{name} {value}"


@pytest.mark.parametrize(
    ("oxygen", "edges"),
    [
        (0, [(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 0), (97, 0), (100, 0)]),
        (2, [(83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0), (93, 1), (94, 1), (95, 2), (96, 2), (97, 3), (100, 3)]),
    ],
)
def test_scale_two_on_air_and_on_oxygen(oxygen: float, edges: list[tuple[int, int]]) -> None:
    for value, expected in edges:
        assert points("spo2", value, SCALE_2, oxygen) == (expected, expected), value


def test_values_are_rounded_half_up_before_banding() -> None:
    assert points("temperature", "38.05") == (1, 1)
    assert points("temperature", "38.04") == (0, 0)
    assert points("spo2", "91.5") == (2, 2)
    assert points("pulse", "90.5") == (1, 1)


def test_oxygen_comes_from_the_context_and_air_is_assumed_only_where_the_plan_says_so() -> None:
    unsaid = Background()
    assert points("spo2", 96, AIR, None, "oxygen") == (0, 0)
    assert points("spo2", 96, AIR, 2, "oxygen") == (2, 2)
    assert points("spo2", 96, unsaid, 0, "oxygen") == (0, 0)
    assert points("spo2", 96, unsaid, None, "oxygen") == (0, 2)
    assert points("spo2", 97, Background(spo2_scale=2), None) == (0, 3)


def vitals(**values: Any) -> list[Observation]:
    return [reading(value, 0, name, uplink=1, position=place) for place, (name, value) in enumerate(values.items())]


WORST = {"respiratory_rate": 25, "spo2": 97, "systolic": 90, "pulse": 40, "consciousness": "C", "temperature": 35}


def test_the_worst_of_everything_is_twenty() -> None:
    found = {one.measurement: seen(one) for one in vitals(**WORST)}
    found["spo2"] = seen(reading(97, 0, "spo2", oxygen=2))
    assert NEWS2.assess(found, SCALE_2)[:2] == (20, 20)


FIVE: dict[str, Any] = {"id": "news2", "kind": "score", "score": "NEWS2", "at_least": 5, "within": "PT30M", "zone": "yellow"}


def test_a_partial_score_fires_when_the_known_points_reach_the_limit_and_is_never_called_a_total() -> None:
    given = plan(FIVE, background={"oxygen": False})
    course = live(given, reading(91, 0, "spo2"))
    assert course.result("news2") == ("not_evaluable", "incomplete")
    course.take(reading(35, 1, "temperature"))
    [verdict] = course.said
    assert (verdict.result, verdict.family) == ("fires", "NEWS2")
    assert "NEWS2 er minst 6 og høyst" in render(*explanation(verdict))
    assert "pustefrekvens" in render(*explanation(verdict))


def test_a_partial_score_is_clear_when_even_the_worst_of_the_missing_could_not_reach_the_limit() -> None:
    given = plan(FIVE | {"at_least": 15}, background={"oxygen": False})
    good = vitals(spo2=98, pulse=70, temperature=37)
    course = live(given)
    course.take(*good)
    assert course.result("news2") == ("clear", None)


def test_parameters_older_than_the_window_do_not_count() -> None:
    course = live(plan(FIVE, background={"oxygen": False}), reading(91, 0, "spo2"), reading(35, 31, "temperature"))
    assert course.result("news2") == ("not_evaluable", "incomplete")
    course = live(plan(FIVE, background={"oxygen": False}), reading(91, 0, "spo2"), reading(35, 30, "temperature"))
    assert course.result("news2") == ("fires", None)


def test_any_three_fires_on_a_single_three() -> None:
    rule = {key: value for key, value in FIVE.items() if key != "at_least"} | {"any_three": True}
    assert live(plan(rule), reading(91, 0, "spo2")).zone == "yellow"
    assert live(plan(rule), reading(96, 0, "spo2")).result("news2") == ("not_evaluable", "incomplete")


def test_a_score_is_said_once_an_instant_however_many_parameters_came() -> None:
    course = live(plan(FIVE, background={"oxygen": False}))
    course.take(*vitals(**WORST))
    assert course.heard("news2") == [("fires", None)]


def form(name: str, values: dict[str, float], at: int = 0) -> list[Observation]:
    return [answer(value, at, question, name) for question, value in values.items()]


def assessed(score: str, name: str, values: dict[str, float]) -> Any:
    found: dict[str, Seen] = {one.measurement: seen(one) for one in form(name, values)}
    return SCORES[score].assess(found, AIR)


def numbered(values: list[float | None]) -> dict[str, float]:
    return {str(place): value for place, value in enumerate(values, 1) if value is not None}


@pytest.mark.parametrize(
    ("values", "low", "high", "prorated"),
    [
        ([3] * 9, 27, 27, False),
        ([1, 1, 1, 1, 1, 1, 1, 1, 0], 8, 8, False),
        ([2, 2, 2, 2, 2, 2, 2, 2, None], 18, 18, True),
        ([1, 1, 1, 1, 1, 1, 2, None, None], 10, 10, True),
        ([1, 1, 1, 1, 1, 1, None, None, None], 6, 15, False),
    ],
)
def test_phq_9_prorates_one_or_two_missing_items_and_bounds_more(values: list[float | None], low: int, high: int, prorated: bool) -> None:
    found = assessed("PHQ-9", "PHQ-9", numbered(values))
    assert (found.low, found.high, found.prorated) == (low, high, prorated)


def test_item_nine_is_judged_even_when_the_form_is_incomplete_and_has_its_own_family() -> None:
    nine = {"id": "nine", "kind": "answer", "questionnaire": "PHQ-9", "question": "9", "at_least": 1, "zone": "yellow", "no_confirm": True}
    [verdict] = live(plan(nine), answer(1, 0, "9", "PHQ-9")).said
    assert (verdict.family, verdict.zone, verdict.no_confirm) == ("answer:PHQ-9:9", "yellow", True)


def test_a_skipped_item_is_not_taken_from_an_earlier_answering() -> None:
    rule = {"id": "gad", "kind": "score", "score": "GAD-7", "at_least": 10, "zone": "yellow"}
    course = live(plan(rule))
    course.take(*form("GAD-7", numbered([2] * 7)))
    assert course.result("gad") == ("fires", None)
    course.take(*form("GAD-7", numbered([1, 1, 1, 1, 1, 1, None]), at=600))
    assert course.result("gad") == ("clear", None), "6 points and at most 9"
    course.take(*form("GAD-7", numbered([2, 2, 2, 2, None, None, None]), at=1200))
    assert course.result("gad") == ("not_evaluable", "incomplete")


def test_few_points_are_bad_where_the_score_says_so() -> None:
    rule = {"id": "act", "kind": "score", "score": "ACT", "at_most": 15, "zone": "yellow"}
    assert live(plan(rule), *[]).result("act") == ("not_evaluable", "no_reading")
    for values, zone in (([3, 3, 3, 3, 3], "yellow"), ([4, 3, 3, 3, 3], "green")):
        course = live(plan(rule))
        course.take(*form("ACT", numbered(list(values))))
        assert course.zone == zone


@pytest.mark.parametrize(
    ("score", "name", "values", "expected"),
    [
        ("CAT", "CAT", numbered([5] * 8), 40),
        ("mMRC", "mMRC", {"1": 3}, 3),
        ("GAD-7", "GAD-7", numbered([3] * 7), 21),
        ("HADS-A", "HADS", numbered([1, 3] * 7), 7),
        ("HADS-D", "HADS", numbered([1, 3] * 7), 21),
        ("ESAS-r", "ESAS-r", numbered([0, 0, 4, 0, 7, 0, 0, 0, 1]), 7),
        ("KCCQ-12", "KCCQ-12", {"1a": 5, "1b": 5, "1c": 5, "2": 5, "3": 7, "4": 7, "5": 5, "6": 5, "7": 5, "8a": 5, "8b": 5, "8c": 5}, 100),
        ("KCCQ-12", "KCCQ-12", {"1a": 3, "1b": 3, "1c": 6, "2": 3, "3": 4, "4": 4, "5": 3, "6": 3, "7": 3, "8a": 3, "8b": 3, "8c": 3}, 50),
    ],
)
def test_forms_are_scored(score: str, name: str, values: dict[str, float], expected: int) -> None:
    found = assessed(score, name, values)
    assert (found.low, found.high, found.missing) == (expected, expected, ())


def test_an_answer_outside_its_range_counts_as_missing() -> None:
    found = assessed("mMRC", "mMRC", {"1": 9})
    assert (found.low, found.high, found.missing) == (0, 4, ("1",))


def test_a_score_takes_local_dates_for_days_and_empties_its_window_over_a_gap() -> None:
    yesterday = {"id": "n", "kind": "score", "score": "NEWS2", "at_least": 3, "within": "P1D", "zone": "yellow"}
    apart = [reading(93), reading(105, timedelta(hours=25), "pulse")]
    assert live(plan(yesterday), *apart).heard("n") == [("fires", None)]
    assert live(plan(yesterday | {"within": "PT24H"}), *apart).heard("n") == []
    twice = yesterday | {"within": "PT30M", "persist": {"k": 2, "n": 2}}
    both = [reading(90), reading(90, timedelta(hours=5))]
    assert live(plan(twice), *both).heard("n") == [("fires", None)]
    assert live(plan(twice | {"max_gap": "PT4H"}), *both).heard("n") == []
