"""`score`: judged at every reading of any parameter, with the newest valid value per parameter in the window before it.

Incomplete: fires if the known points alone reach the limit, clear if even the worst of the missing could not, else not evaluable. A partial
score is named as partial ("at least 7, respiratory rate missing"), never as a total. Forms are scored within one answering of the form.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.modifiers import read_modifiers
from dho.rules.rule import Background, Clearing, Common, ScoreRule, Text
from dho.rules.sight import Event, Level, Outlook, Sight
from dho.rules.words import plain
from dho.scores import SCORES
from dho.scores.score import Assessment, Score

_HALF_HOUR = Duration("PT30M", None, timedelta(minutes=30))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scored(ScoreRule):
    """`low` True where few points are bad (`at_most`); `limit` None for `any_three`."""

    score: Score
    background: Background
    limit: Decimal | None
    low: bool
    within: Duration

    def look_at(self, at: datetime, outlook: Outlook) -> Sight:
        """The bounds of the score at this instant, and what they say."""
        found = {}
        for name in self.inputs:
            reading = outlook.last.get(name)
            if reading is None or reading.at > at or self._outside(reading.at, at, outlook):
                continue
            if outlook.counted_from is None or reading.at > outlook.counted_from:
                found[name] = reading
        if not found:
            return Sight(Level.UNKNOWN, reason="no_reading")
        result = self.score.assess(found, self.background)
        used = tuple(found[name] for name in sorted(found))
        level = self._level(result)
        numbers = {"low": result.low, "high": result.high, "prorated": Decimal(result.prorated)}
        if self.limit is not None:
            numbers["limit"] = self.limit
        return Sight(level, used, numbers, result.missing, "incomplete" if level is Level.UNKNOWN else None)

    def _outside(self, earlier: datetime, at: datetime, outlook: Outlook) -> bool:
        """True if a parameter is too old for a score at this instant: outside the window, or of another answering of the form."""
        return earlier < at if self.score.form else self.within.apart(earlier, at, outlook.zone)

    def _level(self, result: Assessment) -> Level:
        if self.limit is None:
            if any(part.low == 3 for part in result.parts):
                return Level.BREACH
            return Level.UNKNOWN if any(part.high == 3 for part in result.parts) else Level.CLEAR
        limit, margin = self.limit, self.modifiers.margin
        worst, best = (-result.high, -result.low) if self.low else (result.low, result.high)
        limit = -limit if self.low else limit
        if worst >= limit:
            return Level.BREACH
        if best < limit - margin:
            return Level.CLEAR
        return Level.BAND if best < limit else Level.UNKNOWN

    def finding(self, event: Event) -> Text:
        """NEWS2 is 7 (limit 5), or: at least 7, respiratory rate missing."""
        low, high = event.numbers.get("low"), event.numbers.get("high")
        if low is None or high is None:
            return Text("finding.nothing", {})
        args = {"score": self.score.name, "value": plain(low), "high": plain(high), "limit": self.limit}
        if event.words and low != high:
            return Text("finding.score_partial", args | {"missing": _named(event.words)})
        return Text("finding.score_prorated" if event.numbers.get("prorated") else "finding.score", args)

    def clearing(self, event: Event) -> Clearing | None:
        """The score at which it clears, or would fire."""
        if self.limit is None:
            return None
        if event.result == "fires":
            side, margin = ("above", self.modifiers.margin) if self.low else ("below", -self.modifiers.margin)
            return Clearing(side, self.limit + margin, "", "score")
        return Clearing("at_most" if self.low else "at_least", self.limit, "", "score")


def _named(missing: tuple[str, ...]) -> object:
    """The missing parameters as one nested text: "respiratory rate, consciousness"."""
    first = {"key": f"measurement.{missing[0]}"} if not missing[0].isdigit() else missing[0]
    if len(missing) == 1:
        return first
    return {"key": "list.two", "args": {"first": first, "rest": _named(missing[1:])}}


def read(section: Section, common: Common) -> Scored | None:
    """A score rule: `at_least`, `at_most` or `any_three`, exactly one."""
    name = section.choice("score", tuple(SCORES), required=True, code="unknown_score")
    high, low, three = section.number("at_least"), section.number("at_most"), section.flag("any_three")
    given = [key for key in ("at_least", "at_most", "any_three") if key in section]
    if len(given) != 1:
        section.fault(None, "two_limits" if given else "missing_limit", "Exactly one of `at_least`, `at_most` and `any_three` is needed.")
    within: Duration | None = section.duration("within")
    modifiers = read_modifiers(section, confirm=False)
    score = SCORES.get(name or "")
    if score is None or len(given) != 1 or (high is None and low is None and not three):
        return None
    limit = low if high is None else high
    if limit is not None and not score.lowest <= limit <= score.highest:
        text = f"{score.name} lies from {score.lowest} to {score.highest}; this limit does not."
        section.fault(given[0], "impossible_limit", text)
    if three and not score.threes:
        section.fault("any_three", "bad_value", f"A single 3 has no meaning of its own in {score.name}.")
    return Scored(
        **common.start(score.name, modifiers),
        inputs=frozenset(score.inputs),
        score=score,
        background=common.background,
        limit=limit,
        low=low is not None,
        within=within or _HALF_HOUR,
    )
