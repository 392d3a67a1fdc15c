"""A receipt says what became of an element, in the contract's words; absent means absent."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import UNSET

from devices.reading import Rejected
from devices.receipts import Attention, accepted, rejected
from tests.pure.said import EVA, ID, PULSE, RECEIVED, SPO2, element, elements, measurement

OPEN = Attention(True, UNSET, False)
CLOSED = Attention(False, datetime(2026, 11, 23, 7, 0, tzinfo=UTC), True)
ORDER = [
    "id",
    "payload_sha256",
    "index",
    "patient",
    "status",
    "reason",
    "detail",
    "refused",
    "zone",
    "advice",
    "repeat_in_s",
    "late",
    "clock_suspect",
]
ORDER += ["attention", "received_at"]


def read(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(body)
    assert list(found) == [name for name in ORDER if name in found]
    assert [name for name, value in found.items() if value is None and name != "id"] == []
    return found


def test_the_least_that_a_stored_element_is_told() -> None:
    assert read(accepted(element(measurement()), UUID(EVA), OPEN)) == {
        "id": ID,
        "patient": EVA,
        "status": "stored",
        "attention": {"open": True, "alert_open": False},
        "received_at": "2026-11-21T07:02:00Z",
    }


def test_all_that_a_stored_element_can_be_told() -> None:
    ahead = measurement(taken_at="2026-11-21T08:01:12Z", values=[{**SPO2, "value": 150}, PULSE])
    one = elements(b"[" + ahead + b"]")[0]
    found = read(accepted(one, UUID(EVA), CLOSED, zone="yellow", advice="Ring oss.", repeat_in_s=300, late=True))
    assert list(found) == [name for name in ORDER if name not in ("payload_sha256", "reason", "detail")]
    assert found["index"] == 0
    assert found["refused"] == [{"code": "59408-5", "reason": "impossible_value", "detail": "spo2 must be from 50 to 100 %."}]
    assert (found["zone"], found["advice"], found["repeat_in_s"]) == ("yellow", "Ring oss.", 300)
    assert found["late"] is found["clock_suspect"] is True
    assert found["attention"] == {"open": False, "next_staffed_at": "2026-11-23T07:00:00Z", "alert_open": True}


def test_a_duplicate_is_told_so() -> None:
    found = read(accepted(element(measurement(id=ID.upper())), UUID(EVA), OPEN, duplicate=True, zone="green"))
    assert (found["id"], found["status"], found["zone"]) == (ID.upper(), "duplicate", "green")


def test_a_refused_element_is_told_why_and_nothing_of_the_patient() -> None:
    one = element(measurement(values=[{**SPO2, "unit": "kg"}]))
    assert isinstance(one.what, Rejected)
    found = read(rejected(one, one.what))
    assert list(found) == ["id", "status", "reason", "detail", "received_at"]
    assert (found["id"], found["status"], found["reason"]) == (ID, "rejected", "unit_mismatch")


def test_without_a_readable_id_the_payload_is_named_by_its_hash() -> None:
    payload = b"[" + measurement() + b", 5]"
    one = elements(payload)[1]
    assert isinstance(one.what, Rejected)
    found = read(rejected(one, one.what))
    assert found["id"] is None
    assert found["payload_sha256"] == hashlib.sha256(payload).hexdigest()
    assert found["index"] == 1


def test_an_id_that_is_no_uuid_is_echoed_cut() -> None:
    one = element(measurement(id="é" * 80))
    assert isinstance(one.what, Rejected)
    found = read(rejected(one, one.what))
    assert found["id"] == "é" * 64
    assert "payload_sha256" not in found


def test_a_conflict_is_told_with_the_patient_it_was_attributed_to() -> None:
    found = read(rejected(element(measurement()), Rejected("id_conflict", "Used before."), OPEN, UUID(EVA)))
    assert (found["patient"], found["reason"], found["attention"]["open"]) == (EVA, "id_conflict", True)


def test_a_long_sentence_is_cut() -> None:
    assert len(read(rejected(element(measurement()), Rejected("malformed", "x" * 5000)))["detail"]) == 300


def test_the_arrival_is_told_to_the_microsecond_in_utc() -> None:
    at = RECEIVED.replace(microsecond=123456)
    assert read(accepted(element(measurement(), received_at=at), UUID(EVA), OPEN))["received_at"] == "2026-11-21T07:02:00.123456Z"
