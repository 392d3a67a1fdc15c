"""When do two messages mean the same? A digest of what was said, blind to how it was written.

Blind to: order of keys and of values (each measurement comes once, so their order says nothing), `70` against `70.0`, two codes of one
measurement, units that convert to the same canonical value, the offset in which the instant was written, the case of ids, unknown
fields. `null` and absent are the same. The patient is not in it because identity is per patient: (patient, id) is the key.
"""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

_encode = msgspec.json.Encoder().encode


def plain(number: Decimal) -> str:
    """The one way to write a number: no exponent, no trailing zeros, no minus before zero. Exact, whatever its length."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def canonical(tree: Any) -> str:
    """JSON text of `tree` with keys in order and numbers written plainly. Numbers in it are int or Decimal."""
    if isinstance(tree, dict):
        return "{" + ",".join(f"{_text(key)}:{canonical(tree[key])}" for key in sorted(tree)) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(canonical, tree)) + "]"
    if isinstance(tree, bool) or tree is None:
        return {True: "true", False: "false", None: "null"}[tree]
    if isinstance(tree, int | Decimal):
        return plain(Decimal(tree))
    return _text(tree)


def _text(text: str) -> str:
    return _encode(text).decode()


def of_reading(
    taken_at: datetime, source: str | None, device: str | None, context: str | None, note: str | None, values: list[str]
) -> bytes:
    """Digest of a measurement; `values` are `<measurement>=<canonical value>` of every value sent, the refused ones too."""
    values.sort()
    return hashlib.blake2b(_encode(("measurement", taken_at, source, device, context, note, values)), digest_size=16).digest()


def of_answers(
    taken_at: datetime, source: str | None, questionnaire: str, version: int, note: str | None, answers: list[tuple[str, Decimal | str]]
) -> bytes:
    """Digest of a filled-in form: answers that are possible or not; skipped questions are absent."""
    said = sorted((question, canonical(value)) for question, value in answers)
    return hashlib.blake2b(_encode(("answers", taken_at, source, questionnaire, version, note, said)), digest_size=16).digest()


def of_invalidation(invalidates: UUID, reason: str) -> bytes:
    """Digest of an invalidation. Its kind is in it, so that an id used for both kinds is a conflict."""
    return hashlib.blake2b(_encode(("invalidation", invalidates, reason)), digest_size=16).digest()
