"""A patient's filled-in questionnaires: answers, what was left out, and scores."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from alerts.alert import instant
from dashboards import access
from dashboards.api.lists import Cursor, Limit
from dashboards.api.measurements import FIRST, LAST
from dashboards.api.shapes import Shape
from dashboards.caller import Asking
from dashboards.cursors import read_cursor, write_cursor
from dashboards.openapi import answers
from dashboards.replies import page
from dho.sql import queries

SQL = queries("dashboards")
router = APIRouter(prefix="/api/v1", tags=["measurements"])


class AnswerShape(Shape):
    """One answer: a number, or a code in words."""

    question: str
    value: float | str


class ScoreShape(Shape):
    """A score as bounds: `low` and `high` are equal where what is `missing` makes no difference. `prorated`: missing items were filled in
    with the mean of the others."""

    score: str
    low: float
    high: float
    complete: bool
    prorated: bool
    missing: list[str]


class FilledForm(Shape):
    """One filled-in questionnaire. `unanswered` are required questions that were asked and not answered."""

    id: UUID
    questionnaire: str
    version: int
    measured_at: datetime
    received_at: datetime
    source: str | None
    answers: list[AnswerShape]
    unanswered: list[str]
    scores: list[ScoreShape]
    refused: list[dict[str, Any]]
    note: str | None
    late: bool
    clock_suspect: bool
    invalid: str | None


class FilledFormList(Shape):
    """One page of filled-in questionnaires, newest first."""

    items: list[FilledForm]
    next: str | None


@router.get("/patients/{patient}/answers", response_model=None, responses=answers(FilledFormList, 404))
def list_answers(
    patient: UUID,
    caller: Asking,
    questionnaire: Annotated[str | None, Query(max_length=64, description="Only answers to this questionnaire.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The patient's filled-in questionnaires with their scores, newest first; invalid ones too, marked as such."""
    after = read_cursor("answers", cursor, (datetime.fromisoformat, UUID))
    with caller.transaction("list answers") as tx:
        access.look(tx, caller.viewer, patient, "answers", request=caller.request)
        params = {"patient": patient, "since": since or FIRST, "until": until or LAST, "questionnaire": questionnaire, "limit": limit + 1}
        found = tx.rows(SQL["forms_of_patient"], params | {"at": after[0] if after else None, "uplink": after[1] if after else None})
    shown = found[:limit]
    following = write_cursor("answers", shown[-1].measured_at.isoformat(), shown[-1].uplink) if len(found) > limit else None
    return page([_form(row) for row in shown], following)


def _form(row: Any) -> dict[str, Any]:
    return {
        "id": row.uplink,
        "questionnaire": row.questionnaire,
        "version": row.version,
        "measured_at": instant(row.measured_at),
        "received_at": instant(row.received_at),
        "source": row.source,
        "answers": row.answers,
        "unanswered": row.unanswered,
        "scores": row.scores,
        "refused": row.refused or [],
        "note": row.note,
        "late": row.late,
        "clock_suspect": row.clock_suspect,
        "invalid": row.invalid_reason,
    }
