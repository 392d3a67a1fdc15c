"""A tolerant second look at bytes that were not taken: it only names the reason of a refusal, it never takes anything in.

Slow beside the parser, but bounded: a payload has at most 65 536 bytes, and depth is measured before anything recurses.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from devices.decode import sent
from devices.reading import Rejected

LONGEST_ECHO = 64


class Number(str):
    """A JSON number, as its text."""

    __slots__ = ()


class NotFinite(str):
    """`NaN`, `Infinity` or `-Infinity` where a number should stand: not JSON, but many programs write it."""

    __slots__ = ()


class Found(NamedTuple):
    """What could be read: the tree, the id in it, and what is wrong with the bytes as text or as JSON."""

    tree: Any
    id: str | None
    fault: Rejected | None


def read(raw: bytes) -> Found:
    """Read as much as can be read. `tree` is None where `fault` is `malformed`."""
    if sent.deeper_than(raw, sent.DEEPEST):
        return Found(
            None, readable_id(raw), Rejected("malformed", f"Objects and arrays may stand inside each other at most {sent.DEEPEST} deep.")
        )
    text, broken_text = _text(raw)
    try:
        tree = _parse(text, strict=True)
    except json.JSONDecodeError as error:
        return _not_json(text, error) if broken_text is None else Found(None, None, broken_text)
    identifier = echo(tree.get("id")) if isinstance(tree, dict) else None
    if broken_text is None:
        broken_text = next((fault for part in _parts(tree) if (fault := _fault_of_text(part))), None)
    return Found(tree, identifier, broken_text)


def is_json(raw: bytes) -> bool:
    """Whether this could be one element, if one overlooks NaN, wrong text and depth."""
    if sent.deeper_than(raw, sent.DEEPEST):
        return True
    try:
        _parse(_text(raw)[0], strict=False)
    except json.JSONDecodeError:
        return False
    return True


def written_once(tree: Any) -> bytes:
    """A tree as JSON again, each key once: of a doubled key the last was kept."""
    if isinstance(tree, Number):
        return tree.encode()
    if isinstance(tree, dict):
        return b"{" + b",".join(msgspec.json.encode(key) + b":" + written_once(value) for key, value in tree.items()) + b"}"
    if isinstance(tree, list):
        return b"[" + b",".join(map(written_once, tree)) + b"]"
    return msgspec.json.encode(tree)


def readable_id(raw: bytes) -> str | None:
    """The id of one object that is nested too deep, or too large, to be looked at."""
    try:
        return echo(msgspec.json.decode(sent.sender(raw).id))
    except (ValueError, RecursionError):  # not JSON, or not UTF-8
        return None


def echo(identifier: object) -> str | None:
    """A sender's id as it may be sent back: cut at 64 characters, and always text that can be written. None if it is no string."""
    if type(identifier) is not str:
        return None
    return identifier[:LONGEST_ECHO].encode("utf-8", "replace").decode()


def _text(raw: bytes) -> tuple[str, Rejected | None]:
    try:
        text, fault = raw.decode(), None
    except UnicodeDecodeError as error:
        text, fault = raw.decode("utf-8", "replace"), Rejected("bad_text", f"The bytes are not UTF-8 from byte {error.start} on.")
    if text.startswith("\ufeff"):
        return text[1:], Rejected("bad_text", "The payload begins with a byte order mark (BOM): send UTF-8 without it.")
    return text, fault


def _parse(text: str, *, strict: bool) -> Any:
    return json.loads(text, strict=strict, parse_float=Number, parse_int=Number, parse_constant=NotFinite)


def _not_json(text: str, error: json.JSONDecodeError) -> Found:
    """Not JSON; unless it is only U+0000 standing raw in a string, which is wrong text rather than wrong JSON."""
    if "\0" in text:
        try:
            tree = _parse(text, strict=False)
        except json.JSONDecodeError:
            pass
        else:
            fault = next((fault for part in _parts(tree) if (fault := _fault_of_text(part))), None)
            return Found(tree, echo(tree.get("id")) if isinstance(tree, dict) else None, fault)
    what = "The payload is empty." if not text else f"This is not JSON: {error.msg} at character {error.pos}."
    return Found(None, None, Rejected("malformed", what))


def _parts(tree: Any) -> Iterator[str]:
    """Every string of a tree, keys too. Depth is known to be small."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, dict):
        for key, value in tree.items():
            yield key
            yield from _parts(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _parts(value)


def _fault_of_text(part: str) -> Rejected | None:
    if "\0" in part:
        return Rejected("bad_text", "Text may not hold U+0000.")
    if any("\ud800" <= letter <= "\udfff" for letter in part):
        return Rejected("bad_text", "Text may not hold half of a surrogate pair.")
    return None
