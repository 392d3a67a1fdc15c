"""What every score has: its inputs, its range, and how readings become points.

A score is assessed as bounds: the lowest and the highest it can be, given what is missing. Complete means that they are equal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from dho.rules.rule import Background
from dho.rules.sight import Seen


class Part(NamedTuple):
    """Points of one parameter: the least and the most they can be (equal if known)."""

    name: str
    low: Decimal
    high: Decimal


class Assessment(NamedTuple):
    """Bounds of the score, its parts, what is missing by name, and whether a missing item was prorated."""

    low: Decimal
    high: Decimal
    parts: tuple[Part, ...]
    missing: tuple[str, ...]
    prorated: bool = False


@dataclass(frozen=True, slots=True)
class Score:
    """`form`: all items belong to one answering. `threes`: a single 3 is a trigger of its own. Range inclusive."""

    name: str
    inputs: tuple[str, ...]
    lowest: int
    highest: int
    assess: Callable[[Mapping[str, Seen], Background], Assessment]
    form: bool = True
    threes: bool = False


def added(parts: tuple[Part, ...], missing: tuple[str, ...]) -> Assessment:
    """The sum of the parts, as bounds."""
    return Assessment(sum((part.low for part in parts), Decimal(0)), sum((part.high for part in parts), Decimal(0)), parts, missing)


def item(found: Mapping[str, Seen], form: str, question: str, lowest: int, highest: int) -> Part:
    """One item of a form: its whole-number answer in the range, else anything in the range."""
    reading = found.get(f"answer:{form}:{question}")
    number = reading.number if reading is not None else None
    if number is None or number != number.to_integral_value() or not lowest <= number <= highest:
        return Part(question, Decimal(lowest), Decimal(highest))
    return Part(question, number, number)


def unanswered(parts: tuple[Part, ...]) -> tuple[str, ...]:
    """The names of the parts that are not known."""
    return tuple(part.name for part in parts if part.low != part.high)


def items(form: str, questions: tuple[str, ...]) -> tuple[str, ...]:
    """The inputs of a form."""
    return tuple(f"answer:{form}:{question}" for question in questions)


def half_up(value: Decimal, step: str = "1") -> Decimal:
    """Rounded half up."""
    return value.quantize(Decimal(step), ROUND_HALF_UP)
