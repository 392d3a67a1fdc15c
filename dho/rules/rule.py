"""What every rule has: identity, zone, family, texts, modifiers. The kinds beside this file add what they look at."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.sight import Event, Level, Outlook, Seen, Sight

Zone = Literal["red", "yellow", "not_reported", "green"]
ZONES: tuple[Zone, ...] = get_args(Zone)
RANK: Mapping[str | None, int] = {"red": 3, "yellow": 2, "not_reported": 1, "green": 0, None: 0}


def worst(first: Zone, second: Zone) -> Zone:
    """The worse of two zones by explicit rank."""
    return first if RANK[first] >= RANK[second] else second


@dataclass(frozen=True, slots=True)
class Modifiers:
    """persist k of n (with `min_apart`), confirm within, no_confirm, clear by `margin` (canonical unit) `consecutive` times, `max_gap`."""

    k: int = 1
    n: int = 1
    min_apart: Duration | None = None
    max_gap: Duration | None = None
    confirm: Duration | None = None
    no_confirm: bool = False
    margin: Decimal = Decimal(0)
    consecutive: int = 1


@dataclass(frozen=True, slots=True)
class Suppression:
    """Mutes the alert only, up to `zone` (never red), until `end`; verdict and zone stay."""

    zone: Zone
    reason: str
    end: datetime


@dataclass(frozen=True, slots=True)
class Background:
    """What the plan says of the patient that rules need: `oxygen` None is not said; scale 2 of NEWS2 only with an approver."""

    oxygen: bool | None = None
    spo2_scale: int = 1


class Text(NamedTuple):
    """A sentence to be rendered by `dho.texts.render`: the key of the catalogue and its arguments."""

    key: str
    args: dict[str, Any]

    def nested(self) -> dict[str, Any]:
        """The sentence as an argument of another."""
        return {"key": self.key, "args": self.args}


class Clearing(NamedTuple):
    """The side (`at_or_above`, …), the value and the unit of a limit; `of` is the catalogue key of what is compared with it."""

    side: str
    value: Decimal
    unit: str
    of: str = "value"


@dataclass(frozen=True, slots=True)
class Common:
    """What the reader of a rule kind is given beside the rule's own section."""

    id: str
    kind: str
    zone: Zone | None
    family: str | None
    pointer: str
    title: str | None
    text: str | None
    background: Background

    def start(self, family: str, modifiers: Modifiers | None = None) -> dict[str, Any]:
        """The members that every rule has, with the kind's default family."""
        return {
            "id": self.id,
            "kind": self.kind,
            "zone": self.zone,
            "family": self.family or family,
            "pointer": self.pointer,
            "title": self.title,
            "text": self.text,
            "modifiers": modifiers or Modifiers(),
        }


Reader = Callable[[Section, Common], "Rule | None"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rule:
    """One rule, compiled: limits in the canonical unit. `zone` None only for a child of a combination."""

    id: str
    kind: str
    zone: Zone | None
    family: str
    pointer: str
    title: str | None = None
    text: str | None = None
    modifiers: Modifiers = Modifiers()
    suppression: Suppression | None = None

    @property
    def needs(self) -> frozenset[str]:
        """Ids of the rules this one is made of."""
        return frozenset()

    def finding(self, event: Event) -> Text:
        """What was found, as one sentence."""
        raise AssertionError(f"rule kind {self.kind} has no words")

    def clearing(self, event: Event) -> "Clearing | None":
        """Where this rule would clear (if it fires) or the limit it would be past (if it does not)."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReadingRule(Rule):
    """A rule that is judged at each reading of one measurement (or of one question)."""

    measurement: str
    code: str
    unit: str = ""
    windowed: ClassVar[bool] = False
    keeps_history: ClassVar[bool] = False

    @property
    def history_dates(self) -> int:
        """How many local dates back this rule asks which days were green."""
        return 0

    def look(self, reading: Seen, memory: Any, latch: Seen | None, outlook: Outlook) -> Sight:
        """The raw predicate at this reading."""
        raise AssertionError(f"rule kind {self.kind} looks at nothing")

    def bounds(self) -> tuple[Decimal | None, Decimal | None] | None:
        """(low, high): a number strictly between them is no breach and changes nothing; None if that cannot be said of a number alone."""
        return None

    def level_at(self, limit: Clearing) -> Level:
        """What this rule would say of a value just at another rule's clear limit; UNKNOWN if that cannot be said of a number alone."""
        return Level.UNKNOWN

    def remember_before(self, memory: Any, readings: Sequence[Seen], outlook: Outlook) -> Any:
        """The window after the readings of one instant, before they are judged."""
        return memory

    def remember_after(self, memory: Any, readings: Sequence[Seen], outlook: Outlook) -> Any:
        """The window after the readings of one instant have been judged."""
        return memory


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScoreRule(Rule):
    """A rule that is judged once at every instant that brings any of its `inputs`."""

    inputs: frozenset[str]
    windowed: ClassVar[bool] = True

    def look_at(self, at: datetime, outlook: Outlook) -> Sight:
        """The raw predicate with the newest valid value per parameter in the window that ends at `at`."""
        raise AssertionError(f"rule kind {self.kind} looks at nothing")


class Child(NamedTuple):
    """A rule as a combination sees it: its present verdict, and when its newest input was measured."""

    event: Event
    newest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DerivedRule(Rule):
    """A rule over other rules: judged after them, whenever one of them may have changed."""

    of: tuple[str, ...]

    @property
    def needs(self) -> frozenset[str]:
        """Ids of the rules this one is made of."""
        return frozenset(self.of)

    def hits(self, memory: Any) -> tuple[Seen, ...]:
        """What a count remembers."""
        return ()

    def expired(self, hits: tuple[Seen, ...], at: datetime, zone: ZoneInfo) -> bool:
        """True if none of the hits can be in a window that ends at `at` or later."""
        return False

    def consider(self, children: Sequence[Child], hits: tuple[Seen, ...], at: datetime, outlook: Outlook) -> Sight:
        """Three-valued over the children's present verdicts (`hits`: readings at which a counted raw predicate was true)."""
        raise AssertionError(f"rule kind {self.kind} considers nothing")
