"""A measurement is read as it was said; what is wrong with it is named."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from devices.reading import Reading
from tests.pure.said import (
    ABSENT,
    EVA,
    ID,
    PULSE,
    RECEIVED,
    SPO2,
    element,
    elements,
    invalidation,
    measurement,
    members,
    reading,
    reason,
    refusal,
)


def test_a_measurement_is_read_as_it_was_said() -> None:
    said = reading(measurement(device="A4C138-0042", context={"oxygen_l_min": 0}, note="etter trapp"))
    assert (said.uplink, said.patient) == (UUID(ID), UUID(EVA))
    assert said.taken_at == said.measured_at == datetime(2026, 11, 21, 7, 1, 12, 123000, UTC)
    assert (said.received_at, said.clock_suspect) == (RECEIVED, False)
    assert [(v.measurement, v.code, v.value, v.unit, v.sent_value, v.sent_unit) for v in said.values] == [
        ("spo2", "59408-5", Decimal(92), "%", "92", "%"),
        ("pulse", "8867-4", Decimal(71), "/min", "71", "/min"),
    ]
    assert (said.device, said.source, said.note) == ("A4C138-0042", "device", "etter trapp")
    assert (said.oxygen_l_min, said.context, said.refused) == (Decimal(0), '{"oxygen_l_min":0}', ())


def test_only_id_time_and_values_are_required() -> None:
    said = reading(measurement(patient=ABSENT, source=ABSENT))
    assert (said.patient, said.source, said.device, said.note, said.context) == (None, None, None, None, None)


@pytest.mark.parametrize("name", ["patient", "device", "source", "context", "note"])
def test_null_is_as_absent_where_a_member_may_be_left_out(name: str) -> None:
    assert reading(measurement(**{name: None})).digest == reading(measurement(**{name: ABSENT})).digest


@pytest.mark.parametrize("name", ["id", "taken_at", "values"])
def test_a_missing_member_is_named(name: str) -> None:
    why = refusal(measurement(**{name: ABSENT}))
    assert why.reason == "missing_field"
    assert f"/{name}" in why.detail


@pytest.mark.parametrize("name", ["code", "value", "unit"])
def test_a_value_without_code_value_or_unit_is_refused(name: str) -> None:
    why = refusal(measurement(values=[SPO2, {key: value for key, value in PULSE.items() if key != name}]))
    assert why.reason == "missing_field"
    assert f"/values/1/{name}" in why.detail


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("id", 5),
        ("id", None),
        ("taken_at", 1763712000),
        ("values", {}),
        ("values", "92"),
        ("values", [92]),
        ("patient", 7),
        ("device", 42),
        ("source", True),
        ("note", ["a"]),
        ("context", "rest"),
        ("context", [1]),
        ("context", {"oxygen_l_min": "2"}),
        ("context", {"oxygen_l_min": True}),
        ("values", [{"code": 59408, "value": 92, "unit": "%"}]),
        ("values", [{"code": "59408-5", "value": 92, "unit": 1}]),
        ("values", [{"code": "59408-5", "value": "92", "unit": "%"}]),
        ("values", [{"code": "59408-5", "value": True, "unit": "%"}]),
        ("values", [{"code": "59408-5", "value": None, "unit": "%"}]),
        ("values", [{"code": "59408-5", "value": [92], "unit": "%"}]),
        ("values", [{"code": "59408-5", "value": {"x": 92}, "unit": "%"}]),
    ],
)
def test_a_wrong_json_type_is_refused_with_its_place(name: str, wrong: object) -> None:
    why = refusal(measurement(**{name: wrong}))
    assert why.reason == "wrong_type"
    assert f"/{name}" in why.detail


@pytest.mark.parametrize("payload", [b"42", b'"text"', b"true", b"null"])
def test_an_element_that_is_no_object_is_refused(payload: bytes) -> None:
    assert reason(payload) == "wrong_type"


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "7",
        "not-a-uuid",
        ID.replace("-", ""),
        "{" + ID + "}",
        "urn:uuid:" + ID,
        ID + "0",
        "018f2c1e+7b7a-7c3e-9f53-0242ac120002",
        "g" * 36,
    ],
)
@pytest.mark.parametrize("name", ["id", "patient"])
def test_an_id_that_is_no_uuid_is_refused(name: str, wrong: str) -> None:
    why = refusal(measurement(**{name: wrong}))
    assert why.reason == "bad_id"
    assert f"/{name}" in why.detail


@pytest.mark.parametrize("version", "12345678")
def test_a_uuid_of_any_version_and_case_is_one_id_and_echoed_as_sent(version: str) -> None:
    lower = f"018f2c1e-7b7a-{version}c3e-9f53-0242ac12000b"
    for written in (lower, lower.upper()):
        one = element(measurement(id=written))
        assert one.id == written
        assert one.uplink == UUID(lower)


def test_a_refused_id_is_echoed_cut_at_64_characters() -> None:
    assert element(measurement(id="x" * 100)).id == "x" * 64
    assert element(measurement(id="no uuid")).id == "no uuid"
    assert element(measurement(id=ABSENT)).id is None
    assert element(measurement(id=7)).id is None
    assert element(measurement(values=[])).id == ID


def test_of_a_doubled_key_the_last_wins() -> None:
    twice = b'{"note": "first", "values": 5, ' + measurement(note="last")[1:]
    assert reading(twice).note == "last"
    assert reason(measurement(note="x")[:-1] + b', "values": 5}') == "wrong_type"


def test_unknown_members_are_kept_and_not_evaluated() -> None:
    payload = measurement(colour="blue", context={"oxygen_l_min": 2, "posture": {"sitting": True}}, firmware={"a": [1, 2, {"b": None}]})
    assert element(payload).raw == payload
    assert reading(payload).digest == reading(measurement(context={"posture": {"sitting": True}, "oxygen_l_min": 2.0})).digest
    assert reading(payload).context == '{"oxygen_l_min":2,"posture":{"sitting":true}}'


def test_an_oxygen_flow_that_cannot_be_is_refused_alone() -> None:
    said = reading(measurement(context={"oxygen_l_min": 500, "rest": True}))
    assert said.oxygen_l_min is None
    assert [(one.code, one.reason) for one in said.refused] == [("oxygen_l_min", "impossible_value")]
    assert len(said.values) == 2


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "1e-999", "1." + "0" * 200 + "1", "1e99999999999999999999"])
def test_a_context_number_that_no_column_can_hold_is_refused(number: str) -> None:
    assert reason(measurement(context={"x": ["@"]}).replace(b'"@"', number.encode())) == "not_finite"


def test_a_source_gives_no_rights_and_is_any_text() -> None:
    assert reading(measurement(source="Ada's own app")).source == "Ada's own app"


def test_an_invalidation_is_read() -> None:
    said = invalidation(
        b'{"id": "%s", "patient": "%s", "invalidates": "%s", "reason": "wrong person on the scale"}'
        % (ID.encode(), EVA.encode(), EVA.encode())
    )
    assert (said.uplink, said.patient, said.invalidates) == (UUID(ID), UUID(EVA), UUID(EVA))
    assert (said.reason, said.received_at) == ("wrong person on the scale", RECEIVED)


@pytest.mark.parametrize(
    ("changes", "reason_expected"),
    [
        ({"reason": ABSENT}, "missing_field"),
        ({"id": ABSENT}, "missing_field"),
        ({"invalidates": "it"}, "bad_id"),
        ({"invalidates": None}, "wrong_type"),
        ({"id": "it"}, "bad_id"),
        ({"patient": "her"}, "bad_id"),
        ({"reason": 5}, "wrong_type"),
        ({"reason": "x" * 2001}, "bad_text"),
        ({"patient": 5}, "wrong_type"),
    ],
)
def test_a_faulty_invalidation_is_refused(changes: dict[str, object], reason_expected: str) -> None:
    whole = {"invalidates": EVA, "reason": "r", "taken_at": ABSENT, "values": ABSENT, "source": ABSENT}
    assert reason(measurement(**{**whole, **changes})) == reason_expected


def test_a_measurement_that_also_invalidates_is_refused_rather_than_half_read() -> None:
    assert reason(measurement(invalidates=EVA, reason="r")) == "malformed"
    assert reason(measurement(invalidates=EVA)) == "malformed"


@pytest.mark.parametrize("leaf", ["measurements", "answers", "gatt", "fhir", "seen", "status", "something-new"])
@pytest.mark.parametrize(
    "payload", [b"", b" ", b"{", b"nonsense", b'{"id": }', b"[{]", b'{"a": 1} {"b": 2}', b"\x00\x01\x02", b"[1, 2", b"'a'", b"{'id': 1}"]
)
def test_a_broken_payload_is_one_element_on_every_leaf(payload: bytes, leaf: str) -> None:
    assert reason(payload, leaf) == ("unknown_leaf" if leaf == "something-new" else "malformed")
    assert element(payload, leaf).id is None


def test_no_sentence_repeats_what_was_written() -> None:
    secret = "Ola Nordmann 01017012345"
    for payload in (
        measurement(note=secret * 100),
        measurement(note=[secret]),
        measurement(patient=secret),
        measurement(id=secret),
        measurement(device=secret * 3),
        measurement(values=[{"code": secret, "value": 1, "unit": "%"}]),
        measurement(values=[{"code": "spo2", "value": 1, "unit": secret}]),
        measurement(values=[{"code": "spo2", "value": secret, "unit": "%"}]),
        measurement(taken_at=secret),
        measurement(**{secret: float("nan")}),
        measurement(note=secret)[:-3],
    ):
        what = element(payload).what
        assert not isinstance(what, Reading)
        assert "Nordmann" not in str(what)
        assert "01017012345" not in str(what)


def test_the_position_in_an_array_and_the_exact_bytes_are_kept() -> None:
    parts = [measurement(id=ID), b'{ "x" : 1 }', measurement(id=EVA, note="b, [c] {d}")]
    found = elements(b" [ " + b" ,\n".join(parts) + b" ] ")
    assert [(one.position, one.raw) for one in found] == list(enumerate(parts))
    assert members()["id"] == found[0].id
