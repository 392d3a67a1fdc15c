"""Holidays and admissions of a patient: written down, looked up, ended."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Response

from alerts import pauses
from alerts.alert import instant
from alerts.pauses import PatientPause
from dashboards import access
from dashboards.api.plan_shapes import NewPause, PauseList, PauseShape
from dashboards.caller import Asking, Caller, acting
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from dashboards.versions import etag, expected_version
from dho.db import Tx

router = APIRouter(prefix="/api/v1/patients/{patient}/pauses", tags=["plans"])
IfMatch = Annotated[str | None, Header(description='The version that was seen, as in `"1"`.')]


def told(pause: PatientPause) -> dict[str, Any]:
    """A pause as clients meet it."""
    return {
        "id": pause.id,
        "patient": pause.patient,
        "start": instant(pause.start_at),
        "end": instant(pause.end_at),
        "kind": pause.kind,
        "reason": pause.reason,
        "created_at": instant(pause.created_at),
        "created_by": pause.created_by,
        "ended_by": pause.ended_by,
        "version": pause.version,
    }


@router.get("", response_model=None, responses=answers(PauseList, 404))
def list_pauses(patient: UUID, caller: Asking) -> Response:
    """The patient's pauses, newest first."""
    with caller.transaction("list pauses") as tx:
        access.look(tx, caller.viewer, patient, "pauses", request=caller.request)
        return page([told(pause) for pause in pauses.list_pauses(tx, patient)], None)


@router.post("", response_model=None, status_code=201, responses=answers(PauseShape, 400, 404, status=201))
def add_pause(patient: UUID, caller: Asking, body: NewPause) -> Response:
    """Expect nothing for a while: reminders and missing rules stop, what arrives is judged."""
    with caller.transaction("pause patient") as tx:
        access.look(tx, caller.viewer, patient, "pause", right="pause", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _add(tx, caller, patient, body))


def _add(tx: Tx, caller: Caller, patient: UUID, body: NewPause) -> Response:
    with acting(tx):
        made = pauses.add_pause(tx, patient, body.start, body.end, caller.viewer.actor, kind=body.kind, reason=body.reason)
    return reply(told(made), 201, etag(made.version) | {"Location": f"/api/v1/patients/{patient}/pauses"})


@router.delete("/{pause}", response_model=None, status_code=204, responses=answers(None, 400, 404, 409, 428, status=204))
def end_pause(patient: UUID, pause: UUID, caller: Asking, if_match: IfMatch = None) -> Response:
    """The pause ends now, or never happens if it has not begun. The patient is judged again."""
    with caller.transaction("end pause") as tx:
        access.look(tx, caller.viewer, patient, "pause", right="pause", request=caller.request)
        version = expected_version(if_match, None)
        with acting(tx):
            pauses.end_pause(tx, patient, pause, caller.viewer.actor, version)
    return Response(status_code=204)
