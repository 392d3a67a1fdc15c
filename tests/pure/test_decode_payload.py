"""Payloads: size, arrays, text, depth, and what is refused before anybody looks inside."""

import json
import time

import pytest

from devices.reading import Ignored, Reading, Rejected, Seen, Status
from tests.pure.said import EVA, ID, RECEIVED, SPO2, element, elements, measurement, reading, reason, refusal, with_value

LARGEST = 65_536
BOM = b"\xef\xbb\xbf"


def padded(size: int) -> bytes:
    start = measurement()[:-1] + b', "padding": "'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def reasons(payload: bytes, leaf: str = "measurements", **how: bool) -> list[str]:
    """What became of each element, in order: its reason, or `taken`."""
    return [what.reason if isinstance(what := one.what, Rejected) else "taken" for one in elements(payload, leaf, **how)]


def array(*parts: bytes) -> bytes:
    return b"[" + b",".join(parts) + b"]"


def test_65536_bytes_are_taken_and_one_more_is_too_large() -> None:
    assert len(padded(LARGEST)) == LARGEST
    assert isinstance(element(padded(LARGEST)).what, Reading)
    assert reason(padded(LARGEST + 1)) == "too_large"
    assert reason(padded(1_000_000)) == "too_large"


def test_the_id_of_a_too_large_object_is_still_read_and_all_its_bytes_are_kept() -> None:
    one = element(padded(200_000))
    assert one.id == ID
    assert len(one.raw) == 200_000


def test_one_to_500_elements_stand_for_themselves() -> None:
    small = b'{"id":"%s"}' % ID.encode()
    assert reasons(array(*[small] * 500)) == ["missing_field"] * 500
    assert reasons(array(*[small] * 501)) == ["too_many"]
    assert element(array(*[small] * 501)).position is None
    assert reasons(b"[]") == reasons(b" [ \n] ") == ["empty"]


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (b"5", "wrong_type"),
        (b"[]", "wrong_type"),
        (b"null", "wrong_type"),
        (b"{}", "missing_field"),
        (with_value("NaN"), "not_finite"),
        (with_value("-Infinity"), "not_finite"),
        (measurement(note="x").replace(b'"x"', b'"\\ud800"'), "bad_text"),
        (measurement(note="x").replace(b'"x"', b'"\\u0000"'), "bad_text"),
        (measurement(note="x").replace(b'"x"', b'"\xff"'), "bad_text"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "malformed"),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, "malformed"),
    ],
)
def test_a_bad_element_never_takes_a_good_one_along(bad: bytes, expected: str) -> None:
    good = measurement(note='a "quoted" [note], {braces}')
    assert reasons(array(good, bad, good)) == ["taken", expected, "taken"]
    assert [one.raw for one in elements(array(good, bad, good))] == [good, bad, good]


@pytest.mark.parametrize("broken", [b'{"id": }', b"{", b'{"a": 1', b'"', b"nonsense", b"", b"1 2", b"}"])
def test_an_array_that_is_no_json_is_one_broken_payload(broken: bytes) -> None:
    assert reasons(array(measurement(), broken, measurement())) == ["malformed"]


@pytest.mark.parametrize("levels", [1, 14, 15])
def test_sixteen_levels_are_read(levels: int) -> None:
    assert isinstance(element(measurement(x="@").replace(b'"@"', b"[" * levels + b"]" * levels)).what, Reading)


@pytest.mark.parametrize("levels", [16, 17, 100, 2000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_more_levels_are_refused(levels: int, opening: bytes, closing: bytes) -> None:
    levels = min(levels, 60_000 // len(opening + closing))
    payload = measurement(x="@").replace(b'"@"', opening * levels + b"1" + closing * levels)
    why = refusal(payload)
    assert why.reason == "malformed"
    assert "16" in why.detail


def test_brackets_in_text_are_no_depth() -> None:
    assert reading(measurement(note="[" * 100 + '\\"{' * 30)).note == "[" * 100 + '\\"{' * 30


def test_many_siblings_are_no_depth() -> None:
    assert isinstance(element(measurement(x=[[] for _ in range(100)], y=[{"a": [{}]}] * 50)).what, Reading)


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 65_000,
        b"[" * 32_000 + b"]" * 32_000,
        b'{"a":' * 10_000,
        b'"' + b'\\"' * 32_000,
        b'[{"a":"' + b'\\"' * 32_000,
        b"[" + b'{"a":NaN},' * 6_000 + b"1]",
        b"[" + b"[" * 30_000 + b"]" * 30_000 + b",1]",
        b"\\" * 65_000,
        b'{"n":' + b"9" * 65_000 + b"}",
        b'{"n":0.' + b"9" * 65_000 + b"}",
        with_value("9" * 64_000),
        with_value("0." + "9" * 64_000, "weight", "[lb_av]"),
    ],
    ids=lambda p: repr(p[:12]),
)
def test_no_payload_costs_more_than_a_blink(payload: bytes) -> None:
    assert len(payload) <= LARGEST
    before = time.process_time()
    elements(payload)
    assert time.process_time() - before < 0.25


@pytest.mark.parametrize(
    "payload",
    [
        BOM + measurement(),
        measurement(note="x").replace(b'"x"', b'"\xff\xfe"'),
        measurement(note="x").replace(b'"x"', b'"\xed\xa0\x80"'),
        measurement(note="x").replace(b'"x"', b'"\\ud800"'),
        measurement(note="x").replace(b'"x"', b'"a\\udfffb"'),
        measurement(note="x").replace(b'"x"', b'"\\u0000"'),
        measurement(note="x").replace(b'"x"', b'"\\\\\\u0000"'),
        measurement(note="x").replace(b'"x"', b'"\0"'),
        measurement(unknown="x").replace(b'"x"', b'"\\u0000"'),
        measurement(unknown="x").replace(b'"x"', b'"\\udc00"'),
        measurement(unknown="x").replace(b'"x"', b'"\xc3"'),
        measurement(unknown="x").replace(b'"unknown"', b'"a\\u0000"'),
        measurement(context={"x": "y"}).replace(b'"y"', b'"\\u0000"'),
    ],
)
def test_wrong_text_is_refused_wherever_it_stands_and_the_id_is_echoed(payload: bytes) -> None:
    assert reason(payload) == "bad_text"
    assert element(payload).id == ID


def test_any_other_text_is_stored_as_sent() -> None:
    note = "<script>'; DROP TABLE inbox; -- ÆØÅ 日本 😀 \\u0000 \x7f\n\t‮"
    assert reading(measurement(note=note)).note == note
    assert reading(json.dumps(json.loads(measurement(note=note))).encode()).note == note


@pytest.mark.parametrize(("name", "longest"), [("note", 2000), ("device", 64)])
def test_text_may_be_so_long_and_no_longer(name: str, longest: int) -> None:
    assert isinstance(element(measurement(**{name: "æ" * longest})).what, Reading)
    assert isinstance(element(measurement(**{name: "😀" * longest})).what, Reading)
    assert reason(measurement(**{name: "æ" * (longest + 1)})) == "bad_text"


def test_a_retained_publish_is_refused_element_by_element() -> None:
    assert reasons(measurement(), retain=True) == ["retained"]
    assert element(measurement(), retain=True).id == ID
    assert reasons(array(measurement(), measurement()), retain=True) == ["retained", "retained"]
    for leaf in ("answers", "fhir", "gatt", "seen"):
        assert reasons(b'{"id": "x"}', leaf, retain=True) == ["retained"]


@pytest.mark.parametrize("leaf", ["measurements", "answers", "fhir", "gatt", "seen", "status", "something-new"])
def test_an_empty_retained_payload_is_ignored_and_not_counted_as_received(leaf: str) -> None:
    one = element(b"", leaf, retain=True)
    assert one.what == Ignored("empty_retained")
    assert not one.counted


def test_an_unknown_leaf_is_one_element_whatever_it_holds() -> None:
    for payload in (b"\xff\x00", array(measurement(), measurement()), b""):
        assert reasons(payload, "measurement") == ["unknown_leaf"]
    assert element(measurement(), "Measurements").id == ID
    assert element(measurement(), "Measurements").counted


@pytest.mark.parametrize("leaf", ["gatt", "fhir"])
def test_what_cannot_be_read_yet_is_kept_and_answered_by_its_id(leaf: str) -> None:
    assert reason(b'{"id": "%s"}' % ID.encode(), leaf) == "not_supported"
    assert element(b'{"id": "%s"}' % ID.encode(), leaf).id == ID
    assert reasons(array(b'{"id": "a"}', b"5", b'{"id": "b"}'), leaf) == ["not_supported", "wrong_type", "not_supported"]
    assert element(b'{"id": "%s"}' % ID.encode(), leaf).counted


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"resourceType": "Observation", "id": "o1", "identifier": [{"value": "A-1"}, {"value": "urn:uuid:" + EVA}]}, EVA),
        ({"resourceType": "Observation", "id": ID, "identifier": [{"value": EVA}, {"value": ID}]}, EVA),
        ({"resourceType": "QuestionnaireResponse", "id": ID, "identifier": {"value": EVA}}, EVA),
        ({"resourceType": "Observation", "id": ID, "identifier": [{"value": 7}, "x", None]}, ID),
        ({"resourceType": "Observation", "id": "o1"}, None),
        ({"resourceType": "Observation"}, None),
    ],
)
def test_a_fhir_resource_is_answered_by_its_identifier(resource: dict[str, object], expected: str | None) -> None:
    assert element(json.dumps(resource).encode(), "fhir").id == expected


def test_a_gateway_says_how_it_is() -> None:
    what = element(
        b'{"state":"online","battery":0.8,"app":"1.4.2","clock":"2026-11-21T08:01:12+01:00","new":1}', "status", retain=True
    ).what
    assert isinstance(what, Status)
    assert (what.state, what.battery, what.app, what.received_at) == ("online", 0.8, "1.4.2", RECEIVED)
    assert element(b'{"state":"offline"}', "status").what == Status("offline", RECEIVED)


@pytest.mark.parametrize(
    "payload",
    [
        b"{}",
        b"[]",
        b"5",
        b'{"state":"on"}',
        b'{"state":1}',
        b'{"state":"online","battery":80}',
        b'{"state":"online","battery":-0.1}',
        b'{"state":"online","battery":"0.8"}',
        b'{"state":"online","battery":NaN}',
        b'{"state":"online","battery":1e999}',
        b'{"state":"online","app":5}',
        b'{"state":"online","app":"%s"}' % (b"x" * 65),
        b'{"state":"online","clock":"now"}',
        b'{"state":"online","app":"\\u0000"}',
        b'[{"state":"online"}]',
        b"x" * 70_000,
    ],
    ids=lambda p: repr(p[:30]),
)
def test_a_bad_status_is_quarantined_but_neither_counted_nor_answered(payload: bytes) -> None:
    (one,) = elements(payload, "status", retain=True)
    assert isinstance(one.what, Rejected)
    assert not one.counted


def test_a_message_was_read() -> None:
    one = element(b'{"id":"%s","message":"%s","at":"2026-11-21T08:01:12+01:00"}' % (ID.encode(), EVA.encode()), "seen")
    assert isinstance(one.what, Seen)
    assert str(one.what.message) == EVA
    assert not one.counted
    assert reason(b'{"id":"%s","message":"it","at":"2026-11-21T08:01:12Z"}' % ID.encode(), "seen") == "bad_id"
    assert reason(b'{"id":"%s","message":"%s","at":"2026-11-21T08:01:12"}' % (ID.encode(), EVA.encode()), "seen") == "no_offset"


def test_a_refusal_in_an_array_says_nothing_of_its_neighbours() -> None:
    good, bad = elements(array(measurement(), measurement(id=EVA, values=[{**SPO2, "unit": "kg"}])))
    assert isinstance(good.what, Reading)
    assert (bad.id, bad.position) == (EVA, 1)


def test_an_object_that_is_not_closed_is_called_that_and_not_deep() -> None:
    why = element(b'{"id": "x", bad').what
    assert isinstance(why, Rejected)
    assert why.reason == "malformed"
    assert "deep" not in why.detail


def test_bytes_that_are_no_text_at_all_are_called_that() -> None:
    assert reason(b"\xff\xfe nothing at all") == "bad_text"
