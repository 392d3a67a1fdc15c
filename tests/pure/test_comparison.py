"""Back-tests: people assumed or left out, one plan beside another, the nurse's day, and the events that were caught."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from alerts.clinical_events import ClinicalEvent, Kind
from alerts.comparison import Side, assumption, compare, side, verdict, warnings
from alerts.rehearsal import History, Presence, Staffing, Withdrawn, rehearse
from alerts.rehearsed import RaisedAlert, Rehearsal
from dho.calendar import Hours
from dho.observation import Observation
from dho.texts import render
from tests.pure.plans import EVA, MORNING, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, plan, reading

OFFICE = Hours.read("Europe/Oslo", False, {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")})
ALWAYS = Hours.read("Europe/Oslo", True, {})
DAY = timedelta(days=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
OSLO = ZoneInfo("Europe/Oslo")


def course(*facts: Observation, presence: Presence = "assumed", hours: Hours = OFFICE, **more: object) -> Rehearsal:
    """Eva's readings under two thresholds for three weeks."""
    given = plan(SPO2_YELLOW, SPO2_RED, active_from=MORNING)
    return rehearse(given, History(EVA, facts, **more), MORNING + 21 * DAY, Staffing(hours, presence))  # type: ignore[arg-type]


def test_an_alert_is_closed_when_the_staffed_hours_assumed_have_passed() -> None:
    (alert,) = course(reading(85)).alerts
    assert (alert.rule, alert.zone, alert.ended) == ("spo2-red", "red", "closed")
    # Wednesday 08:00 and one second: 7.5 h each on Wednesday, Thursday, Friday, and the last 1.5 h on Monday
    assert alert.ended_at == MORNING + 5 * DAY + timedelta(hours=1.5, seconds=1)


def test_what_is_closed_and_breached_again_is_a_new_alert_and_with_nobody_there_it_is_the_same() -> None:
    readings = (reading(85), reading(84, 6 * DAY), reading(83, 14 * DAY))
    assert len(course(*readings).alerts) == 3
    (alert,) = course(*readings, presence="nobody").alerts
    assert (alert.breaches, alert.ended_at) == (3, None)


def test_what_had_arrived_before_the_plan_is_known_and_raises_nothing() -> None:
    before, after = reading(85, -60), reading(84, 60)
    told = course(before, after)
    assert [alert.raised_at for alert in told.alerts] == [after.received_at]
    assert told.zones[0] == (MORNING, "red")


def test_a_withdrawn_reading_had_raised_its_alert_and_leaves_it_unsupported() -> None:
    wrong = reading(85)
    told = course(wrong, reading(96, 30), withdrawn=(Withdrawn(wrong.uplink, MORNING + timedelta(hours=1)),), presence="nobody")
    assert [(alert.rule, alert.supported) for alert in told.alerts] == [("spo2-red", False)]
    assert told.zones[-1][1] == "not_reported"  # silence, three weeks later
    assert (MORNING + timedelta(seconds=1), "red") in told.zones


def test_a_reading_withdrawn_before_it_came_was_never_known() -> None:
    wrong = reading(85)
    assert course(wrong, reading(96, 30), withdrawn=(Withdrawn(wrong.uplink, MORNING - DAY),)).alerts == ()


def test_a_missed_slot_is_missed_at_its_deadline_and_every_deadline_comes() -> None:
    silent = {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "yellow"}
    given = plan(silent, schedule=[SPO2_MORNING], active_from=MORNING - timedelta(hours=3))
    told = rehearse(given, History(EVA, []), MORNING + 2 * DAY, Staffing(ALWAYS, "nobody"))
    (alert,) = told.alerts
    assert (alert.rule, alert.raised_at, alert.breaches) == ("silent", MORNING + timedelta(hours=4), 2)


def test_weeks_begin_on_the_local_monday() -> None:
    sunday_night = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)  # Monday in Oslo
    (week,) = course(replace_time(reading(85), sunday_night), hours=ALWAYS).weeks()
    assert (week.monday.isoformat(), week.rule, week.zone, week.alerts) == ("2026-11-23", "spo2-red", "red", 1)


def replace_time(one: Observation, at: datetime) -> Observation:
    return reading(one.value, at)


def an_alert(at: datetime, zone: str = "yellow", family: str = "spo2", **more: object) -> RaisedAlert:
    ends = at + DAY
    first = RaisedAlert(at, at.isoformat(), f"{family}-{zone}", zone, family, False, zone, at, ended_at=ends, ended="closed")
    return replace(first, **more)  # type: ignore[arg-type]


def a_side(alerts: Sequence[RaisedAlert], events: Sequence[ClinicalEvent] = (), number: int = 1) -> Side:
    return side(number, Rehearsal(START, START + 100 * DAY, OSLO, 500, tuple(alerts), (), ()), events)


def an_event(at: datetime, kind: Kind = "exacerbation") -> ClinicalEvent:
    return ClinicalEvent(uuid4(), EVA, kind, at, "", at, None)


def said(texts: Sequence[tuple[str, dict[str, object]]], language: str = "en") -> list[str]:
    return [render(key, args, language) for key, args in texts]


def test_the_verdict_says_how_many_alerts_instead_of_how_many_and_what_was_caught_how_early() -> None:
    events = [an_event(START + n * 20 * DAY) for n in (1, 2, 3)]
    draft = [an_alert(event.at - DAY) for event in events] + [an_alert(START + 21 * DAY - 3 * DAY)]
    active = [an_alert(START + n * 3 * DAY) for n in range(31)]
    found = compare(Staffing(OFFICE), a_side(draft, events, 2), a_side(active, events))
    assert said(verdict(found)) == ["4 alerts instead of 31.", "Caught 3 of 3 events, earliest 2 days before."]
    assert said(verdict(found), "nn")[0] == "4 varsel i staden for 31."


def test_below_three_events_nothing_is_said_of_what_is_caught() -> None:
    events = [an_event(START + n * 20 * DAY) for n in (1, 2)]
    found = compare(Staffing(OFFICE), a_side([an_alert(event.at - DAY) for event in events], events), None)
    assert [text.key for text in verdict(found)] == ["backtest.alerts_alone", "backtest.withheld"]


@pytest.mark.parametrize("events", [1, 3])
def test_an_event_that_would_no_longer_be_caught_is_warned_of_however_few_there_are(events: int) -> None:
    happened = [an_event(START + n * 20 * DAY, "admission") for n in range(1, events + 1)]
    active = a_side([an_alert(event.at - 2 * DAY) for event in happened], happened)
    draft = a_side([an_alert(event.at - DAY) for event in happened[1:]], happened, 2)
    found = compare(Staffing(OFFICE), draft, active)
    assert said(warnings(found)) == [
        "This plan does not catch the event “admission” of 22.03.2026, of which the active plan warned 2 days before."
    ]


@pytest.mark.parametrize(
    ("before", "more", "caught"),
    [
        (timedelta(0), {}, True),
        (7 * DAY, {}, True),
        (7 * DAY + timedelta(seconds=1), {}, False),
        (-timedelta(seconds=1), {}, False),
        (DAY, {"supported": False}, False),
    ],
)
def test_a_warning_comes_within_the_week_before_and_must_be_supported(before: timedelta, more: dict[str, object], caught: bool) -> None:
    event = an_event(START + 50 * DAY)
    (foreseen,) = a_side([an_alert(event.at - before, **more)], [event]).foreseen
    assert (foreseen.early is not None) is caught


def test_alerts_are_new_missed_or_milder_by_family_and_time() -> None:
    shared, only_ours = an_alert(START), an_alert(START + 30 * DAY)
    theirs = [an_alert(START + timedelta(hours=6), "red"), an_alert(START, family="pulse")]
    found = compare(Staffing(OFFICE), a_side([shared, only_ours], number=2), a_side(theirs))
    assert found.new == (only_ours,)
    assert found.missed == (theirs[1],)
    assert found.milder == ((shared, theirs[0]),)


def test_the_nurses_day_follows_from_eighty_patients_and_eleven_minutes() -> None:
    load = a_side([an_alert(START + n * 4 * DAY) for n in range(25)]).load
    assert load.alerts_per_day == pytest.approx(0.25)
    assert load.minutes_per_week == pytest.approx(19.25)
    assert load.share_of_day == pytest.approx(80 * 0.25 * 11 / 450)
    assert load.budget == "edge"
    assert [a_side([an_alert(START)] * n).load.budget for n in (20, 35, 36)] == ["within", "edge", "above"]


def test_what_is_assumed_of_people_is_said() -> None:
    assert render(*assumption(Staffing(OFFICE)), "nb") == "Antatt: hvert varsel lukkes 24 timer åpningstid etter at det kom."
