"""What a plan would have done to the patient's own history, and the clinical events that it should have warned of."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field, StrictFloat, StrictInt, StrictStr

from alerts import clinical_events
from alerts.alert import instant
from alerts.backtest import Span, backtest
from alerts.clinical_events import ClinicalEvent, Kind
from alerts.plans import load_plan
from dashboards import access
from dashboards.api.shapes import Shape
from dashboards.backtest_told import told
from dashboards.caller import Asking, Caller, acting
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from dho.db import Tx
from dho.plan import PlanRef

router = APIRouter(prefix="/api/v1", tags=["back-test"])


class BacktestRequest(Shape):
    """What to go back to, and what to assume of the people who handle alerts."""

    since: AwareDatetime | None = Field(None, description="When the plan is thought active. By default a year ago, or the first reading.")
    until: AwareDatetime | None = None
    staff: Literal["assumed", "as_it_was", "nobody"] = "assumed"
    close_after_hours: Annotated[StrictFloat | StrictInt, Field(gt=0, le=1000)] = 24


class Backtest(Shape):
    """What the plan would have done, beside the active version. Show `warnings` first."""

    plan: UUID
    patient: UUID
    start: datetime
    until: datetime
    days: float
    readings: int
    assumption: dict[str, Any]
    warnings: list[dict[str, Any]]
    verdict: list[dict[str, Any]]
    draft: dict[str, Any]
    active: dict[str, Any] | None
    new: list[dict[str, Any]]
    missed: list[dict[str, Any]]
    milder: list[dict[str, Any]]


class NewClinicalEvent(Shape):
    """Something that happened to the patient. `at` is when it began."""

    kind: Kind
    at: AwareDatetime
    note: Annotated[StrictStr, Field(max_length=clinical_events.LONGEST_NOTE)] = ""


class ClinicalEventShape(Shape):
    """A recorded event."""

    id: UUID
    patient: UUID
    kind: Kind
    at: datetime
    note: str
    recorded_at: datetime
    recorded_by: UUID | None


class ClinicalEventList(Shape):
    """All of them, newest first."""

    items: list[ClinicalEventShape]
    next: str | None


@router.post("/plans/{plan}/backtest", response_model=None, responses=answers(Backtest, 400, 404))
def backtest_plan(plan: UUID, caller: Asking, body: BacktestRequest | None = None) -> Response:
    """What this version, draft or not, would have done to the patient's history, beside the active version. Changes nothing."""
    asked = body or BacktestRequest()
    span = Span(_reached(asked.until, caller.now), asked.since.astimezone(UTC) if asked.since else None)
    with caller.transaction("backtest plan") as tx:
        access.look_at_plan(tx, caller.viewer, plan, "plan.backtest", right="draft_plan", request=caller.request)
        with acting(tx):
            version = load_plan(tx, plan)
            found = backtest(
                tx,
                version.patient,
                version.document,
                span,
                version=PlanRef(version.id, version.number),
                presence=asked.staff,
                close_after=timedelta(hours=asked.close_after_hours),
            )
    return reply({"plan": plan, "patient": version.patient} | told(found, caller.viewer.language))


def _reached(until: datetime | None, now: datetime) -> datetime:
    """Nobody goes back to the future."""
    return now if until is None else min(until.astimezone(UTC), now)


@router.get("/patients/{patient}/clinical-events", response_model=None, responses=answers(ClinicalEventList, 404))
def list_clinical_events(patient: UUID, caller: Asking) -> Response:
    """What happened to the patient beside the measurements, newest first."""
    with caller.transaction("list clinical events") as tx:
        access.look(tx, caller.viewer, patient, "clinical_events", request=caller.request)
        found = clinical_events.events_of(tx, patient)
    return page([_event(event) for event in found], None)


@router.post(
    "/patients/{patient}/clinical-events", response_model=None, status_code=201, responses=answers(ClinicalEventShape, 404, status=201)
)
def record_clinical_event(patient: UUID, caller: Asking, body: NewClinicalEvent) -> Response:
    """Write down an exacerbation, an admission or the start of a treatment; the back-test says which plan would have caught it."""
    with caller.transaction("record clinical event") as tx:
        access.look(tx, caller.viewer, patient, "clinical_event.record", right="draft_plan", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _record(tx, caller, patient, body))


def _record(tx: Tx, caller: Caller, patient: UUID, body: NewClinicalEvent) -> Response:
    event = clinical_events.record(tx, patient, body.kind, body.at.astimezone(UTC), caller.viewer.actor, body.note)
    return reply(_event(event), 201)


def _event(event: ClinicalEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "patient": event.patient,
        "kind": event.kind,
        "at": instant(event.at),
        "note": event.note,
        "recorded_at": instant(event.recorded_at),
        "recorded_by": event.recorded_by,
    }
