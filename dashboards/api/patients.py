"""Patients: the list, one with why it is seen, messages to them, and who has looked at their data."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from alerts import actions
from alerts.alert import instant
from dashboards import access
from dashboards.api.lists import Cursor, Limit
from dashboards.api.shapes import LookList, MessageShape, NewMessage, PatientList, PatientPage
from dashboards.caller import Asking, Caller
from dashboards.cursors import read_cursor, write_cursor
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from dho.db import Tx
from dho.plan import read_document
from dho.sql import queries

SQL = queries("dashboards")
router = APIRouter(prefix="/api/v1/patients", tags=["patients"])


@router.get("", response_model=None, responses=answers(PatientList))
def list_patients(
    caller: Asking,
    centre: Annotated[UUID | None, Query(description="Only those whom this centre is responsible for.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The patients in sight."""
    after = read_cursor("patients", cursor, (UUID,))
    with caller.transaction("list patients") as tx:
        access.require_clinical(caller.viewer, tx)
        params = {"person": caller.viewer.person, "now": caller.now, "roles": access.READING, "centre": centre}
        found = tx.rows(SQL["patients_in_sight"], params | {"after": after[0] if after else None, "limit": limit + 1})
        shown = found[:limit]
        access.look_many(tx, caller.viewer, [row.id for row in shown], "patients", request=caller.request)
    return page([_line(row) for row in shown], write_cursor("patients", shown[-1].id) if len(found) > limit else None)


def _line(row: Any) -> dict[str, Any]:
    """A patient without a valid plan has no zone, whatever was judged before."""
    return {
        "id": row.id,
        "name": row.name,
        "born": row.born,
        "zone": row.zone if row.valid_plan else None,
        "zone_since": instant(row.zone_since) if row.valid_plan else None,
        "valid_plan": row.valid_plan,
        "plan_version": row.plan_number,
        "review_due": row.review_due,
        "last_heard_at": instant(row.last_heard_at),
        "open_alerts": {"red": row.reds, "yellow": row.yellows},
    }


@router.get("/{patient}", response_model=None, responses=answers(PatientPage, 404))
def read_patient(patient: UUID, caller: Asking) -> Response:
    """One patient: where they stand, the plan in force, the care team, and why the caller sees it."""
    with caller.transaction("read patient") as tx:
        relation = access.look(tx, caller.viewer, patient, "patient", request=caller.request)
        row = tx.row(SQL["patient"], {"patient": patient, "now": caller.now})
        team = tx.dicts(SQL["care_team"], {"patient": patient, "now": caller.now})
    told = _line(row) | {
        "kind": row.kind,
        "language": row.language,
        "phone": row.phone,
        "centre": {"id": row.centre, "name": row.centre_name, "phone": row.centre_phone} if row.centre else None,
        "plan": _plan(row) if row.plan else None,
        "care_team": team,
        "rights": relation.rights(),
        "you_see_this_because": access.because(relation, caller.viewer, caller.viewer.language),
    }
    return reply(told)


def _plan(row: Any) -> dict[str, Any]:
    document = read_document(row.document)
    return {
        "id": row.plan,
        "number": row.plan_number,
        "active_from": instant(row.active_from),
        "review_due": row.review_due,
        "title": document.get("title"),
        "zones": document.get("zones", []),
    }


@router.post("/{patient}/messages", response_model=None, status_code=201, responses=answers(MessageShape, 404, status=201))
def post_message(patient: UUID, caller: Asking, body: NewMessage) -> Response:
    """Send a message to the patient's tablets."""
    with caller.transaction("post message") as tx:
        access.look(tx, caller.viewer, patient, "message", right="message", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _post(tx, caller, patient, body.text))


def _post(tx: Tx, caller: Caller, patient: UUID, text: str) -> Response:
    message = actions.post_message(tx, patient, caller.viewer.actor, text)
    return reply({"id": message, "patient": patient, "at": instant(caller.now), "text": text}, 201)


@router.get("/{patient}/access-log", response_model=None, responses=answers(LookList, 404))
def read_access_log(patient: UUID, caller: Asking, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """Who has looked at the patient's data, newest first. For patients themselves and for the centre's lead; this look is logged too."""
    after = read_cursor("access_log", cursor, (datetime.fromisoformat, int))
    with caller.transaction("read access log") as tx:
        access.look(tx, caller.viewer, patient, "access_log", right="read_log", request=caller.request)
        place = {"after_at": after[0] if after else None, "after_id": after[1] if after else None, "limit": limit + 1}
        found = tx.rows(SQL["looks_at_patient"], {"patient": patient} | place)
    shown = found[:limit]
    items = [
        {"at": instant(r.at), "who": r.who, "role": r.role, "relation": r.relation, "purpose": r.purpose, "what": r.what} for r in shown
    ]
    return page(items, write_cursor("access_log", shown[-1].at.isoformat(), shown[-1].id) if len(found) > limit else None)
