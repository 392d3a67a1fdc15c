"""What one rule sees at one reading, before its modifiers.

`Seen` is a reading as evaluation keeps it (small, serialisable); `Sight` is the rule's answer about it: past the limit, within the clear
band, clear, or not evaluable with a reason.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from dho.observation import Observation


class Seen(Struct, frozen=True, array_like=True):
    """One valid reading: what a verdict's `because` must be able to show. A value is a number or a word, never both."""

    at: datetime
    received: datetime
    uplink: UUID
    position: int
    measurement: str
    code: str
    number: Decimal | None
    word: str | None
    unit: str
    oxygen: Decimal | None = None
    late: bool = False

    @property
    def value(self) -> Decimal | str:
        """The number or the word."""
        return self.number if self.number is not None else self.word or ""


def seen(observation: Observation) -> Seen:
    """An observation as evaluation keeps it."""
    value = observation.value
    number, word = (None, value) if isinstance(value, str) else (value, None)
    return Seen(
        observation.measured_at,
        observation.received_at,
        observation.uplink,
        observation.position,
        observation.measurement,
        observation.code,
        number,
        word,
        observation.unit,
        observation.oxygen_l_min,
        observation.late,
    )


class Event(Struct, frozen=True, array_like=True):
    """One thing that happened to a rule, in a form that can be kept. `at` is the judged time, `key` the same in every replay."""

    result: str
    reason: str | None
    zone: str | None
    at: datetime
    key: tuple[str, ...]
    used: tuple[Seen, ...] = ()
    numbers: dict[str, Decimal] = {}
    words: tuple[str, ...] = ()
    confirm_until: datetime | None = None


def key_of(reading: Seen) -> tuple[str, ...]:
    """The judged reading as a key that is the same in every replay, whichever of its copies is known: measurement, instant and value."""
    value = reading.word if reading.number is None else f"{reading.number.normalize():f}"
    return (reading.at.astimezone(UTC).isoformat(), reading.measurement, value or "")


class Level(IntEnum):
    """What the raw predicate says: past the limit, inside the clear band, clear, or unknown."""

    UNKNOWN = 0
    CLEAR = 1
    BAND = 2
    BREACH = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """A rule's answer at one reading. `numbers` are computed values in the measurement's unit; `reference` is what `change` latches."""

    level: Level
    used: tuple[Seen, ...] = ()
    numbers: dict[str, Decimal] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    reason: str | None = None
    reference: Seen | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a rule may look at beside the reading itself. `quiet_day` says of a local date (a day number) that no yellow or red threshold,
    answer or score rule of any family fired at any moment of it."""

    zone: ZoneInfo
    last: dict[str, Seen]
    counted_from: datetime | None
    quiet_day: Callable[[int], bool]
