"""Questionnaires as data: versioned definitions with questions, the answers that are possible, branching, and the scores they give.

A definition is one JSON file in `questionnaires/`, or a document that the centre has loaded. Wordings ship only where they are free:
PHQ-9 and GAD-7, and our own forms. Of CAT, mMRC, ESAS-r, ACT, KCCQ-12 and HADS (licensed: `domain.md` 4.2) only questions and ranges
stand here, so that answers can be read and scored; a centre with a licence loads the same version with its wordings.

Branching (`show_if`) and `required` tell the tablet what to ask. An answer to a question that would not have been asked is kept and
judged all the same: to lose a "chest pain" because another answer was changed afterwards would be the worse mistake.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from dho.errors import Invalid
from dho.plan_text import read_document
from dho.questionnaire_document import LANGUAGES as LANGUAGES
from dho.questionnaire_document import Parts, read_parts

FOLDER = Path(__file__).parent / "questionnaires"
Answer = Decimal | str
Words = Mapping[str, str]


class Condition(NamedTuple):
    """A question is asked only if another was answered so: one of `codes`, or a number from `least` to `most` (inclusive)."""

    question: str
    codes: frozenset[Answer] | None
    least: Decimal | None
    most: Decimal | None

    def holds(self, answers: Mapping[str, Answer]) -> bool:
        """False while the other question is not answered."""
        value = answers.get(self.question)
        if value is None:
            return False
        if self.codes is not None:
            return value in self.codes
        if isinstance(value, str):
            return False
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


class Option(NamedTuple):
    """One answer of a closed question."""

    value: Answer
    text: Words


class Crisis(NamedTuple):
    """At this answer or above the tablet shows these words at once, whatever the plan says."""

    at_least: Decimal
    text: Words


@dataclass(frozen=True, slots=True)
class Item:
    """One question: closed (`options`), or a whole number from `lowest` to `highest`. `text` is empty where wordings do not ship."""

    id: str
    text: Words
    options: tuple[Option, ...]
    lowest: Decimal
    highest: Decimal
    required: bool
    show_if: Condition | None
    crisis: Crisis | None

    @property
    def in_words(self) -> bool:
        """Whether answers are words rather than numbers."""
        return bool(self.options) and isinstance(self.options[0].value, str)

    @property
    def possible(self) -> str:
        """The possible answers, in words for the sender."""
        if self.options:
            return f"one of {', '.join(str(option.value) for option in self.options)}"
        return f"a whole number from {self.lowest} to {self.highest}"

    def allows(self, value: Answer) -> bool:
        """Whether this answer can be given."""
        if self.options:
            return any(option.value == value for option in self.options)
        return not isinstance(value, str) and value == value.to_integral_value() and self.lowest <= value <= self.highest

    def alike(self, other: "Item") -> bool:
        """Whether the same answers can be given to the same question, whatever its wording."""
        values = [option.value for option in self.options], [option.value for option in other.options]
        return (self.id, self.lowest, self.highest, values[0]) == (other.id, other.lowest, other.highest, values[1])


@dataclass(frozen=True, eq=False)
class Questionnaire:
    """One version. `reads` are earlier versions whose answers mean the same (only wordings or further questions came); `document` is as
    it was given."""

    id: str
    version: int
    reads: frozenset[int]
    title: Words
    intro: Words
    items: tuple[Item, ...]
    scores: tuple[str, ...]
    document: Mapping[str, Any]

    def item(self, question: str) -> Item | None:
        """The question of that id, or None."""
        return next((item for item in self.items if item.id == question), None)

    @property
    def has_texts(self) -> bool:
        """Whether every question can be asked in words."""
        return all(item.text for item in self.items)

    def unanswered(self, answers: Mapping[str, Answer]) -> tuple[str, ...]:
        """Required questions that were asked and are not answered."""
        asked = (item for item in self.items if item.required and (item.show_if is None or item.show_if.holds(answers)))
        return tuple(item.id for item in asked if item.id not in answers)

    def alike(self, other: "Questionnaire") -> bool:
        """Whether both ask the same, apart from wordings: then one may stand for the other under the same version."""
        return len(self.items) == len(other.items) and all(a.alike(b) for a, b in zip(self.items, other.items, strict=True))

    def for_tablet(self, language: str) -> dict[str, Any]:
        """The definition as the tablet holds it (contract, section 2), in one language."""
        told: dict[str, Any] = {"id": self.id, "version": self.version, "title": spoken(self.title, language) or self.id}
        if self.intro:
            told["intro"] = spoken(self.intro, language)
        if not self.has_texts:
            told["needs_texts"] = True
        return told | {"items": [self._item_for_tablet(item, language) for item in self.items]}

    def _item_for_tablet(self, item: Item, language: str) -> dict[str, Any]:
        told: dict[str, Any] = {"id": item.id, "required": item.required}
        if item.text:
            told["text"] = spoken(item.text, language)
        if item.options:
            told["options"] = [{"value": option.value, "text": spoken(option.text, language)} for option in item.options]
        else:
            told |= {"lowest": item.lowest, "highest": item.highest}
        if item.show_if is not None:
            told["show_if"] = next(one["show_if"] for one in self.document["items"] if one["id"] == item.id)
        if item.crisis is not None:
            told["crisis"] = {"at_least": item.crisis.at_least, "text": spoken(item.crisis.text, language)}
        return told


class Shelf:
    """Definitions to choose from: the centre's own before those that ship with the project."""

    def __init__(self, loaded: Iterable[Questionnaire] = ()) -> None:
        self._found: dict[str, list[Questionnaire]] = {}
        self._for_tablets: dict[tuple[str, str], dict[str, Any]] = {}
        for form in (*loaded, *shipped()):
            self._found.setdefault(form.id, []).append(form)

    def version(self, id: str, version: int) -> Questionnaire | None:
        """The definition by which answers to this version are read, or None."""
        forms = self._found.get(id, ())
        exact = next((form for form in forms if form.version == version), None)
        return exact or next((form for form in forms if version in form.reads), None)

    def newest(self, id: str) -> Questionnaire | None:
        """What a tablet should ask by now, or None if nobody knows the questionnaire."""
        return max(self._found.get(id, ()), key=lambda form: form.version, default=None)  # of equals the first: the centre's own

    def for_tablet(self, id: str, language: str) -> dict[str, Any] | None:
        """The newest version as the tablet holds it, or None; made once a language, because every patient's plan holds it."""
        form = self.newest(id)
        if form is not None and (id, language) not in self._for_tablets:
            self._for_tablets[id, language] = form.for_tablet(language)
        return self._for_tablets.get((id, language))


def spoken(words: Words, language: str) -> str:
    """A wording in a language; in Norwegian bokmål, or in any, if there is none in it."""
    return words.get(language) or words.get("nb") or next(iter(words.values()), "")


def read_questionnaire(document: Mapping[str, Any]) -> Questionnaire:
    """A definition from its document. Raises `Invalid` with every reason and its JSON pointer."""
    parts: Parts = read_parts(document)
    if parts.faults:
        count = len(parts.faults)
        raise Invalid(f"The questionnaire cannot be used: {count} reason{'s' if count > 1 else ''}.", tuple(dict.fromkeys(parts.faults)))
    items = tuple(
        Item(
            item.id,
            item.text,
            tuple(Option(*option) for option in item.options),
            item.lowest,
            item.highest,
            item.required,
            Condition(*item.show_if) if item.show_if else None,
            Crisis(*item.crisis) if item.crisis else None,
        )
        for item in parts.items
    )
    return Questionnaire(parts.id, parts.version, parts.reads, parts.title, parts.intro, items, parts.scores, document)


@cache
def shipped() -> tuple[Questionnaire, ...]:
    """The definitions that ship with the project."""
    return tuple(read_questionnaire(read_document(path.read_text(encoding="utf-8"))) for path in sorted(FOLDER.glob("*.json")))
