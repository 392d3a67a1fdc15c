"""A patient's measurements: reading them, entering what was taken by phone or on a visit, and marking one as invalid."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime

from alerts import actions
from alerts.alert import instant
from dashboards import access
from dashboards.api.entering import RECEIPT_BODY, enter, receipt_answers
from dashboards.api.lists import Cursor, Limit
from dashboards.api.shapes import Invalid, Invalidated, ValueList
from dashboards.caller import Asking, Caller, acting
from dashboards.cursors import read_cursor, write_cursor
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from devices import topics
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards")
router = APIRouter(prefix="/api/v1", tags=["measurements"])
FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)


@router.get("/patients/{patient}/measurements", response_model=None, responses=answers(ValueList, 404))
def list_measurements(
    patient: UUID,
    caller: Asking,
    code: Annotated[str | None, Query(max_length=40, description="A code or a short name of a measurement.")] = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The patient's values, newest first; invalid ones too, marked as such."""
    after = read_cursor("measurements", cursor, (datetime.fromisoformat, UUID, int))
    with caller.transaction("list measurements") as tx:
        access.look(tx, caller.viewer, patient, "measurements", request=caller.request)
        params = {"patient": patient, "since": since or FIRST, "until": until or LAST, "code": code, "limit": limit + 1}
        place = {"at": after[0] if after else None, "uplink": after[1] if after else None, "position": after[2] if after else None}
        found = tx.rows(SQL["values_of_patient"], params | place)
    shown = found[:limit]
    last = shown[-1] if shown else None
    following = (
        write_cursor("measurements", last.measured_at.isoformat(), last.uplink, last.position) if last and len(found) > limit else None
    )
    return page([_value(row) for row in shown], following)


def _value(row: Any) -> dict[str, Any]:
    return {
        "measurement": row.uplink,
        "position": row.position,
        "name": row.measurement,
        "code": row.code,
        "value": row.value if row.letter is None else row.letter,
        "unit": row.unit,
        "sent": {"value": row.sent_value, "unit": row.sent_unit},
        "measured_at": instant(row.measured_at),
        "received_at": instant(row.received_at),
        "source": row.source,
        "device": row.device,
        "oxygen_l_min": row.oxygen_l_min,
        "note": row.note,
        "late": row.late,
        "clock_suspect": row.clock_suspect,
        "invalid": row.invalid_reason,
    }


@router.post("/patients/{patient}/measurements", response_model=None, responses=receipt_answers(404), openapi_extra=RECEIPT_BODY)
def enter_measurements(patient: UUID, caller: Asking) -> Response:
    """Enter values taken by phone or on a visit: same body and receipt as a tablet's, with the person who entered them."""
    return enter(caller, patient, topics.MEASUREMENTS)


@router.post("/patients/{patient}/answers", response_model=None, responses=receipt_answers(404), openapi_extra=RECEIPT_BODY)
def enter_answers(patient: UUID, caller: Asking) -> Response:
    """Enter answers to a questionnaire given by phone or on a visit."""
    return enter(caller, patient, topics.ANSWERS)


@router.post("/measurements/{measurement}/invalid", response_model=None, responses=answers(Invalidated, 404))
def mark_invalid(measurement: UUID, caller: Asking, body: Invalid) -> Response:
    """Mark a measurement as one that should not count. It stays, struck through, and the patient is judged again without it."""
    with caller.transaction("mark invalid") as tx:
        if body.patient is None:
            patient = access.look_at_uplink(
                tx, caller.viewer, measurement, "measurement.invalid", right="invalidate", request=caller.request
            ).patient
        else:
            patient = body.patient
            access.look(tx, caller.viewer, patient, "measurement.invalid", right="invalidate", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _withdraw(tx, caller, patient, measurement, body.reason))


def _withdraw(tx: Tx, caller: Caller, patient: UUID, measurement: UUID, reason: str) -> Response:
    with acting(tx):
        actions.invalidate(tx, patient, measurement, caller.viewer.actor, reason)
    return reply({"measurement": measurement, "patient": patient, "reason": reason, "at": instant(caller.now)})
