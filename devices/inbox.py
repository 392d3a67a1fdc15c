"""The inbox: message identity. The sender's id is the key within the patient; what it meant is kept as a digest.

The caller has locked the patients, so nobody else writes these keys between `known` and `insert`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from devices.reading import Element, Invalidation, Reading
from dho.db import Tx
from dho.sql import queries

SQL = queries("devices")
Key = tuple[UUID, UUID]
_JSONB = b"\x01"  # version of jsonb's binary form
TYPES = "uuid uuid text bytea timestamptz timestamptz timestamptz text uuid text text bytea text bytea bytea bytea"
_encode = msgspec.json.Encoder().encode


class Row(Struct, frozen=True, gc=False):
    """One row of `inbox`. `gateway` is None where staff or an import entered it; `context` and `refused` are jsonb in its binary form."""

    patient: UUID
    uplink: UUID
    kind: str
    digest: bytes
    taken_at: datetime
    measured_at: datetime
    received_at: datetime
    gateway: str | None
    performer: UUID | None
    source: str | None
    device: str | None
    context: bytes | None
    note: str | None
    refused: bytes | None
    raw: bytes
    receipt: bytes


def look_up(tx: Tx, keys: Collection[Key]) -> tuple[dict[Key, bytes], set[Key]]:
    """Of these (patient, uplink), in one statement: the digests of those that were stored before, and those that an invalidation has taken
    out of what counts (perhaps before they came)."""
    known: dict[Key, bytes] = {}
    withdrawn: set[Key] = set()
    for patient, uplink, digest, is_withdrawn in tx.execute(SQL["known_uplinks"], _columns(keys)) if keys else ():
        if digest is not None:
            known[patient, uplink] = bytes(digest)
        if is_withdrawn:
            withdrawn.add((patient, uplink))
    return known, withdrawn


def known(tx: Tx, keys: Collection[Key]) -> dict[Key, bytes]:
    """The digests of those (patient, uplink) that were stored before."""
    return look_up(tx, keys)[0]


def row(element: Element, patient: UUID, receipt: bytes, performer: UUID | None = None) -> Row:
    """The inbox row of an element that is about to be stored."""
    what = element.what
    gateway = None if performer is not None else element.gateway or None
    if isinstance(what, Invalidation):
        at = what.received_at
        return Row(
            patient,
            what.uplink,
            "invalidation",
            what.digest,
            at,
            at,
            at,
            gateway,
            performer,
            None,
            None,
            None,
            None,
            None,
            element.raw,
            receipt,
        )
    assert isinstance(what, Reading)
    return Row(
        patient,
        what.uplink,
        "measurement" if what.questionnaire is None else "answers",
        what.digest,
        what.taken_at,
        what.measured_at,
        what.received_at,
        gateway,
        performer,
        what.source,
        what.device,
        None if what.context is None else _JSONB + what.context.encode(),
        what.note,
        _JSONB + _encode(what.refused) if what.refused else None,
        element.raw,
        receipt,
    )


def insert(tx: Tx, rows: Sequence[Row]) -> None:
    """Store identities; one that exists is an error, because `known` was asked under the patient's lock."""
    if rows:
        tx.copy(SQL["copy_inbox"], TYPES, map(msgspec.structs.astuple, rows))


def invalidate(tx: Tx, invalidations: Sequence[tuple[UUID, Element]]) -> None:
    """Take readings out of what counts. The reading need not be there yet; the first invalidation of a reading stays."""
    if not invalidations:
        return
    whats = [element.what for _, element in invalidations if isinstance(element.what, Invalidation)]
    tx.execute(
        SQL["insert_invalidations"],
        {
            "patients": [patient for patient, _ in invalidations],
            "uplinks": [what.invalidates for what in whats],
            "ats": [what.received_at for what in whats],
            "gateways": [element.gateway or None for _, element in invalidations],
            "reasons": [what.reason for what in whats],
        },
    )


def measured_at(tx: Tx, keys: Collection[Key]) -> dict[Key, datetime]:
    """When these readings were measured; one that has not come yet is left out."""
    if not keys:
        return {}
    found = tx.execute(SQL["measured_at"], _columns(keys))
    return {(patient, uplink): at for patient, uplink, at in found}


def _columns(keys: Collection[Key]) -> dict[str, str]:
    """The keys as two array literals: a fifth of what adapting a thousand UUIDs one by one costs."""
    return {
        "patients": "{" + ",".join([patient.hex for patient, _ in keys]) + "}",
        "uplinks": "{" + ",".join([uplink.hex for _, uplink in keys]) + "}",
    }
