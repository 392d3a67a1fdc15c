"""`answer`: fires when the answer is `in` a set (exact codes) or past a number; clears at the next answer to that question.

A skipped question is no reading. A `no_confirm` answer rule has a family of its own, so that PHQ-9 item 9 never hides inside "symptoms".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dho.plan_section import Section, decimal
from dho.rules.limits import OPPOSITE, Limits, crossed, limits, read_limits
from dho.rules.modifiers import read_modifiers
from dho.rules.rule import Clearing, Common, ReadingRule, Text
from dho.rules.sight import Event, Level, Outlook, Seen, Sight

LIMITS = ("at_least", "at_or_above", "above", "at_most", "at_or_below", "below")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answer(ReadingRule):
    """`codes` is the set of answers that fire, or None where `limits` says it."""

    questionnaire: str
    question: str
    codes: frozenset[Decimal | str] | None
    limits: Limits
    written: Mapping[str, Any]

    def look(self, reading: Seen, memory: Any, latch: Seen | None, outlook: Outlook) -> Sight:
        """In the set, or past the number; a word where a number was expected is not evaluable."""
        if self.codes is not None:
            hit = reading.value in self.codes
            return Sight(Level.BREACH if hit else Level.CLEAR, (reading,))
        if reading.number is None:
            return Sight(Level.UNKNOWN, (reading,), reason="not_a_number")
        level = self.limits.level(reading.number, self.modifiers.margin)
        side = self.limits.breached(reading.number)
        if side is None:
            return Sight(level, (reading,))
        return Sight(level, (reading,), {"value": reading.number, "limit": side.value}, (side.name,))

    def bounds(self) -> tuple[Decimal | None, Decimal | None] | None:
        """The limits themselves; equality is looked at closely."""
        if self.codes is not None:
            return None
        low, high = self.limits.low, self.limits.high
        return (low.value if low else None, high.value if high else None)

    def finding(self, event: Event) -> Text:
        """Answered 2 to "breathlessness"."""
        reading = event.used[-1]
        return Text("finding.answer", {"question": self.title or self.question, "value": reading.value})

    def clearing(self, event: Event) -> Clearing | None:
        """The answer at which it clears, or the one it would be past."""
        if self.codes is not None:
            return None
        low, high = self.limits.low, self.limits.high
        fires = event.result == "fires" or event.reason == "awaiting_repeat"
        side = next((s for s in (low, high) if s is not None and (not fires or s.name in event.words)), None)
        if side is None:
            return None
        if fires:
            return Clearing(OPPOSITE[side.name], side.inward(self.modifiers.margin).value, "", "answer")
        return Clearing(side.name, side.value, "", "answer")


def read(section: Section, common: Common) -> Answer | None:
    """An answer rule: a set, or limits on one number, never both."""
    questionnaire, question = section.text("questionnaire", required=True), section.text("question", required=True)
    chosen = section.take("in")
    found = read_limits(section, LIMITS, required=chosen is None)
    modifiers = read_modifiers(section, confirm=False)
    codes = None if chosen is None else _codes(section, chosen)
    if chosen is not None and found:
        section.fault("in", "two_limits", "`in` and a number are two conditions; keep one.")
    if questionnaire is None or question is None or (codes is None and not found):
        return None
    both = limits(found)
    if crossed(both):
        section.fault(None, "crossed_limits", "The low limit is not below the high one: every answer would be past a limit.")
    own = f"answer:{questionnaire}:{question}"
    return Answer(
        **common.start(own if modifiers.no_confirm else f"answer:{questionnaire}", modifiers),
        measurement=own,
        code=question,
        questionnaire=questionnaire,
        question=question,
        codes=codes,
        limits=both,
        written={name: section.value[name] for name in ("in", *LIMITS) if name in section},
    )


def _codes(section: Section, chosen: object) -> frozenset[Decimal | str] | None:
    if not isinstance(chosen, Sequence) or isinstance(chosen, str) or not chosen:
        section.fault("in", "wrong_type", "`in` must be a list of answers that is not empty.")
        return None
    codes: set[Decimal | str] = set()
    for place, entry in enumerate(chosen):
        code = entry if isinstance(entry, str) else decimal(entry)
        if code is None:
            section.fault("in", "wrong_type", f"Entry {place} is neither a number nor a text.")
            continue
        codes.add(code)
    return frozenset(codes)
