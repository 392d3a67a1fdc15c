"""Where a list goes on: an opaque word that holds the last row's sort key, so that rows added meanwhile shift nothing."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Any

from dho.errors import Fault, Invalid


def write_cursor(of: str, *key: object) -> str:
    """The cursor after the row with this sort key, in the list named `of`."""
    return base64.urlsafe_b64encode(json.dumps([of, *map(str, key)], separators=(",", ":")).encode()).decode().rstrip("=")


def read_cursor(of: str, cursor: str | None, kinds: Sequence[Callable[[str], Any]]) -> list[Any] | None:
    """The sort key in a cursor, each part read by its kind; None without a cursor. Raises `Invalid` for one that we did not write."""
    if cursor is None:
        return None
    try:
        name, *parts = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if name != of:
            raise ValueError("a cursor of another list")
        return [kind(part) for kind, part in zip(kinds, parts, strict=True)]
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error):
        refusal = "This cursor is not from this list; begin without one."
        raise Invalid(refusal, (Fault("/query/cursor", "bad_cursor", refusal),)) from None
