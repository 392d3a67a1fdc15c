"""Rules with windows: change with its latch, trend, baseline, count, and combinations over them."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from dho.evaluation import Handled, Rebased
from dho.observation import Observation
from dho.rules.baseline import weighted_median
from dho.rules.trend import theil_sen
from tests.pure.plans import MORNING, SPO2_YELLOW, Course, answer, live, plan, reading

DAY = timedelta(days=1)
WEIGHT_UP: dict[str, Any] = {
    "id": "weight-up", "kind": "change", "code": "29463-7", "rises": Decimal("2.0"), "unit": "kg", "within": "P3D", "against": "lowest",
    "zone": "yellow",
}  # fmt: skip


def weights(*values: float, start: int = 0) -> list[Observation]:
    """One weight each morning."""
    return [reading(value, (start + place) * DAY, "weight") for place, value in enumerate(values)]


def test_two_kilos_above_the_lowest_in_three_days() -> None:
    course = live(plan(WEIGHT_UP), *weights(80, 80.5, 81, 81.9))
    assert course.heard("weight-up") == []
    course.take(*weights(82.5, start=4))
    [verdict] = course.said
    assert verdict.because.numbers["difference"] == 2
    assert verdict.because.to_json()["otherwise"] == {"below": Decimal("82.5"), "unit": "kg", "readings": 1, "zone": "green"}


def test_the_window_is_counted_in_dates_and_includes_both_ends() -> None:
    assert live(plan(WEIGHT_UP), *weights(80), *weights(82, start=3)).heard("weight-up") == [("fires", None)]
    assert live(plan(WEIGHT_UP), *weights(80), *weights(82, start=4)).heard("weight-up") == []
    late_then_early = [reading(80, timedelta(hours=15), "weight"), reading(82, 3 * DAY - timedelta(hours=7), "weight")]
    assert live(plan(WEIGHT_UP), *late_then_early).heard("weight-up") == [("fires", None)]


def test_a_sliding_window_does_not_clear_it_with_the_fluid_still_on_board() -> None:
    course = live(plan(WEIGHT_UP), *weights(80, 82, 82, 82, 82, 82, 82))
    assert course.result("weight-up") == ("fires", None)
    course.take(*weights(81.9, start=7))
    assert course.result("weight-up") == ("clear", None)


def test_a_margin_holds_a_change_until_it_is_well_below() -> None:
    course = live(plan(WEIGHT_UP | {"clear": {"margin": 1}}), *weights(80, 82, 81.5, 81))
    assert course.result("weight-up") == ("fires", None)
    course.take(*weights(80.9, start=4))
    assert course.result("weight-up") == ("clear", None)


def test_the_latch_is_re_based_after_fourteen_days() -> None:
    course = live(plan(WEIGHT_UP), *weights(80, *([82] * 15)))
    assert course.result("weight-up") == ("fires", None)
    course.take(*weights(82, start=16))
    assert course.result("weight-up") == ("clear", None)


def test_closing_and_a_new_dry_weight_re_base_it() -> None:
    for fact in (Handled("weight", MORNING + 1.5 * DAY), Rebased("weight-up", MORNING + 1.5 * DAY)):
        course = live(plan(WEIGHT_UP), *weights(80, 82))
        course.take(fact)
        course.take(*weights(82.5, start=2))
        assert course.result("weight-up")[0] == "not_evaluable"
        course.take(*weights(84.4, start=3))
        assert course.result("weight-up") == ("clear", None)
        course.take(*weights(84.5, start=4))
        assert course.result("weight-up") == ("fires", None)


def test_percent_previous_highest_and_first() -> None:
    percent = WEIGHT_UP | {"falls_percent": 5, "against": "highest"}
    del percent["rises"], percent["unit"]
    assert live(plan(percent), *weights(100, 98, 95)).heard("weight-up") == [("fires", None)]
    assert live(plan(WEIGHT_UP | {"against": "previous"}), *weights(80, 81, 82)).heard("weight-up") == []
    assert live(plan(WEIGHT_UP | {"against": "first"}), *weights(81, 80, 82)).heard("weight-up") == []
    assert live(plan(WEIGHT_UP | {"against": "first"}), *weights(80, 79, 82)).heard("weight-up") == [("fires", None)]


def test_readings_of_one_instant_are_no_reference_for_each_other() -> None:
    course = Course(plan(WEIGHT_UP))
    course.take(reading(80, 0, "weight", uplink=1), reading(83, 0, "weight", uplink=2))
    assert course.result("weight-up") == ("not_evaluable", "no_reference")


TREND: dict[str, Any] = {
    "id": "drift", "kind": "trend", "code": "weight", "short": "P3D", "long": "P14D", "rises": 1, "unit": "kg", "min_points": 7,
    "zone": "yellow",
}  # fmt: skip


def test_a_trend_needs_seven_dates_in_long_and_two_in_short() -> None:
    course = live(plan(TREND), *weights(80, 80, 80, 80, 80, 80))
    assert course.result("drift") == ("not_evaluable", "too_few_points")
    course.take(*weights(80, start=6))
    assert course.result("drift") == ("clear", None)
    course.take(*weights(95, start=11))
    assert course.result("drift") == ("not_evaluable", "too_few_points")


def test_the_mean_of_daily_means_counts_days_not_readings() -> None:
    flat = weights(80, 80, 80, 80, 80, 80, 80)
    many = [reading(82, 7 * DAY + timedelta(minutes=minute), "weight") for minute in range(0, 50, 5)]
    course = live(plan(TREND), *flat, *many)
    assert course.result("drift") == ("clear", None)
    course.take(*weights(82.6, start=8))
    [verdict] = course.said
    assert verdict.because.numbers["short"] == Decimal("81.53")
    assert verdict.because.numbers["long"] == Decimal("80.51")
    assert verdict.because.numbers["difference"] == Decimal("1.02")


def test_a_slope_is_not_turned_by_one_wild_reading() -> None:
    slope = {"id": "drift", "kind": "trend", "code": "weight", "long": "P14D", "slope": Decimal("0.2"), "unit": "kg", "zone": "yellow"}
    assert live(plan(slope), *weights(80, 80, 80, 95, 80, 80, 80, 80)).heard("drift") == []
    assert live(plan(slope), *weights(80, 80.2, 80.4, 80.6, 80.8, 81, 81.2)).heard("drift") == [("fires", None)]
    assert theil_sen([(1, Decimal(1)), (2, Decimal(3)), (4, Decimal(4))]) == 1


OWN: dict[str, Any] = {"id": "own", "kind": "baseline", "code": "spo2", "falls_mad": 3, "over": "P28D", "zone": "yellow"}


def days(*values: float, start: int = 0) -> list[Observation]:
    return [reading(value, (start + place) * DAY) for place, value in enumerate(values)]


def test_own_normal_needs_seven_readings_on_seven_green_days_before_today() -> None:
    course = live(plan(OWN), *days(95, 95, 95, 95, 95, 95, 95))
    assert course.result("own") == ("not_evaluable", "too_few_points")
    course.take(*days(92.1, start=7))
    assert course.result("own") == ("clear", None)
    course.take(*days(92, start=8))
    assert course.result("own") == ("fires", None)
    assert course.said[-1].because.numbers["median"] == 95
    assert course.said[-1].because.numbers["scale"] == 1


def test_days_on_which_any_family_fired_do_not_count_as_normal() -> None:
    pulse = {"id": "fast", "kind": "threshold", "code": "pulse", "above": 99, "unit": "/min", "zone": "red", "family": "another"}
    given_plan = plan(OWN, SPO2_YELLOW | {"below": 94}, pulse)
    course = live(given_plan, *days(95, 95, 95, 95, 93, 95, 95, 95, 95))
    assert course.result("own") == ("not_evaluable", "too_few_points"), "the fifth day fired, the sixth had not cleared at midnight"
    steady, racing = (live(given_plan, *days(95, 95, 95, 95, 93, 95, 95, 95, 95)) for _ in range(2))
    racing.take(reading(120, 8 * DAY + timedelta(hours=1), "pulse"))
    racing.take(reading(80, 8 * DAY + timedelta(hours=2), "pulse"))
    for one in (steady, racing):
        one.take(*days(95, start=9))
    assert steady.result("own") == ("clear", None)
    assert racing.result("own") == ("not_evaluable", "too_few_points")


def test_closing_an_alert_does_not_take_the_yardstick_away() -> None:
    course = live(plan(OWN), *days(95, 95, 95, 95, 95, 95, 95, 91))
    assert course.zone == "yellow"
    course.take(Handled("spo2", MORNING + 7.5 * DAY))
    assert course.zone == "green"
    course.take(*days(91, start=8))
    assert course.zone == "yellow"


@given(st.lists(st.integers(0, 9), min_size=1))
def test_the_weighted_median_is_the_median(values: list[int]) -> None:
    counts = {Decimal(value): values.count(value) for value in values}
    ordered = sorted(values)
    half = len(ordered) // 2
    assert weighted_median(counts) == (ordered[half] if len(ordered) % 2 else Decimal(ordered[half - 1] + ordered[half]) / 2)


OFTEN: dict[str, Any] = {"id": "often", "kind": "count", "of": "spo2-yellow", "at_least": 3, "within": "P7D", "zone": "red"}


def test_a_count_takes_the_raw_predicate_and_clears_at_the_next_reading() -> None:
    given_plan = plan(SPO2_YELLOW | {"persist": {"k": 3, "n": 3}}, OFTEN)
    course = live(given_plan, *days(91, 95, 91, 95, 95, 95, 91))
    assert (course.zone, course.result("spo2-yellow")) == ("red", ("clear", None))
    assert course.said[0].family == "spo2"
    assert [one.value for one in course.said[0].because.observations] == [91, 91, 91]
    course.wait(20 * DAY)
    assert course.result("often") == ("fires", None), "time alone improves nobody"
    course.take(*days(95, start=20))
    assert course.result("often") == ("clear", None)


BREATH: dict[str, Any] = {
    "id": "breath",
    "kind": "answer",
    "questionnaire": "symptoms",
    "question": "breathlessness",
    "at_least": 2,
    "zone": "yellow",
}
BOTH: dict[str, Any] = {"id": "both", "kind": "all", "of": ["weight-up", "breath"], "within": "P1D", "zone": "red"}


def test_both_together_are_worse_than_each_alone() -> None:
    course = live(plan(WEIGHT_UP, BREATH, BOTH), *weights(80, 82))
    assert course.zone == "yellow"
    course.take(answer(2, DAY + timedelta(hours=2)))
    assert course.zone == "red"
    course.take(answer(1, 2 * DAY))
    assert course.result("both") == ("clear", None)


def test_inputs_too_far_apart_are_not_together() -> None:
    course = live(plan(WEIGHT_UP, BREATH, BOTH), *weights(80, 82), answer(3, 4 * DAY))
    assert course.result("both") == ("not_evaluable", "inputs_apart")
    assert course.zone == "yellow"


def test_a_combination_is_three_valued() -> None:
    any_of = BOTH | {"kind": "any"}
    two_of = BOTH | {"kind": "k_of", "k": 2, "of": ["weight-up", "breath", "spo2-yellow"]}
    del any_of["within"]
    course = live(plan(WEIGHT_UP, BREATH, any_of), answer(0))
    assert course.result("both") == ("not_evaluable", "incomplete")
    assert live(plan(WEIGHT_UP, BREATH, any_of), answer(3)).zone == "red"
    assert live(plan(WEIGHT_UP, BREATH, BOTH), answer(0)).result("both") == ("clear", None)
    third = live(plan(WEIGHT_UP, BREATH, SPO2_YELLOW, two_of), answer(3), reading(95, 1))
    assert third.result("both") == ("not_evaluable", "incomplete")
    third.take(reading(91, 2))
    assert third.result("both") == ("fires", None)
    assert third.said[-1].because.words == ("breath", "spo2-yellow")


def test_a_closed_combination_waits_for_newer_inputs() -> None:
    course = live(plan(WEIGHT_UP, BREATH, BOTH), *weights(80, 82), answer(2, DAY + timedelta(hours=1)))
    course.take(Handled("both", MORNING + DAY + timedelta(hours=2)))
    assert course.result("both")[0] == "not_evaluable"
    course.take(answer(2, DAY + timedelta(hours=3)))
    assert course.result("both")[0] == "not_evaluable"
    course.take(*weights(82, start=2))
    assert course.result("both") == ("fires", None)


def test_a_combination_waits_with_its_child_for_a_repeat_that_may_still_come() -> None:
    """An offline batch: a red value, an hour later an answer, both received together. The repeat has its ten minutes from then."""
    red = {
        "id": "spo2-red",
        "kind": "threshold",
        "code": "59408-5",
        "below": 88,
        "unit": "%",
        "zone": "red",
        "confirm": {"within": "PT10M"},
    }
    breath = {"id": "breath", "kind": "answer", "questionnaire": "symptoms", "question": "breathlessness", "at_least": 2, "zone": "yellow"}
    course = Course(plan(red, breath, {"id": "both", "kind": "all", "of": ["spo2-red", "breath"], "zone": "red"}))
    course.take(reading(84, received=timedelta(minutes=65)), structs.replace(answer(3, 60), received_at=MORNING + timedelta(minutes=65)))
    assert (course.zone, course.result("both")) == ("yellow", ("not_evaluable", "incomplete"))
    course.wait(75)
    assert (course.zone, course.heard("both")) == ("red", [("fires", None)])
