"""What a tablet says, with defaults, so that a test shows only what it is about."""

import json
from datetime import UTC, datetime
from typing import Any

from devices.decode import Element, decode
from devices.message import Message
from devices.reading import Invalidation, Reading, Rejected

RECEIVED = datetime(2026, 11, 21, 7, 2, tzinfo=UTC)
ID = "018f2c1e-7b7a-7c3e-9f53-0242ac120002"
EVA = "018e2c1e-7b7a-7c3e-9f53-0242ac120003"
SPO2 = {"code": "59408-5", "value": 92, "unit": "%"}
PULSE = {"code": "8867-4", "value": 71, "unit": "/min"}
ABSENT = object()


def members(**changes: Any) -> dict[str, Any]:
    """The members of a measurement; `ABSENT` leaves one out."""
    whole = {"id": ID, "patient": EVA, "taken_at": "2026-11-21T08:01:12.123+01:00", "source": "device", "values": [SPO2, PULSE], **changes}
    return {name: value for name, value in whole.items() if value is not ABSENT}


def measurement(**changes: Any) -> bytes:
    """A measurement as a tablet writes it."""
    return json.dumps(members(**changes), ensure_ascii=False).encode()


def with_value(text: str, code: str = "59408-5", unit: str = "%") -> bytes:
    """A measurement of one value, whose JSON text is exactly `text`."""
    return measurement(values=["@"]).replace(
        b'"@"', b'{"code": "%s", "value": %s, "unit": "%s"}' % (code.encode(), text.encode(), unit.encode())
    )


def message(payload: bytes, leaf: str = "measurements", *, retain: bool = False, received_at: datetime = RECEIVED) -> Message:
    """The message that carries it."""
    return Message(f"dho/v1/tablet/{leaf}", payload, "tablet", leaf, 1, retain, received_at, 1, 1)


def elements(payload: bytes, leaf: str = "measurements", **how: Any) -> list[Element]:
    """All elements of a payload."""
    return decode(message(payload, leaf, **how))


def element(payload: bytes, leaf: str = "measurements", **how: Any) -> Element:
    """The one element of a payload."""
    (one,) = elements(payload, leaf, **how)
    return one


def reading(payload: bytes, **how: Any) -> Reading:
    """The reading that a payload must be."""
    what = element(payload, **how).what
    assert isinstance(what, Reading), what
    return what


def invalidation(payload: bytes) -> Invalidation:
    """The invalidation that a payload must be."""
    what = element(payload).what
    assert isinstance(what, Invalidation), what
    return what


def refusal(payload: bytes, leaf: str = "measurements", **how: Any) -> Rejected:
    """Why a payload must be refused; the sentence is there and is one."""
    what = element(payload, leaf, **how).what
    assert isinstance(what, Rejected), what
    assert what.detail.endswith(".")
    return what


def reason(payload: bytes, leaf: str = "measurements", **how: Any) -> str:
    """The reason of a refusal."""
    return refusal(payload, leaf, **how).reason
