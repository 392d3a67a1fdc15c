"""What answers are checked against: the definitions that ship with the project, and before them those that the centre has loaded."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from devices.reading import Element, Reading, Refused, Rejected
from dho.db import Tx
from dho.errors import Invalid
from dho.observation import Observation, Value
from dho.plan_text import read_document
from dho.questionnaire import Answer, Item, Questionnaire, Shelf, read_questionnaire
from dho.scores.filled import scores_of
from dho.sql import queries

SQL = queries("devices")
SHIPPED = Shelf()
_encode = msgspec.json.Encoder(decimal_format="number").encode


def asked_in(elements: Collection[Element]) -> set[str]:
    """The questionnaires that these elements answer."""
    return {name for element in elements if isinstance(element.what, Reading) and (name := element.what.questionnaire) is not None}


def load(tx: Tx, names: Collection[str]) -> Shelf:
    """The definitions of these questionnaires: one statement, none where nobody asks."""
    if not names:
        return SHIPPED
    rows = tx.execute(SQL["loaded_questionnaires"], {"ids": sorted(names)}).fetchall()
    return Shelf([read_questionnaire(read_document(document)) for (document,) in rows]) if rows else SHIPPED


def languages(tx: Tx, patients: Collection[UUID]) -> dict[UUID, str]:
    """The language in which each of these patients is asked."""
    return dict(tx.execute(SQL["languages_of_patients"], {"patients": list(patients)}).fetchall()) if patients else {}


def checked(shelf: Shelf, element: Element) -> Element:
    """The same element with its answers checked against the definition. An answer that is impossible is refused alone; a questionnaire,
    version or question that nobody knows refuses the whole, as an unknown code does."""
    reading = element.what
    if not isinstance(reading, Reading) or reading.questionnaire is None:
        return element
    form = shelf.version(reading.questionnaire, reading.version)
    return msgspec.structs.replace(element, what=_unknown(shelf, reading) if form is None else _against(form, reading))


def _unknown(shelf: Shelf, reading: Reading) -> Rejected:
    newest = shelf.newest(reading.questionnaire or "")
    if newest is None:
        return Rejected("unknown_code", "/questionnaire is no questionnaire known here.")
    return Rejected("unknown_code", f"/version of {newest.id} is not known here: the newest is {newest.version}.")


def _against(form: Questionnaire, reading: Reading) -> Reading | Rejected:
    taken: list[Value] = []
    refused: list[Refused] = []
    for answer in reading.values:
        item = form.item(answer.code)
        if item is None:
            return Rejected("unknown_code", f"{form.id} has no such question: it has {', '.join(one.id for one in form.items)}.")
        if isinstance(answer.value, str) != item.in_words:
            return Rejected("wrong_type", f"The answer to {item.id} must be {item.possible}.")
        if item.allows(answer.value):
            taken.append(answer)
        else:
            refused.append(_impossible(item))
    if not taken:
        return Rejected("impossible_value", "None of /answers is possible: " + refused[0].detail, tuple(refused))
    return msgspec.structs.replace(reading, values=tuple(taken), refused=tuple(refused))


def _impossible(item: Item) -> Refused:
    return Refused(item.id, "impossible_value", f"The answer to {item.id} must be {item.possible}.")


def keep(tx: Tx, document: Mapping[str, Any]) -> Questionnaire:
    """Keep a definition that the centre loads. Raises `Invalid` with every reason if it cannot be used, or if answers to the same version
    would mean something else; the same definition again changes nothing."""
    form = read_questionnaire(document)
    text = _encode(document).decode()
    for known in (load(tx, {form.id}).version(form.id, form.version), SHIPPED.version(form.id, form.version)):
        if known is not None and known.version == form.version and not known.alike(form):
            raise Invalid(f"Other answers need another version: version {form.version} of {form.id} is there already.")
    tx.execute(SQL["keep_questionnaire"], {"id": form.id, "version": form.version, "document": text, "now": tx.now})
    return form


def gateways_that_ask(tx: Tx, id: str) -> list[str]:
    """The gateways whose retained plan must be sent again when this questionnaire has changed."""
    return [gateway for (gateway,) in tx.execute(SQL["gateways_that_ask"], {"now": tx.now, "named": f'"{id}"'}).fetchall()]


class Filled(NamedTuple):
    """A form that somebody filled in, with what it came to: one row beside its answers."""

    patient: UUID
    uplink: UUID
    questionnaire: str
    version: int
    unanswered: list[str]
    scores: Any


def filled(shelf: Shelf, element: Element, patient: UUID, answers: Collection[Observation]) -> Filled | None:
    """The row of a form, or None if the element is none. `answers` are the observations it gave."""
    reading = element.what
    if not isinstance(reading, Reading) or reading.questionnaire is None:
        return None
    form = shelf.version(reading.questionnaire, reading.version)
    if form is None:
        return None
    given: dict[str, Answer] = {answer.code: answer.value for answer in answers}
    scores = scores_of(form.scores, answers)
    told = [
        {"score": s.score, "low": s.low, "high": s.high, "prorated": s.prorated, "missing": s.missing, "complete": s.complete}
        for s in scores
    ]
    return Filled(patient, reading.uplink, reading.questionnaire, reading.version, list(form.unanswered(given)), told)


def insert(tx: Tx, forms: Collection[Filled]) -> None:
    """Keep filled-in forms, in one statement."""
    if forms:
        rows = [
            {
                "patient": str(one.patient),
                "uplink": str(one.uplink),
                "questionnaire": one.questionnaire,
                "version": one.version,
                "unanswered": one.unanswered,
                "scores": one.scores,
            }
            for one in forms
        ]
        tx.execute(SQL["insert_filled_forms"], {"forms": _encode(rows).decode()})
