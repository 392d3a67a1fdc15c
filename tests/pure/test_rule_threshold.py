"""Thresholds and their modifiers: persist, confirm by repeat, no_confirm, clear, max_gap, min_apart, suppress."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dho.evaluation import Handled, judge
from dho.rules.rule import RANK
from tests.pure.plans import FEVER, MORNING, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, Course, live, plan, reading

CONFIRMED = SPO2_RED | {"confirm": {"within": "PT10M"}, "clear": {"margin": 2}}
AWAITING = ("not_evaluable", "awaiting_repeat")


@pytest.mark.parametrize(
    ("limit", "fires", "clear"),
    [
        ({"below": 90}, [89, "89.9"], [90, 91]),
        ({"at_or_below": 90}, [89, 90], ["90.1", 91]),
        ({"above": 90}, ["90.1", 91], [89, 90]),
        ({"at_or_above": 90}, [90, 91], [89, "89.9"]),
        ({"below": 88, "above": 96}, [87, 97], [88, 92, 96]),
    ],
)
def test_strict_and_inclusive_limits(limit: dict[str, int], fires: list[object], clear: list[object]) -> None:
    rule = {"id": "r", "kind": "threshold", "code": "spo2", "unit": "%", "zone": "red"} | limit
    for value in fires:
        assert live(plan(rule), reading(Decimal(str(value)))).zone == "red"
    for value in clear:
        assert live(plan(rule), reading(Decimal(str(value)))).zone == "green"


def test_codes_of_one_measurement_are_one() -> None:
    course = live(plan(SPO2_RED | {"code": "2708-6"}), reading(87, 0, "59408-5"))
    assert course.zone == "red"
    assert course.said[0].because.observations[0].code == "59408-5"


def test_two_of_the_last_three_starts_only_on_a_breaching_reading() -> None:
    given_plan = plan(SPO2_YELLOW | {"persist": {"k": 2, "n": 3}})
    assert live(given_plan, reading(91), reading(95, 10), reading(91, 20)).zone == "yellow"
    assert live(given_plan, reading(91), reading(91, 10)).zone == "yellow"
    assert live(given_plan, reading(91), reading(95, 10), reading(95, 20), reading(91, 30)).zone == "green"


def test_clearing_empties_the_window() -> None:
    course = live(plan(SPO2_YELLOW | {"persist": {"k": 2, "n": 3}}), reading(91), reading(91, 10), reading(95, 20), reading(91, 30))
    assert course.zone == "green"
    course.take(reading(91, 40))
    assert course.zone == "yellow"


def test_clearing_needs_the_margin_so_many_times_in_a_row_and_the_band_resets_the_counter() -> None:
    course = live(plan(SPO2_YELLOW | {"clear": {"margin": 2, "consecutive": 2}}), reading(91))
    for minute, value in enumerate((94, 93, 94, 92), 1):
        course.take(reading(value, minute))
        assert course.zone == "yellow"
    course.take(reading(94, 10))
    course.take(reading(94, 11))
    assert course.zone == "green"
    assert course.heard("spo2-yellow") == [("fires", None), ("clear", None)]


def test_every_breach_of_a_firing_rule_is_said_again_and_quiet_readings_are_not() -> None:
    course = live(plan(SPO2_YELLOW), reading(95), reading(91, 1), reading(90, 2), reading(96, 3), reading(97, 4))
    assert course.heard("spo2-yellow") == [("fires", None), ("fires", None), ("clear", None)]


def test_readings_within_min_apart_count_as_one_and_the_worse_stands() -> None:
    given_plan = plan(SPO2_YELLOW | {"persist": {"k": 2, "n": 2, "min_apart": "PT30M"}})
    assert live(given_plan, *[reading(91, minute) for minute in range(5)]).zone == "green"
    assert live(given_plan, reading(91), reading(91, 30)).zone == "yellow"
    assert live(given_plan, reading(91), reading(95, 30), reading(91, 31)).zone == "yellow"


def test_a_gap_longer_than_max_gap_empties_window_and_counter_and_clears_nothing() -> None:
    given_plan = plan(SPO2_YELLOW | {"persist": {"k": 2, "n": 3}, "max_gap": "P2D", "clear": {"consecutive": 2}})
    day = timedelta(days=1)
    assert live(given_plan, reading(91), reading(91, 2 * day)).zone == "yellow"
    course = Course(given_plan)
    course.take(reading(91))
    course.take(reading(91, 3 * day))
    assert course.result("spo2-yellow") == ("clear", None)
    course.take(reading(91, 4 * day))
    assert course.zone == "yellow"
    course.take(reading(95, 5 * day))
    course.take(reading(95, 9 * day))
    assert course.zone == "yellow"
    course.take(reading(95, 10 * day))
    assert course.zone == "green"


def test_a_red_waits_for_its_repeat_and_counts_as_yellow_meanwhile() -> None:
    course = live(plan(CONFIRMED), reading(87))
    assert course.result("spo2-red") == AWAITING
    assert course.zone == "yellow"
    assert course.said[0].confirm_until == MORNING + timedelta(minutes=10, seconds=1)


@pytest.mark.parametrize(
    ("repeat", "zone", "said"),
    [(86, "red", ("fires", "confirmed")), (89, "yellow", ("fires", "confirmed_in_band")), (90, "green", ("clear", "dismissed_by_repeat"))],
)
def test_the_repeat_confirms_eases_or_dismisses(repeat: int, zone: str, said: tuple[str, str]) -> None:
    course = live(plan(CONFIRMED), reading(87), reading(repeat, 10, received=timedelta()))
    assert course.zone == zone
    assert course.heard("spo2-red") == [AWAITING, said]
    assert [one.value for one in course.said[-1].because.observations] == [87, repeat]


def test_without_a_repeat_it_fires_ten_minutes_after_it_was_received() -> None:
    course = live(plan(CONFIRMED), reading(87, received=timedelta(hours=3)))
    assert course.wait(timedelta(hours=3, minutes=9, seconds=59)) == []
    [fired] = course.wait(timedelta(hours=3, minutes=10))
    assert (fired.result, fired.reason, fired.judged_at, fired.zone) == ("fires", "no_repeat", MORNING, "red")
    assert course.zone == "red"


def test_a_repeat_measured_in_time_decides_also_when_it_comes_late() -> None:
    course = live(plan(CONFIRMED), reading(87), until=30)
    assert course.zone == "red"
    course.take(reading(95, 8, received=timedelta(hours=1)))
    assert course.zone == "green"
    assert course.heard("spo2-red") == [AWAITING, ("fires", "no_repeat"), ("clear", "dismissed_by_repeat")]


def test_an_offline_batch_does_not_make_it_forget_the_breach_nor_fire_before_its_deadline() -> None:
    burst = [
        reading(87, received=timedelta(hours=5)),
        reading(95, 60, received=timedelta(hours=4)),
        reading(86, 90, received=timedelta(hours=4)),
    ]
    course = Course(plan(CONFIRMED))
    course.take(*burst)
    assert course.result("spo2-red") == AWAITING
    assert course.zone == "yellow"
    course.wait(timedelta(hours=6))
    assert course.heard("spo2-red") == [AWAITING, ("fires", "no_repeat"), ("clear", None), AWAITING, ("fires", "no_repeat")]
    state, said = judge(course.plan, burst, course.now)
    assert [(v.result, v.reason) for v in said] == course.heard("spo2-red")
    assert state == course.state


def test_a_repeat_at_the_very_same_instant_is_no_repeat() -> None:
    course = Course(plan(CONFIRMED))
    course.take(reading(87, uplink=1), reading(95, uplink=2))
    assert course.result("spo2-red") == AWAITING


def test_no_confirm_fires_at_once_and_is_marked() -> None:
    [verdict] = live(plan(FEVER | {"no_confirm": True}), reading(38.0, 0, "8310-5")).said
    assert (verdict.result, verdict.zone, verdict.no_confirm, verdict.family) == ("fires", "red", True, "temperature")


def test_after_a_person_handled_it_only_newer_breaches_count() -> None:
    course = live(plan(SPO2_RED | {"persist": {"k": 2, "n": 2}}), reading(87), reading(86, 10))
    assert course.zone == "red"
    course.take(Handled("spo2", MORNING + timedelta(minutes=20)))
    assert course.zone == "green"
    assert course.result("spo2-red") == ("not_evaluable", "handled")
    course.take(reading(86, 30))
    assert course.zone == "green"
    course.take(reading(86, 40))
    assert course.zone == "red"
    assert course.heard("spo2-red") == [("fires", None), ("clear", "handled"), ("fires", None)]


def test_time_and_silence_never_improve_a_patient() -> None:
    course = live(plan(SPO2_RED), reading(87), until=timedelta(days=300))
    assert course.zone == "red"


def test_suppression_mutes_yellow_alerts_only_and_what_still_fires_speaks_at_its_end() -> None:
    end = MORNING + timedelta(days=2)
    given_plan = plan(
        SPO2_YELLOW, SPO2_RED, suppress=[{"rules": ["spo2-yellow", "spo2-red"], "reason": "Prednisolonkur", "end": end.isoformat()}]
    )
    course = live(given_plan, reading(91))
    assert (course.said[0].muted, course.zone) == (True, "yellow")
    course.take(reading(87, 10))
    assert [(v.rule, v.muted) for v in course.said[1:]] == [("spo2-yellow", True), ("spo2-red", False)]
    course.wait(end - timedelta(seconds=1))
    assert len(course.said) == 3
    course.wait(end)
    assert [(v.rule, v.reason, v.muted, v.judged_at) for v in course.said[3:]] == [("spo2-yellow", "suppression_ended", False, end)]
    assert course.wait(end + timedelta(days=1)) == []


@given(st.lists(st.sampled_from((91.9, 92, 92.9)), min_size=1, max_size=40))
def test_noise_within_the_band_never_flaps(noise: list[float]) -> None:
    course = live(plan(SPO2_YELLOW | {"clear": {"margin": 1}}), *[reading(value, place) for place, value in enumerate(noise)])
    assert [result for result, _ in course.heard("spo2-yellow")].count("clear") == 0


@given(st.lists(st.integers(80, 98), max_size=8), st.integers(80, 98), st.integers(80, 98))
def test_a_lower_saturation_is_never_a_better_zone(before: list[int], one: int, other: int) -> None:
    given_plan = plan(SPO2_YELLOW | {"persist": {"k": 2, "n": 3}, "clear": {"margin": 1}}, SPO2_RED)
    history = [reading(value, place) for place, value in enumerate(before)]
    zones = [live(given_plan, *history, reading(value, 100)).zone for value in sorted((one, other))]
    assert RANK[zones[0]] >= RANK[zones[1]]


def test_a_firing_verdict_says_where_it_would_clear_and_which_zone_that_gives() -> None:
    given_plan = plan(SPO2_YELLOW | {"clear": {"margin": 1, "consecutive": 2}}, SPO2_RED)
    yellow, red = live(given_plan, reading(87)).said
    assert yellow.because.to_json()["otherwise"] == {"at_or_above": 93, "unit": "%", "readings": 2, "zone": "green"}
    assert red.because.to_json()["otherwise"] == {"at_or_above": 88, "unit": "%", "readings": 1, "zone": "yellow"}
    assert red.because.to_json()["observations"][0]["measured_at"] == "2026-11-18T07:00:00Z"


def test_min_apart_in_days_counts_local_dates() -> None:
    twice = SPO2_YELLOW | {"persist": {"k": 2, "n": 2, "min_apart": "P1D"}}
    next_morning = timedelta(hours=23, minutes=50)
    assert live(plan(twice), reading(90), reading(90, timedelta(hours=10))).heard("spo2-yellow") == []
    assert live(plan(twice), reading(90), reading(90, next_morning)).heard("spo2-yellow") == [("fires", None)]


def test_a_suppressed_miss_that_lasts_speaks_when_the_suppression_ends() -> None:
    end = MORNING + timedelta(days=1, hours=6)
    silent = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "yellow"}
    given = plan(
        silent,
        schedule=[SPO2_MORNING],
        active_from=MORNING - timedelta(hours=3),
        suppress=[{"rules": ["silent"], "reason": "Reise", "end": end.isoformat()}],
    )
    course = live(given, reading(95), until=timedelta(days=1, hours=8))
    assert [(v.reason, v.muted, v.judged_at) for v in course.said] == [
        ("missed", True, MORNING + timedelta(days=1, hours=4)),
        ("suppression_ended", False, end),
    ]
    served = live(given, reading(95), reading(95, timedelta(days=1, hours=5)), until=timedelta(days=1, hours=8))
    assert "suppression_ended" not in [verdict.reason for verdict in served.said]
