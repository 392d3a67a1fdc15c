"""The native form of the `measurements` uplink: a measurement or an invalidation.

The parser in `sent.py` reads exactly the right shape, fast. Whatever it does not read is refused, and `diagnosis.py` finds out why. So
there is one way in and no second opinion.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Raw

from devices.decode import meaning, sent
from devices.decode.diagnosis import diagnose
from devices.decode.instants import AHEAD_LIMIT, instant
from devices.decode.values import LONGEST_NUMBER, judge
from devices.reading import Invalidation, Reading, Refused, Rejected

LONGEST_NOTE = 2000
LONGEST_DEVICE = 64
MOST_OXYGEN = Decimal(100)  # L/min; high-flow devices end at 60
LARGEST_POWER = 300  # of ten, in a context number
_CONTEXTS_KEPT = 1024


Decoded = tuple[str | None, Reading | Invalidation | Rejected]


def decode_native(raw: bytes, received_at: datetime) -> Decoded:
    """One element: its id as sent, and what it says or why it cannot be taken."""
    try:
        return _decode(raw, received_at)
    except (sent.NotAcceptable, msgspec.MsgspecError, RecursionError):
        identifier, why = diagnose(raw)
    if isinstance(why, Rejected):
        return identifier, why
    try:
        return _decode(why, received_at)
    except (sent.NotAcceptable, msgspec.MsgspecError):
        return identifier, Rejected("malformed", "This is neither a measurement nor an invalidation.")


def _decode(raw: bytes, received_at: datetime) -> Decoded:
    sent.check_text(raw)
    try:
        said = sent.measurement(raw)
    except msgspec.ValidationError:
        withdrawn = sent.invalidation(raw)
        return withdrawn.id, _invalidation(withdrawn, received_at)
    return said.id, _reading(said, received_at)


def _reading(said: sent.SentMeasurement, received_at: datetime) -> Reading | Rejected:
    if said.invalidates is not sent.NOTHING:
        return Rejected("malformed", "An element is a measurement or an invalidation: send `values` and `invalidates` apart.")
    uplink, patient = uuid(said.id), uuid(said.patient) if said.patient is not None else None
    if uplink is None or (patient is None and said.patient is not None):
        return bad_id("/id" if uplink is None else "/patient")
    taken_at = instant(said.taken_at)
    if isinstance(taken_at, Rejected):
        return taken_at
    judged = judge(said.values)
    if isinstance(judged, Rejected):
        return judged
    if (fault := _too_long(said.note, said.device)) is not None:
        return fault
    context = _context(said.context)
    if isinstance(context, Rejected):
        return context
    suspect = taken_at - received_at > AHEAD_LIMIT
    return Reading(
        uplink,
        patient,
        taken_at,
        received_at if suspect else taken_at,
        received_at,
        suspect,
        judged.values,
        judged.refused + context.refused if context.refused else judged.refused,
        said.device,
        said.source,
        context.text,
        context.oxygen_l_min,
        said.note,
        meaning.of_reading(taken_at, said.source, said.device, context.text, said.note, judged.meaning),
        _arrived(said.arrived),
    )


def _invalidation(said: sent.SentInvalidation, received_at: datetime) -> Invalidation | Rejected:
    if said.values is not sent.NOTHING:
        return Rejected("malformed", "An element is a measurement or an invalidation: send `values` and `invalidates` apart.")
    uplink, patient = uuid(said.id), uuid(said.patient) if said.patient is not None else None
    invalidates = uuid(said.invalidates)
    if uplink is None or invalidates is None or (patient is None and said.patient is not None):
        return bad_id("/id" if uplink is None else "/invalidates" if invalidates is None else "/patient")
    if (fault := _too_long(said.reason, None, "/reason")) is not None:
        return fault
    digest = meaning.of_invalidation(invalidates, said.reason)
    return Invalidation(uplink, patient, invalidates, said.reason, received_at, digest, _arrived(said.arrived))


def uuid(text: str) -> UUID | None:
    """A UUID in the form of RFC 9562 (8-4-4-4-12 hexadecimal digits, any version, any case), or None."""
    if len(text) != 36:
        return None
    try:
        return msgspec.convert(text, UUID)
    except (msgspec.ValidationError, UnicodeError):
        return None


def bad_id(pointer: str) -> Rejected:
    """An id that is not a UUID."""
    return Rejected("bad_id", f"{pointer} must be a UUID, like 018f2c1e-7b7a-7c3e-9f53-0242ac120002.")


def _too_long(note: str | None, device: str | None, pointer: str = "/note") -> Rejected | None:
    if note is not None and len(note) > LONGEST_NOTE:
        return Rejected("bad_text", f"{pointer} may have at most {LONGEST_NOTE} characters.")
    if device is not None and len(device) > LONGEST_DEVICE:
        return Rejected("bad_text", f"/device may have at most {LONGEST_DEVICE} characters.")
    return None


def _arrived(said: Raw) -> str | None:
    if said is sent.NOTHING:
        return None
    text = msgspec.json.decode(said)
    return text if isinstance(text, str) else None


class _Context(NamedTuple):
    text: str | None
    oxygen_l_min: Decimal | None
    refused: tuple[Refused, ...] = ()


_NO_CONTEXT = _Context(None, None)
_tree = msgspec.json.Decoder(float_hook=Decimal).decode
_contexts: dict[bytes, _Context | Rejected] = {}


def _context(said: Raw) -> _Context | Rejected:
    """`context` in canonical form. Devices send the same few over and over, so the newest are kept by their bytes."""
    if said is sent.NOTHING:
        return _NO_CONTEXT
    raw = bytes(said)
    found = _contexts.get(raw)
    if found is None:
        found = _read_context(raw)
        if len(_contexts) >= _CONTEXTS_KEPT:
            _contexts.clear()
        if len(raw) < 200:
            _contexts[raw] = found
    return found


def _read_context(raw: bytes) -> _Context | Rejected:
    if raw == b"null":
        return _NO_CONTEXT
    if not raw.startswith(b"{"):
        return Rejected("wrong_type", "/context must be an object.")
    whole = _numbers_as_sent(raw)
    if isinstance(whole, Rejected):
        return whole
    oxygen = whole.get("oxygen_l_min")
    if oxygen is None:
        return _Context(meaning.canonical(whole), None)
    if isinstance(oxygen, bool) or not isinstance(oxygen, int | Decimal):
        return Rejected("wrong_type", "/context/oxygen_l_min must be a JSON number (litres a minute).")
    if not 0 <= oxygen <= MOST_OXYGEN:
        refused = Refused("oxygen_l_min", "impossible_value", f"context.oxygen_l_min must be from 0 to {MOST_OXYGEN} L/min.")
        return _Context(meaning.canonical(whole), None, (refused,))
    return _Context(meaning.canonical(whole), Decimal(oxygen))


def _numbers_as_sent(raw: bytes) -> dict[str, Any] | Rejected:
    """The context as a tree with exact numbers; numbers that no column can hold are refused."""
    too_much = Rejected("not_finite", f"/context holds a number that is too large, or longer than {LONGEST_NUMBER} characters.")
    try:
        tree: dict[str, Any] = _tree(raw)
    except (ValueError, ArithmeticError):
        return too_much
    waiting: list[Any] = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, int | Decimal) and _is_too_much(Decimal(part)):
            return too_much
    return tree


def _is_too_much(number: Decimal) -> bool:
    return abs(number.adjusted()) > LARGEST_POWER or len(number.as_tuple().digits) > LONGEST_NUMBER
