"""The `answers` uplink: what was answered to a questionnaire, as it was sent.

The same rules of identity, time, text and size as for measurements. Which questions there are and which answers are possible stands in
the definition, which a centre may have loaded: `devices/questionnaires.py` asks it, right after attribution's register was read. So what
leaves here is well-formed, and its answers are not yet known to be possible.
"""

import math
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from devices.decode import meaning, tolerant
from devices.decode.diagnosis import members_missing, members_of_wrong_type
from devices.decode.instants import AHEAD_LIMIT, instant
from devices.decode.native import LARGEST_POWER, LONGEST_NOTE, bad_id, decode_native, uuid
from devices.decode.tolerant import NotFinite, Number
from devices.decode.values import LONGEST_NUMBER, MOST
from devices.reading import Invalidation, Reading, Rejected
from dho.observation import Value

LONGEST_CODE = 64
_NEWEST_VERSION = 100_000
_REQUIRED: dict[str, type] = {"id": str, "taken_at": str, "questionnaire": str, "answers": list}
_OPTIONAL: dict[str, type] = {"patient": str, "source": str, "note": str}


def decode_answers(raw: bytes, received_at: datetime) -> tuple[str | None, Reading | Invalidation | Rejected]:
    """One filled-in questionnaire; or an invalidation, which is the same on every topic."""
    found = tolerant.read(raw)
    if found.fault is not None:
        return found.id, found.fault
    if isinstance(found.tree, dict) and "invalidates" in found.tree and "answers" not in found.tree:
        return decode_native(raw, received_at)
    return found.id, _form(found.tree, received_at)


def _form(tree: Any, received_at: datetime) -> Reading | Rejected:
    if not isinstance(tree, dict):
        return Rejected("wrong_type", "An element must be a JSON object.")
    if "invalidates" in tree or "values" in tree:
        return Rejected("malformed", "An element holds answers, values or an invalidation: send them apart.")
    if (fault := members_missing(tree, _REQUIRED) or members_of_wrong_type(tree, _OPTIONAL)) is not None:
        return fault
    named = tree.get("patient")
    uplink, patient = uuid(tree["id"]), uuid(named) if named is not None else None
    if uplink is None or (patient is None and named is not None):
        return bad_id("/id" if uplink is None else "/patient")
    taken_at = instant(tree["taken_at"])
    if isinstance(taken_at, Rejected):
        return taken_at
    note = tree.get("note")
    if note is not None and len(note) > LONGEST_NOTE:
        return Rejected("bad_text", f"/note may have at most {LONGEST_NOTE} characters.")
    version = _version(tree.get("version"))
    if isinstance(version, Rejected):
        return version
    answers = _answers(tree["questionnaire"], tree["answers"])
    if isinstance(answers, Rejected):
        return answers
    arrived = tree.get("x-arrived-at")
    source = tree.get("source")
    suspect = taken_at - received_at > AHEAD_LIMIT
    digest = meaning.of_answers(taken_at, source, tree["questionnaire"], version, note, [(a.code, a.value) for a in answers])
    return Reading(
        uplink,
        patient,
        taken_at,
        received_at if suspect else taken_at,
        received_at,
        suspect,
        tuple(answers),
        (),
        None,
        source,
        None,
        None,
        note,
        digest,
        arrived if type(arrived) is str else None,
        tree["questionnaire"],
        version,
    )


def _version(sent: Any) -> int | Rejected:
    if sent is None:
        return Rejected("missing_field", "/version is missing: it must be the questionnaire's version, a whole number from 1.")
    if type(sent) is not Number or not sent.isdecimal() or len(sent) > len(str(_NEWEST_VERSION)) or int(sent) < 1:
        return Rejected("wrong_type", "/version must be a whole number from 1.")
    return int(sent)


def _answers(questionnaire: str, entries: list[Any]) -> list[Value] | Rejected:
    """The answers; a skipped question (null) is none. Rejected if any cannot be read, or if nothing was answered."""
    if len(entries) > MOST:
        return Rejected("too_many", f"/answers may hold at most {MOST} answers.")
    if not 0 < len(questionnaire) <= LONGEST_CODE:
        return Rejected("unknown_code", "/questionnaire is no questionnaire known here.")
    found: dict[str, Value | None] = {}
    for position, entry in enumerate(entries):
        pointer = f"/answers/{position}"
        if not isinstance(entry, dict):
            return Rejected("wrong_type", f"{pointer} must be an object with question and value.")
        if (fault := members_missing(entry, {"question": str}, pointer)) is not None:
            return fault
        question = entry["question"]
        if "value" not in entry:
            return Rejected(
                "missing_field", f"{pointer}/value is missing: leave the answer out, or send null, where a question was skipped."
            )
        if not 0 < len(question) <= LONGEST_CODE:
            return Rejected("unknown_code", f"{pointer}/question is no question of this questionnaire.")
        if question in found:
            return Rejected("duplicate_code", f"{pointer}/question: this question is answered twice.")
        value = _value(entry["value"], f"{pointer}/value")
        if isinstance(value, Rejected):
            return value
        name = f"answer:{questionnaire}:{question}"
        found[question] = None if value is None else Value(name, question, value, "", str(entry["value"]), "")
    answers = [answer for answer in found.values() if answer is not None]
    return answers or Rejected("empty", "/answers holds no answer: every question was skipped.")


def _value(sent: Any, pointer: str) -> Decimal | str | Rejected | None:
    """A number, exactly; a code; or None where the question was skipped."""
    if sent is None:
        return None
    if type(sent) is str:
        return (
            sent
            if 0 < len(sent) <= LONGEST_CODE
            else Rejected("wrong_type", f"{pointer} must be a code of 1 to {LONGEST_CODE} characters.")
        )
    if type(sent) is NotFinite:
        return Rejected("not_finite", f"{pointer} must be a number or a code: NaN and Infinity are none.")
    if type(sent) is not Number:
        return Rejected("wrong_type", f"{pointer} must be a number or a code.")
    try:
        number = Decimal(sent)
    except InvalidOperation:
        number = Decimal("Infinity")
    if not number.is_finite() or math.isinf(float(number)) or abs(number.adjusted()) > LARGEST_POWER or len(sent) > LONGEST_NUMBER:
        return Rejected("not_finite", f"{pointer} is too large, or longer than {LONGEST_NUMBER} characters.")
    return Decimal(meaning.plain(number))
