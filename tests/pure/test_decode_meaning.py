"""The same id with the same meaning is a duplicate, with another meaning a conflict. What is meaning, and what is only spelling?"""

import json
from typing import Any

import pytest

from tests.pure.said import ABSENT, EVA, ID, PULSE, SPO2, invalidation, measurement, members, reading

BASE = reading(measurement(device="d", note="n", context={"oxygen_l_min": 2, "fasting": True})).digest


def digest(**changes: Any) -> bytes:
    return reading(measurement(**{"device": "d", "note": "n", "context": {"oxygen_l_min": 2, "fasting": True}, **changes})).digest


@pytest.mark.parametrize(
    "spelling",
    [
        {"values": [PULSE, SPO2]},
        {"values": [{**SPO2, "value": 92.0}, PULSE]},
        {"values": [{**SPO2, "code": "2708-6"}, {**PULSE, "code": "pulse"}]},
        {"values": [{"unit": "%", "value": 92, "code": "spo2", "sensor": 4}, PULSE]},
        {"taken_at": "2026-11-21T07:01:12.123Z"},
        {"taken_at": "2026-11-21T07:01:12.1230000004Z"},
        {"taken_at": "2026-11-21T02:01:12.123000-05:00"},
        {"context": {"fasting": True, "oxygen_l_min": 2.0}},
        {"id": ID.upper()},
        {"patient": EVA.upper()},
        {"patient": ABSENT},
        {"firmware": "2.0"},
    ],
    ids=str,
)
def test_another_spelling_means_the_same(spelling: dict[str, Any]) -> None:
    assert digest(**spelling) == BASE


@pytest.mark.parametrize(
    "change",
    [
        {"values": [SPO2]},
        {"values": [{**SPO2, "value": 92.1}, PULSE]},
        {"values": [{**SPO2, "value": 150}, PULSE]},
        {"values": [SPO2, {"code": "9279-1", "value": 71, "unit": "/min"}]},
        {"taken_at": "2026-11-21T08:01:12.124+01:00"},
        {"source": "patient"},
        {"source": ABSENT},
        {"device": "D"},
        {"device": ABSENT},
        {"note": "n "},
        {"note": ABSENT},
        {"note": ""},
        {"context": {"oxygen_l_min": 3, "fasting": True}},
        {"context": {"oxygen_l_min": 2, "fasting": False}},
        {"context": {"oxygen_l_min": 2, "fasting": 1}},
        {"context": {"oxygen_l_min": 2}},
        {"context": ABSENT},
        {"source": "d", "device": "device"},
    ],
    ids=str,
)
def test_another_fact_means_something_else(change: dict[str, Any]) -> None:
    assert digest(**change) != BASE


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"code": "glucose", "value": 180, "unit": "mg/dL"}, {"code": "15074-8", "value": 10, "unit": "mmol/L"}),
        ({"code": "temperature", "value": 98.6, "unit": "[degF]"}, {"code": "8310-5", "value": 37.0, "unit": "Cel"}),
        ({"code": "systolic", "value": 16, "unit": "kPa"}, {"code": "systolic", "value": 120, "unit": "mm[Hg]"}),
        ({"code": "weight", "value": 70000, "unit": "g"}, {"code": "weight", "value": 70.0, "unit": "kg"}),
    ],
)
def test_values_are_compared_in_canonical_units(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert digest(values=[one]) == digest(values=[other])


def test_impossible_values_are_part_of_what_was_meant() -> None:
    assert digest(values=[PULSE, {**SPO2, "value": 150}]) != digest(values=[PULSE, {**SPO2, "value": 151}])


def test_white_space_and_escapes_are_spelling() -> None:
    whole = members(note="blå måne")
    written = [
        json.dumps(whole),
        json.dumps(whole, ensure_ascii=False, indent=3),
        json.dumps(dict(reversed(whole.items())), separators=(",", ":")),
    ]
    assert len({reading(text.encode()).digest for text in written}) == 1


def test_an_invalidation_means_its_target_and_its_reason() -> None:
    def withdrawn(target: str, why: str, **others: str) -> bytes:
        return invalidation(json.dumps({"id": ID, "invalidates": target, "reason": why, **others}).encode()).digest

    assert withdrawn(EVA, "r") == withdrawn(EVA.upper(), "r", patient=EVA)
    assert len({withdrawn(EVA, "r"), withdrawn(ID, "r"), withdrawn(EVA, "s"), BASE}) == 4
