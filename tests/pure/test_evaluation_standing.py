"""Where the patient stands: no data is never green, what is required, what is missing, and when to judge again."""

from datetime import timedelta

import pytest

from dho.evaluation import Handled, advance, initial, judge, standing, zone_of
from dho.plan import Pause
from tests.pure.plans import MORNING, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, Course, answer, live, plan, reading

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SILENT = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"}
REQUIRED = SPO2_MORNING | {"required": True}
NOON = MORNING + 4 * HOUR
"""The deadline of the Wednesday slot: 08:00 local + 3 h + 1 h."""


def test_a_patient_of_whom_nothing_is_known_is_not_green() -> None:
    assert zone_of(plan(SPO2_RED), initial(plan(SPO2_RED)), MORNING) == ("not_reported", None)


def test_seven_dates_of_silence_end_green_even_without_a_missing_rule() -> None:
    course = live(plan(SPO2_RED), reading(95))
    assert course.zone == "green"
    again = MORNING + 8 * DAY - 8 * HOUR
    assert zone_of(course.plan, course.state, course.now)[1] == again
    course.wait(again - timedelta(seconds=1))
    assert course.zone == "green"
    course.wait(again)
    assert course.zone == "not_reported"


def test_the_silence_of_a_plan_can_be_its_own() -> None:
    course = live(plan(SPO2_RED, not_reported_after="PT36H"), reading(95), until=timedelta(hours=36))
    assert course.zone == "not_reported"


def test_readings_that_the_plan_does_not_ask_about_say_nothing() -> None:
    assert live(plan(SPO2_RED), reading(5000, 0, "steps")).zone == "not_reported"


@pytest.mark.parametrize(("minutes", "zone"), [(-121, "not_reported"), (-120, "green"), (0, "green"), (239, "green")])
def test_a_required_item_is_reported_from_the_opening_of_its_newest_slot_whose_deadline_has_passed(minutes: int, zone: str) -> None:
    given_plan = plan(SPO2_RED, schedule=[REQUIRED], active_from=MORNING - 10 * DAY)
    course = live(given_plan, reading(95, minutes), until=NOON)
    assert course.zone == zone


def test_before_the_first_deadline_a_reading_within_seven_days_reports() -> None:
    given_plan = plan(SPO2_RED, schedule=[REQUIRED], active_from=MORNING - HOUR)
    assert live(given_plan, reading(95, -2 * DAY), until=MORNING).zone == "green"
    assert live(given_plan, reading(95, -2 * DAY), until=NOON).zone == "not_reported"
    assert standing(given_plan, initial(given_plan), MORNING).reported == {"spo2-morning": False}


def test_any_answer_reports_a_questionnaire_and_a_skipped_one_none() -> None:
    form = {"id": "form", "questionnaire": "symptoms", "times": ["08:00"], "window": "PT3H", "required": True}
    given_plan = plan(SPO2_RED, schedule=[form], active_from=MORNING - DAY)
    assert live(given_plan, answer(1, 30, "sputum"), until=NOON).zone == "green"
    assert live(given_plan, reading(95, 30), until=NOON).zone == "not_reported"


def test_a_missed_slot_fires_at_its_deadline_and_a_late_arrival_clears_it() -> None:
    course = live(plan(SILENT, schedule=[SPO2_MORNING], active_from=MORNING - HOUR), until=NOON - timedelta(seconds=1))
    assert course.said == []
    [missed] = course.wait(NOON)
    assert (missed.result, missed.zone, missed.judged_at, missed.family) == ("fires", "not_reported", NOON, "missing:spo2-morning")
    assert missed.at == ("slot", "spo2-morning", "2026-11-18T07:00:00+00:00")
    course.take(reading(95, 10, received=9 * HOUR))
    assert course.heard("silent") == [("fires", "missed"), ("clear", "reported")]
    assert course.zone == "green"


def test_every_missed_slot_is_said_and_consecutive_makes_it_softer() -> None:
    given_plan = plan(SILENT | {"consecutive": 3}, schedule=[SPO2_MORNING], active_from=MORNING - HOUR)
    course = live(given_plan, until=MORNING + 3.5 * DAY)
    assert [verdict.because.numbers["count"] for verdict in course.said] == [3, 4]
    course.take(reading(95, 3.6 * DAY))
    course.wait(MORNING + 5.5 * DAY)
    assert course.heard("silent")[-1] == ("clear", "reported")


def test_a_reading_before_the_newest_missed_slot_opened_does_not_clear_it() -> None:
    course = live(plan(SILENT, schedule=[SPO2_MORNING], active_from=MORNING - DAY - HOUR), until=NOON)
    course.take(reading(95, -10 * HOUR, received=15 * HOUR))
    assert course.result("silent") == ("fires", "missed")


def test_nothing_is_missed_in_a_pause_but_what_arrives_is_judged() -> None:
    given_plan = plan(
        SILENT, SPO2_RED, schedule=[SPO2_MORNING], active_from=MORNING - HOUR, pauses=[Pause(MORNING - HOUR, MORNING + 5 * DAY)]
    )
    course = live(given_plan, until=MORNING + 4 * DAY)
    assert course.said == []
    course.take(reading(80, 4.5 * DAY))
    assert course.zone == "red"


def test_a_handled_miss_stops_counting_until_the_next_slot() -> None:
    course = live(plan(SILENT, schedule=[SPO2_MORNING], active_from=MORNING - HOUR), until=NOON)
    course.take(Handled("missing:spo2-morning", NOON + HOUR))
    assert course.heard("silent") == [("fires", "missed"), ("clear", "handled")]
    course.wait(NOON + DAY)
    assert course.heard("silent")[-1] == ("fires", "missed")


def test_missed_slots_of_the_past_are_found_again_on_replay() -> None:
    given_plan = plan(SILENT, schedule=[SPO2_MORNING], active_from=MORNING - HOUR)
    facts = [reading(95, 60), reading(95, 3 * DAY + HOUR)]
    course = live(given_plan, *facts, until=MORNING + 5 * DAY)
    state, said = judge(given_plan, facts, course.now)
    assert [(v.at, v.result) for v in said] == [(v.at, v.result) for v in course.said]
    assert state == course.state


def test_red_is_worse_than_yellow_is_worse_than_not_reported() -> None:
    given_plan = plan(SPO2_YELLOW, SPO2_RED, SILENT, schedule=[REQUIRED], active_from=MORNING - DAY)
    assert live(given_plan, reading(91), until=NOON + DAY).zone == "yellow"
    assert live(given_plan, reading(87), until=NOON + DAY).zone == "red"
    assert live(given_plan, reading(95), until=NOON + DAY).zone == "not_reported"


def test_every_rule_stands_with_a_verdict_also_the_one_that_cannot_be_judged() -> None:
    given_plan = plan(SPO2_YELLOW | {"confirm": {"within": "PT5M"}}, SPO2_RED | {"code": "8867-4", "unit": "/min", "below": 40})
    course = live(given_plan, reading(91))
    found = standing(given_plan, course.state, course.now)
    assert [(v.result, v.reason) for v in found.rules] == [("not_evaluable", "awaiting_repeat"), ("not_evaluable", "no_reading")]
    assert (found.zone_pending, found.judge_again_at) == ("yellow", MORNING + timedelta(minutes=5, seconds=1))
    assert standing(given_plan, course.state, MORNING + timedelta(minutes=6)).zone == "yellow"


def test_advancing_never_changes_the_state_it_was_given() -> None:
    given_plan = plan(SPO2_RED)
    course = live(given_plan, reading(95))
    before = course.state.dump()
    advance(given_plan, course.state, [reading(80, 5)], MORNING + HOUR)
    assert course.state.dump() == before


def test_facts_that_are_not_newer_are_refused_so_that_the_caller_replays() -> None:
    course = live(plan(SPO2_RED), reading(95, 10))
    for late in (reading(80, 5), reading(80, 10)):
        with pytest.raises(ValueError, match="replay"):
            course.take(late, now=MORNING + HOUR)


def test_readings_of_one_instant_are_judged_together_in_any_order() -> None:
    given_plan = plan(SPO2_YELLOW, SPO2_RED)
    pair = (reading(87, uplink=1), reading(95, uplink=2))
    one, other = Course(given_plan), Course(given_plan)
    one.take(*pair)
    other.take(*reversed(pair))
    assert one.state == other.state
