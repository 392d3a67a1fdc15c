"""Questionnaires that the patient has filled in, over time: one table a questionnaire, questions down and days across."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from dashboards.pages.reader import Reader
from devices import questionnaires
from dho.db import Tx
from dho.questionnaire import Questionnaire, Shelf, spoken
from dho.sql import queries

SQL = queries("dashboards/pages")
ACROSS = 7  # the newest fillings, oldest first: what fits beside the questions


@dataclass(frozen=True, slots=True)
class Column:
    """One filling: when, whether it was late, why it does not count if it does not, and what was written with it."""

    at: datetime
    late: bool
    invalid_reason: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class FormTable:
    """One questionnaire. `rows` are (question or score, one cell a column); a cell is empty where nothing was answered. `more` are older
    fillings of the same time that are left out."""

    id: str
    title: str
    columns: Sequence[Column]
    scores: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[tuple[str, Sequence[str]]]
    more: int


def filled_forms(tx: Tx, patient: UUID, reader: Reader, since: datetime, until: datetime) -> list[FormTable]:
    """A table for each questionnaire that was filled in between two instants, by name."""
    found: dict[str, list[Any]] = {}
    for row in tx.rows(SQL["forms_between"], {"patient": patient, "since": since, "until": until}):
        found.setdefault(row.questionnaire, []).append(row)
    shelf = questionnaires.load(tx, found)
    return sorted((_table(shelf, id, rows, reader) for id, rows in found.items()), key=lambda table: table.title)


def _table(shelf: Shelf, id: str, rows: Sequence[Any], reader: Reader) -> FormTable:
    form, shown = shelf.newest(id), rows[-ACROSS:]
    given = [{answer["question"]: answer["value"] for answer in row.answers or ()} for row in shown]
    questions = [item.id for item in form.items] if form else []
    questions += sorted({question for answers in given for question in answers} - set(questions))
    scores = dict.fromkeys(score["score"] for row in shown for score in row.scores)
    return FormTable(
        id=id,
        title=(spoken(form.title, reader.language) if form else "") or id,
        columns=[Column(row.measured_at, bool(row.late), row.invalid_reason, row.note) for row in shown],
        scores=[(name, [_score(row.scores, name, reader) for row in shown]) for name in scores],
        rows=[
            (_question(form, question, reader), [_answer(form, question, answers.get(question), reader) for answers in given])
            for question in questions
            if any(question in answers for answers in given)
        ],
        more=max(0, len(rows) - ACROSS),
    )


def _question(form: Questionnaire | None, question: str, reader: Reader) -> str:
    """The question in words, or its number where the wording needs a licence."""
    item = form.item(question) if form else None
    return (spoken(item.text, reader.language) if item else "") or reader.t("forms.question", number=question)


def _answer(form: Questionnaire | None, question: str, value: Any, reader: Reader) -> str:
    if value is None:
        return ""
    item = form.item(question) if form else None
    exact = value if isinstance(value, str) else Decimal(str(value))
    words = next((spoken(option.text, reader.language) for option in item.options if option.value == exact), "") if item else ""
    return words or (exact if isinstance(exact, str) else reader.number(exact))


def _score(scores: Sequence[Any], name: str, reader: Reader) -> str:
    """A total; or bounds, never a total, where something is missing; or a prorated number that says so."""
    found = next((score for score in scores if score["score"] == name), None)
    if found is None:
        return ""
    low, high = (reader.number(Decimal(str(found[side]))) for side in ("low", "high"))
    if found["low"] != found["high"]:
        return reader.t("forms.score_between", low=low, high=high)
    return reader.t("forms.score_prorated", value=low) if found["prorated"] else low
