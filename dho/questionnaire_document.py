"""Reading a questionnaire's document: every fault at once, each with its JSON pointer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from dho.errors import Fault
from dho.plan_section import Section, decimal
from dho.scores import SCORES

MOST_ITEMS = 50  # as many as values in a measurement
LANGUAGES = ("nb", "nn", "en")
LARGEST_NUMBER = 1_000_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # never a colon: `answer:<questionnaire>:<question>` is a measurement's name


class ItemParts(NamedTuple):
    """The members of one question, checked."""

    id: str
    text: Mapping[str, str]
    options: Sequence[tuple[Decimal | str, Mapping[str, str]]]
    lowest: Decimal
    highest: Decimal
    required: bool
    show_if: tuple[str, frozenset[Decimal | str] | None, Decimal | None, Decimal | None] | None
    crisis: tuple[Decimal, Mapping[str, str]] | None


@dataclass(slots=True)
class Parts:
    """The members of a definition; to be used only if `faults` is empty."""

    id: str = ""
    version: int = 0
    reads: frozenset[int] = frozenset()
    title: Mapping[str, str] = field(default_factory=dict)
    intro: Mapping[str, str] = field(default_factory=dict)
    items: list[ItemParts] = field(default_factory=list)
    scores: tuple[str, ...] = ()
    faults: list[Fault] = field(default_factory=list)


def read_parts(document: Mapping[str, Any]) -> Parts:
    """Every member of a definition, and everything that is wrong with it."""
    parts = Parts()
    top = Section(document, "", parts.faults)
    parts.id = _identity(top) or ""
    parts.version = top.whole("version", required=True, most=100_000) or 0
    parts.reads = _reads(top, parts.version)
    parts.title, parts.intro = _words(top, "title", required=True), _words(top, "intro")
    common = _options(top)
    for section in top.sections("items", required=True):
        parts.items.append(_item(section, common, {item.id for item in parts.items}))
    if not 1 <= len(parts.items) <= MOST_ITEMS:
        top.fault("items", "bad_value", f"A questionnaire has 1 to {MOST_ITEMS} questions.")
    parts.scores = _scores(top, parts)
    top.close(free=frozenset({"comment"}))
    return parts


def _identity(section: Section) -> str | None:
    found = section.text("id", required=True)
    if found is not None and not _ID.fullmatch(found):
        section.fault("id", "bad_value", "`id` must be 1 to 64 letters, digits, `_`, `.` or `-`.")
    return found


def _reads(top: Section, version: int) -> frozenset[int]:
    found = top.take("reads_versions") or ()
    if not isinstance(found, list | tuple) or any(type(one) is not int or not 0 < one < version for one in found):
        top.fault("reads_versions", "bad_value", "`reads_versions` must be a list of earlier versions.")
        return frozenset()
    return frozenset(found)


def _words(section: Section, key: str, *, required: bool = False) -> Mapping[str, str]:
    """A wording in one or more languages."""
    section.take(key, required=required)
    if key not in section:
        return {}
    inner = section.section(key)
    if inner is None:
        return {}
    found = {language: text for language in LANGUAGES if (text := inner.text(language)) is not None}
    inner.close()
    if not found and not any(fault.pointer.startswith(inner.pointer) for fault in section.faults):
        section.fault(key, "missing_key", f"`{key}` needs a text in at least one of {', '.join(LANGUAGES)}.")
    return found


def _options(section: Section) -> list[tuple[Decimal | str, Mapping[str, str]]]:
    """The possible answers: all numbers, or all codes in words."""
    found: list[tuple[Decimal | str, Mapping[str, str]]] = []
    for option in section.sections("options"):
        value = option.take("value", required=True)
        answer = value if isinstance(value, str) and _ID.fullmatch(value) else decimal(value)
        if answer is None or (isinstance(answer, Decimal) and abs(answer) > LARGEST_NUMBER):
            option.fault("value", "wrong_type", "`value` must be a number or a short code.")
        elif any(answer == other for other, _ in found):
            option.fault("value", "duplicate_id", "This answer stands twice.")
        else:
            found.append((answer, _words(option, "text")))
        option.take("text")
        option.close()
    if len({isinstance(value, str) for value, _ in found}) > 1:
        section.fault("options", "contradiction", "Answers are all numbers or all codes.")
    return found


def _item(section: Section, common: list[tuple[Decimal | str, Mapping[str, str]]], before: set[str]) -> ItemParts:
    id = _identity(section) or ""
    if id in before:
        section.fault("id", "duplicate_id", "This question stands twice.")
    options = _options(section)
    lowest, highest = (section.whole(key, least=-LARGEST_NUMBER, most=LARGEST_NUMBER) for key in ("lowest", "highest"))
    is_number = "lowest" in section or "highest" in section
    if is_number and (lowest is None or highest is None or lowest >= highest or options):
        section.fault(None, "contradiction", "A number has `lowest` below `highest` and no options.")
    options = options or ([] if is_number else common)
    if not is_number and not options:
        section.fault(None, "missing_key", "Either `options` or `lowest` and `highest` say which answers are possible.")
    required = section.flag("required")
    parts = ItemParts(
        id,
        _words(section, "text"),
        options,
        Decimal(lowest or 0),
        Decimal(highest or 0),
        required is not False,
        _condition(section, before),
        _crisis(section),
    )
    section.close()
    return parts


def _condition(section: Section, before: set[str]) -> tuple[str, frozenset[Decimal | str] | None, Decimal | None, Decimal | None] | None:
    inner = section.section("show_if")
    if inner is None:
        return None
    question = inner.text("question", required=True)
    if question is not None and question not in before:
        inner.fault("question", "unknown_question", "`show_if` must name a question that stands before this one.")
    chosen, least, most = inner.take("in"), inner.number("at_least"), inner.number("at_most")
    inner.close()
    if (chosen is None) == (least is None and most is None):
        inner.fault(None, "contradiction", "`show_if` needs either `in` or `at_least` and `at_most`.")
    codes = None
    if chosen is not None:
        entries = chosen if isinstance(chosen, list | tuple) else ()
        found = [entry if isinstance(entry, str) else decimal(entry) for entry in entries]
        codes = frozenset(entry for entry in found if entry is not None)
        if not codes or len(codes) != len(entries):
            inner.fault("in", "wrong_type", "`in` must be a list of different answers.")
    return question or "", codes, least, most


def _crisis(section: Section) -> tuple[Decimal, Mapping[str, str]] | None:
    inner = section.section("crisis")
    if inner is None:
        return None
    limit, text = inner.number("at_least", required=True), _words(inner, "text", required=True)
    inner.close()
    return (limit or Decimal(0)), text


def _scores(top: Section, parts: Parts) -> tuple[str, ...]:
    """The scores that the form gives: each must find its questions here, and their answers must be numbers."""
    names = top.texts("scores")
    numbers = {f"answer:{parts.id}:{i.id}" for i in parts.items if not any(isinstance(value, str) for value, _ in i.options)}
    for name in names:
        if name not in SCORES:
            top.fault("scores", "unknown_score", f"There is no score {name}: there are {', '.join(SCORES)}.")
        elif not numbers.issuperset(SCORES[name].inputs):
            top.fault("scores", "missing_key", f"{name} needs a question with numbers for each of its items.")
    return names
