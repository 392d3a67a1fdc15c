"""The simulated days are believable, repeatable, and show what a centre meets."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devices import topics
from devices.decode import decode
from devices.message import Message
from devices.questionnaires import SHIPPED, checked
from devices.reading import Reading, Rejected
from devices.simulated_days import COURSES, Condition, Course, Profile, Upload, day, dice_for, profile, real_series, wristband

OSLO = ZoneInfo("Europe/Oslo")
TODAY = date(2026, 11, 21)
CONDITIONS: tuple[Condition, ...] = ("copd", "heart_failure", "diabetes", "hypertension")


def patient(condition: Condition = "copd", course: Course = "steady", gateway: str = "tablet-eva") -> Profile:
    return Profile(gateway, condition, course, TODAY, OSLO)


def on(who: Profile, date_: date = TODAY) -> list[Upload]:
    return day(who, date_, dice_for(who, date_))


def understood(upload: Upload) -> list[Reading | Rejected]:
    topic = topics.topic(upload.gateway, upload.leaf)
    message = Message(topic, upload.body, upload.gateway, upload.leaf, 1, False, upload.send_at.astimezone(UTC))
    return [what for element in decode(message) if isinstance(what := checked(SHIPPED, element).what, Reading | Rejected)]


def values(who: Profile, name: str, date_: date = TODAY) -> list[float]:
    readings = [what for upload in on(who, date_) for what in understood(upload)]
    return [float(v.value) for r in readings if isinstance(r, Reading) for v in r.values if v.measurement == name]


def test_the_same_day_is_the_same_again_and_another_seed_another() -> None:
    assert on(patient()) == on(patient())
    assert day(patient(), TODAY, dice_for(patient(), TODAY, 1)) != on(patient())


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("course", [course for course in (*COURSES, "real_figures") if course != "unknown_unit"])
def test_everything_is_understood_in_every_course(condition: Condition, course: Course) -> None:
    who = patient(condition, course)
    for back in range(60):
        for upload in on(who, TODAY - timedelta(days=back)):
            (what,) = understood(upload)
            assert isinstance(what, Reading)
            assert not what.refused
            assert upload.send_at >= what.taken_at


def test_a_device_with_a_unit_nobody_knows_is_refused_on_its_days_and_good_on_others() -> None:
    who = patient(course="unknown_unit")
    kinds = [type(what) for back in (0, 1) for upload in on(who, TODAY - timedelta(days=back)) for what in understood(upload)]
    assert kinds == [Rejected, Reading, Reading, Reading]  # what is answered on the tablet itself is well understood


def test_an_exacerbation_comes_over_days_and_ends_in_a_red_saturation_that_is_repeated() -> None:
    who = patient(course="exacerbation")
    lowest = [min(values(who, "spo2", TODAY - timedelta(days=back))) for back in (9, 2, 0)]
    assert lowest[0] >= 92 > lowest[1] > lowest[2]
    assert lowest[2] < 88
    assert len(values(who, "spo2")) == 2
    assert max(values(who, "pulse")) > max(values(who, "pulse", TODAY - timedelta(days=9)))


@pytest.mark.parametrize("condition", ["copd", "heart_failure", "hypertension"])
def test_a_patient_answers_the_plans_questionnaire_every_day(condition: Condition) -> None:
    for back in range(30):
        forms = [
            what.questionnaire
            for upload in on(patient(condition), TODAY - timedelta(days=back))
            for what in understood(upload)
            if isinstance(what, Reading)
        ]
        assert "symptoms" in forms


def test_answers_get_worse_with_the_exacerbation() -> None:
    who = patient(course="exacerbation")
    breath = [max(values(who, "answer:symptoms:breathlessness", TODAY - timedelta(days=back))) for back in (9, 2, 0)]
    assert breath[0] <= 1
    assert breath[1:] == [2, 3]
    assert values(who, "answer:symptoms:sputum_colour")[0] >= 2
    swollen = patient("heart_failure", "exacerbation")
    assert values(swollen, "answer:symptoms:swelling") == [3]


def test_each_form_with_a_score_is_filled_in_once_in_the_last_fortnight() -> None:
    scored: dict[Condition, str] = {"copd": "CAT", "heart_failure": "KCCQ-12"}
    for condition, form in scored.items():
        days = [on(patient(condition), TODAY - timedelta(days=back)) for back in range(14)]
        assert [what.questionnaire for day_ in days for u in day_ for what in understood(u) if isinstance(what, Reading)].count(form) == 1


def test_a_missed_morning_is_a_day_without_a_word() -> None:
    who = patient(course="missed_morning")
    assert on(who) == []
    assert on(who, TODAY - timedelta(days=1))


def test_an_upload_that_comes_twice_is_the_same_upload() -> None:
    sent = on(patient(course="uploaded_twice"))
    first, second = (upload for upload in sent if upload.leaf == topics.MEASUREMENTS)
    assert (first.id, first.body) == (second.id, second.body)
    assert len({upload.id for upload in sent}) * 2 == len(sent)
    assert second.send_at > first.send_at


def test_two_days_without_network_arrive_together_with_their_own_times() -> None:
    who = patient(course="offline")
    late = [upload for back in (3, 2) for upload in on(who, TODAY - timedelta(days=back))]
    assert {upload.send_at.date() for upload in late} == {TODAY - timedelta(days=1)}
    assert len({what.taken_at.date() for upload in late for what in understood(upload) if isinstance(what, Reading)}) == 2


def test_the_real_figures_are_all_sent_with_their_real_hours_and_end_today() -> None:
    who = profile("tablet-real", "hypertension", 0, TODAY, OSLO)
    assert who.course == "real_figures"
    series = real_series()
    sent = [upload for back in range(108, -1, -1) for upload in on(who, TODAY - timedelta(days=back))]
    readings = [what for upload in sent for what in understood(upload) if isinstance(what, Reading)]
    assert len(readings) == len(series) == 222
    shift = TODAY - series[-1][0].date()
    assert [reading.taken_at for reading in readings] == [(at + shift).replace(tzinfo=OSLO) for at, _ in series]
    assert [float(reading.values[0].value) for reading in readings] == [values[0][1] for _, values in series]


def test_a_wristband_reports_more_steps_in_the_evening_than_in_the_morning() -> None:
    def steps(hour: int) -> float:
        (what,) = understood(wristband(patient(), datetime(2026, 11, 21, hour, tzinfo=UTC)))
        assert isinstance(what, Reading)
        return float(what.values[0].value)

    assert steps(8) < steps(18)


def test_each_course_has_its_patient_among_forty() -> None:
    courses = {profile(f"t{n}", condition, n, TODAY, OSLO).course for n in range(9) for condition in CONDITIONS}
    assert courses == {*COURSES, "real_figures"}
