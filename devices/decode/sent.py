"""The shape of what a gateway sends, and the parser that reads exactly that shape and nothing else.

What it accepts is of the right shape; why it refused something is found out by `diagnosis.py`, slowly. Numbers stay text (`Raw`), so
that `36.60` is not turned into a float on its way.
"""

import re

import msgspec
from msgspec import Raw, Struct, field

NOTHING = Raw()
_NUL_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # matches an unterminated one too: never looks at a byte twice
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
DEEPEST = 16


class SentValue(Struct, gc=False):
    """One of `values`."""

    code: str
    value: Raw
    unit: str


class SentMeasurement(Struct):
    """A measurement as it was sent; `context` and `invalidates` are empty when absent."""

    id: str
    taken_at: str
    values: list[SentValue]
    patient: str | None = None
    device: str | None = None
    source: str | None = None
    context: Raw = NOTHING
    note: str | None = None
    invalidates: Raw = NOTHING
    arrived: Raw = field(default=NOTHING, name="x-arrived-at")


class SentInvalidation(Struct):
    """An invalidation as it was sent."""

    id: str
    invalidates: str
    reason: str
    patient: str | None = None
    values: Raw = NOTHING
    arrived: Raw = field(default=NOTHING, name="x-arrived-at")


class Sender(Struct):
    """The one member that every kind of element has."""

    id: Raw = NOTHING


class NotAcceptable(Exception):
    """The bytes are not text, or nested too deep, or not of the shape: `diagnosis.py` says which."""


measurement = msgspec.json.Decoder(SentMeasurement).decode
invalidation = msgspec.json.Decoder(SentInvalidation).decode
sender = msgspec.json.Decoder(Sender).decode
array = msgspec.json.Decoder(list[Raw]).decode


def check_text(raw: bytes) -> None:
    """What the parser lets pass inside members that it skips: bytes that are not UTF-8, U+0000, and depth. Raises NotAcceptable."""
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            raise NotAcceptable from None
    if b"\\" in raw and _NUL_ESCAPE.search(raw):
        raise NotAcceptable
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and deeper_than(raw, DEEPEST):
        raise NotAcceptable


def deeper_than(raw: bytes, levels: int) -> bool:
    """Whether objects and arrays stand inside each other more than `levels` deep. Costs the same whatever the bytes are."""
    left = _STRING.sub(b"", raw).translate(_ONE_KIND, _NOT_BRACKETS)
    for _ in range(levels):
        left = left.replace(b"[]", b"")
    return b"[]" in left or left.count(b"[") > levels  # what is merely not closed is not deep
