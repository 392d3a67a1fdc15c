"""Receipts: what the sender is told about each element, after the commit. Absent means absent, never null (but for `"id":null`).

Until its receipt has come, the tablet keeps a measurement and sends it again.
"""

import hashlib
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from devices.reading import Element, Reading, Refused, Rejected

LONGEST_DETAIL = 300


class Receipt(NamedTuple):
    """One receipt on its way to a gateway. `body` is JSON."""

    gateway: str
    body: bytes
    status: str
    reason: str | None


class Attention(Struct, frozen=True):
    """Who looks, and when: whether the centre is open, when it is staffed next, and whether an alert of the patient is open."""

    open: bool
    next_staffed_at: datetime | UnsetType
    alert_open: bool


class RefusedValue(Struct, frozen=True):
    """One value that was refused alone."""

    code: str
    reason: str
    detail: str


class Body(Struct, frozen=True):
    """The members of a receipt, in the contract's order."""

    id: str | None
    payload_sha256: str | UnsetType
    index: int | UnsetType
    patient: UUID | UnsetType
    status: str
    reason: str | UnsetType
    detail: str | UnsetType
    refused: list[RefusedValue] | UnsetType
    zone: str | UnsetType
    advice: str | UnsetType
    repeat_in_s: int | UnsetType
    late: bool | UnsetType
    clock_suspect: bool | UnsetType
    attention: Attention | UnsetType
    received_at: datetime


_encode = msgspec.json.Encoder().encode


def accepted(
    element: Element,
    patient: UUID,
    attention: Attention,
    *,
    duplicate: bool = False,
    zone: str | None = None,
    advice: str | None = None,
    repeat_in_s: int | None = None,
    late: bool = False,
) -> bytes:
    """The receipt of an element that is stored, now or (`duplicate`) before. `zone` is the patient's after the commit, None without an
    active plan; `repeat_in_s` asks for a repeat within so many seconds."""
    what = element.what
    reading = what if isinstance(what, Reading) else None
    return _encode(
        Body(
            element.id,
            UNSET,
            UNSET if element.position is None else element.position,
            patient,
            "duplicate" if duplicate else "stored",
            UNSET,
            UNSET,
            _refused(reading.refused) if reading and reading.refused else UNSET,
            zone or UNSET,
            advice or UNSET,
            UNSET if repeat_in_s is None else repeat_in_s,
            late or UNSET,
            True if reading and reading.clock_suspect else UNSET,
            attention,
            element.received_at,
        )
    )


def rejected(element: Element, why: Rejected, attention: Attention | None = None, patient: UUID | None = None) -> bytes:
    """The receipt of an element in quarantine. Without a readable id it names the whole payload by its SHA-256. `patient` only where
    the element was attributed before it was refused (`id_conflict`)."""
    return _encode(
        Body(
            element.id,
            UNSET if element.id is not None else hashlib.sha256(element.message.payload).hexdigest(),
            UNSET if element.position is None else element.position,
            patient or UNSET,
            "rejected",
            why.reason,
            why.detail[:LONGEST_DETAIL],
            _refused(why.refused) if why.refused else UNSET,
            UNSET,
            UNSET,
            UNSET,
            UNSET,
            UNSET,
            attention or UNSET,
            element.received_at,
        )
    )


def _refused(refused: tuple[Refused, ...]) -> list[RefusedValue]:
    return [RefusedValue(one.code, one.reason, one.detail) for one in refused]
