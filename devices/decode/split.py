"""An array's elements, each with exactly its own bytes, so that a bad one never takes a good one along."""

import re

import msgspec

from devices.decode import sent, tolerant
from devices.reading import Rejected

MOST = 500
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
_BLANK = b" \t\r\n"
Pieces = list[tuple[int | None, bytes]]


def split(payload: bytes) -> Pieces | Rejected:
    """(position, bytes) of every element; position is None if the payload is not an array. Rejected: the payload is one bad element."""
    if not payload.lstrip(_BLANK).startswith(b"["):
        return [(None, payload)]
    try:
        parts = [bytes(part) for part in sent.array(payload)]
    except (msgspec.MsgspecError, RecursionError):
        found = _slices(payload)
        if found is None or not all(map(tolerant.is_json, found)):
            return tolerant.read(payload).fault or Rejected("malformed", "The payload is not a JSON array.")
        parts = found
    if not parts:
        return Rejected("empty", "The array is empty.")
    if len(parts) > MOST:
        return Rejected("too_many", f"An array may hold at most {MOST} elements: send the rest in another.")
    return list(enumerate(parts))


def _slices(payload: bytes) -> list[bytes] | None:
    """Cut an array that is not quite JSON (NaN, too deep) at its own commas; None if its brackets do not close."""
    depth, start, parts = 0, 0, []
    for token in _TOKEN.finditer(payload):
        at = token.start()
        kind = payload[at]
        if kind in b"[{":
            depth += 1
            if depth == 1:
                start = at + 1
        elif kind in b"]}":
            depth -= 1
            if depth == 0:
                parts.append(payload[start:at].strip(_BLANK))
                return parts if not payload[at + 1 :].strip(_BLANK) else None
        elif kind == 0x2C and depth == 1:
            parts.append(payload[start:at].strip(_BLANK))
            start = at + 1
    return None
