"""Answers to a questionnaire: what is taken, what is refused alone, what is refused, and when two mean the same."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from devices.decode import DECODERS, LARGEST
from devices.questionnaires import SHIPPED, checked
from devices.reading import Invalidation, Reading, Refused, Rejected
from dho.observation import Value
from dho.questionnaire import Shelf, read_questionnaire
from tests.pure.said import ABSENT, EVA, ID, element, elements, measurement

D = Decimal
BREATH, PAIN = {"question": "breathlessness", "value": 2}, {"question": "chest_pain", "value": 0}


def filled(**changes: Any) -> bytes:
    """A filled-in form as a tablet writes it; `ABSENT` leaves a member out."""
    whole = {
        "id": ID,
        "patient": EVA,
        "taken_at": "2026-11-21T08:01:12.123+01:00",
        "source": "patient",
        "questionnaire": "symptoms",
        "version": 2,
        "answers": [BREATH, PAIN],
        "note": "litt bedre",
        **changes,
    }
    return json.dumps({name: value for name, value in whole.items() if value is not ABSENT}, ensure_ascii=False).encode()


def said(payload: bytes, shelf: Shelf = SHIPPED) -> Reading | Rejected:
    what = checked(shelf, element(payload, "answers")).what
    assert isinstance(what, Reading | Rejected)
    return what


def reading(payload: bytes) -> Reading:
    what = said(payload)
    assert isinstance(what, Reading), what
    return what


def reason(**changes: Any) -> str:
    what = said(filled(**changes))
    assert isinstance(what, Rejected), what
    assert what.detail.endswith(".")
    return what.reason


def answers(*pairs: tuple[str, Any]) -> list[dict[str, Any]]:
    return [{"question": question, "value": value} for question, value in pairs]


def test_a_filled_in_form_is_a_reading_of_its_answers() -> None:
    one = reading(filled())
    assert (str(one.uplink), str(one.patient), one.questionnaire, one.version) == (ID, EVA, "symptoms", 2)
    assert one.measured_at == one.taken_at == datetime(2026, 11, 21, 7, 1, 12, 123000, UTC)
    assert (one.source, one.note, one.refused, one.device) == ("patient", "litt bedre", (), None)
    assert one.values == (
        Value("answer:symptoms:breathlessness", "breathlessness", D(2), "", "2", ""),
        Value("answer:symptoms:chest_pain", "chest_pain", D(0), "", "0", ""),
    )


def test_an_answer_may_be_a_code_in_words() -> None:
    (value,) = reading(filled(questionnaire="feet", version=1, answers=answers(("wound", "yes")))).values
    assert (value.measurement, value.value) == ("answer:feet:wound", "yes")


@pytest.mark.parametrize("skipped", [[BREATH], [BREATH, {"question": "chest_pain", "value": None}]])
def test_a_skipped_question_is_no_reading(skipped: list[Any]) -> None:
    assert [value.code for value in reading(filled(answers=skipped)).values] == ["breathlessness"]


def test_an_impossible_answer_is_refused_alone() -> None:
    one = reading(filled(answers=[BREATH, {"question": "chest_pain", "value": 7}]))
    assert [value.code for value in one.values] == ["breathlessness"]
    assert one.refused == (Refused("chest_pain", "impossible_value", "The answer to chest_pain must be one of 0, 1."),)


def test_if_no_answer_is_possible_the_form_is_refused_and_each_answer_named() -> None:
    what = said(filled(answers=answers(("breathlessness", 9), ("chest_pain", -1))))
    assert isinstance(what, Rejected)
    assert (what.reason, [one.code for one in what.refused]) == ("impossible_value", ["breathlessness", "chest_pain"])


def test_an_answer_to_a_question_that_would_not_have_been_asked_is_kept() -> None:
    one = reading(filled(answers=answers(("sputum_amount", 0), ("sputum_colour", 3))))
    assert [value.code for value in one.values] == ["sputum_amount", "sputum_colour"]


def test_an_earlier_version_that_means_the_same_is_read() -> None:
    assert reading(filled(version=1)).version == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"questionnaire": "horoscope"}, "unknown_code"),
        ({"questionnaire": ""}, "unknown_code"),
        ({"questionnaire": "x" * 65}, "unknown_code"),
        ({"version": 3}, "unknown_code"),
        ({"version": 0}, "wrong_type"),
        ({"version": "2"}, "wrong_type"),
        ({"version": 2.0}, "wrong_type"),
        ({"version": True}, "wrong_type"),
        ({"version": ABSENT}, "missing_field"),
        ({"answers": answers(("mood", 2))}, "unknown_code"),
        ({"answers": answers(("", 2))}, "unknown_code"),
        ({"answers": [BREATH, BREATH]}, "duplicate_code"),
        ({"answers": [BREATH, {"question": "breathlessness", "value": None}]}, "duplicate_code"),
        ({"answers": answers(("breathlessness", "2"))}, "wrong_type"),
        ({"answers": answers(("breathlessness", True))}, "wrong_type"),
        ({"answers": answers(("breathlessness", [2]))}, "wrong_type"),
        ({"answers": answers(("breathlessness", ""))}, "wrong_type"),
        ({"questionnaire": "feet", "version": 1, "answers": answers(("wound", 1))}, "wrong_type"),
        ({"questionnaire": "feet", "version": 1, "answers": answers(("wound", "maybe"))}, "impossible_value"),
        ({"answers": [{"question": "breathlessness"}]}, "missing_field"),
        ({"answers": [{"value": 2}]}, "missing_field"),
        ({"answers": [5]}, "wrong_type"),
        ({"answers": {}}, "wrong_type"),
        ({"answers": []}, "empty"),
        ({"answers": answers(("breathlessness", None))}, "empty"),
        ({"answers": answers(*((f"q{n}", 1) for n in range(51)))}, "too_many"),
        ({"answers": ABSENT}, "missing_field"),
        ({"questionnaire": ABSENT}, "missing_field"),
        ({"taken_at": ABSENT}, "missing_field"),
        ({"id": ABSENT}, "missing_field"),
        ({"id": "17"}, "bad_id"),
        ({"patient": "Eva"}, "bad_id"),
        ({"patient": 5}, "wrong_type"),
        ({"taken_at": "2026-11-21T08:01:12"}, "no_offset"),
        ({"taken_at": "i dag"}, "bad_time"),
        ({"taken_at": "1999-12-31T00:00:00Z"}, "time_out_of_range"),
        ({"note": "x" * 2001}, "bad_text"),
        ({"note": "a\0b"}, "bad_text"),
        ({"values": []}, "malformed"),
        ({"invalidates": EVA}, "malformed"),
    ],
)
def test_what_cannot_be_taken_is_refused_with_its_reason(changes: dict[str, Any], expected: str) -> None:
    assert reason(**changes) == expected


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1e-999", "-1e400", "1e99999999999999999999", "0." + "1" * 200])
def test_a_number_that_nobody_can_hold_is_refused(number: str) -> None:
    payload = filled(answers=answers(("breathlessness", "@"))).replace(b'"@"', number.encode())
    what = said(payload)
    assert isinstance(what, Rejected)
    assert what.reason == "not_finite"


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"", "malformed"),
        (b"{", "malformed"),
        (b"5", "wrong_type"),
        (b"[]", "empty"),
        (b"\xff", "bad_text"),
        (b" " * (LARGEST + 1), "too_large"),
    ],
)
def test_broken_bytes_get_the_same_reasons_as_measurements(payload: bytes, expected: str) -> None:
    what = said(payload)
    assert isinstance(what, Rejected)
    assert what.reason == expected


def test_a_retained_form_is_refused() -> None:
    what = element(filled(), "answers", retain=True).what
    assert isinstance(what, Rejected)
    assert what.reason == "retained"


def test_in_an_array_each_form_stands_for_itself() -> None:
    found = [checked(SHIPPED, one) for one in elements(b"[" + filled() + b", 5, " + filled(id=EVA, version=9) + b"]", "answers")]
    assert [(one.position, type(one.what)) for one in found] == [(0, Reading), (1, Rejected), (2, Rejected)]
    assert [one.id for one in found] == [ID, None, EVA]


def test_an_invalidation_is_taken_on_this_topic_too() -> None:
    what = element(json.dumps({"id": ID, "invalidates": EVA, "reason": "feil knapp"}).encode(), "answers").what
    assert isinstance(what, Invalidation)


def test_a_clock_far_ahead_is_suspect() -> None:
    one = reading(filled(taken_at="2026-11-21T09:30:00Z"))
    assert one.clock_suspect
    assert one.measured_at == one.received_at


@pytest.mark.parametrize(
    "same",
    [
        filled(answers=[PAIN, BREATH]),
        filled(answers=[BREATH, PAIN, {"question": "swelling", "value": None}]),
        filled(taken_at="2026-11-21T07:01:12.123Z"),
        filled(id=ID.upper(), colour="blue"),
        filled(answers=["@", PAIN]).replace(b'"@"', b'{"value": 2.0, "question": "breathlessness", "x": 1}'),
        filled(answers=["@", PAIN]).replace(b'"@"', b'{"value": 20e-1, "question": "breathlessness"}'),
    ],
)
def test_what_means_the_same_has_one_digest(same: bytes) -> None:
    assert reading(same).digest == reading(filled()).digest


@pytest.mark.parametrize(
    "other",
    [
        filled(answers=[BREATH]),
        filled(answers=[BREATH, {"question": "chest_pain", "value": 1}]),
        filled(answers=[BREATH, {"question": "chest_pain", "value": 5}]),
        filled(answers=[{"question": "vision", "value": 0}, BREATH]),
        filled(version=1),
        filled(note=ABSENT),
        filled(source="staff"),
        filled(taken_at="2026-11-21T07:01:13.123Z"),
    ],
)
def test_what_means_something_else_has_another_digest(other: bytes) -> None:
    assert reading(other).digest != reading(filled()).digest


def test_a_form_and_a_measurement_never_mean_the_same() -> None:
    what = element(measurement()).what
    assert isinstance(what, Reading)
    assert what.digest != reading(filled()).digest


def test_answers_are_checked_against_the_definition_that_the_centre_has_loaded() -> None:
    own = {"id": "CAT", "version": 2, "title": {"nb": "CAT"}, "items": [{"id": "1", "lowest": 0, "highest": 5, "text": {"nb": "Hoste"}}]}
    payload = filled(questionnaire="CAT", version=2, answers=answers(("1", 4)))
    assert isinstance(said(payload), Rejected)
    assert isinstance(said(payload, Shelf([read_questionnaire(own)])), Reading)


def test_the_decoder_stands_in_the_table() -> None:
    assert DECODERS["answers"].__name__ == "decode_answers"
