"""Plans as documents: what is other in a version, the national form, and limits proposed from the start-up weeks."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from alerts import plans, starting
from dashboards import access
from dashboards.api.plan_shapes import Difference, NationalPlan, StartUp
from dashboards.api.plans import DOCUMENT, drafted
from dashboards.api.shapes import PlanShape
from dashboards.caller import Asking, Caller, acting
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import reply
from dho.db import Tx
from dho.errors import NotFound
from dho.national_plan import from_national, to_national
from dho.plan import read_document
from dho.plan_difference import difference
from dho.start_up import OwnNormal
from dho.texts import render

router = APIRouter(prefix="/api/v1", tags=["plans"])


@router.get("/plans/{plan}/difference", response_model=None, responses=answers(Difference, 404))
def read_difference(
    plan: UUID, caller: Asking, before: Annotated[UUID, Query(alias="from", description="The version before.")]
) -> Response:
    """What is other in this version than in another one of the same patient, in the caller's language."""
    with caller.transaction("compare plans") as tx:
        access.look_at_plan(tx, caller.viewer, plan, "plan.difference", request=caller.request)
        later, earlier = plans.load_plan(tx, plan), plans.load_plan(tx, before)
    if later.patient != earlier.patient:
        raise NotFound("There is no such plan.")
    changes = [
        {
            "kind": change.kind,
            "path": change.path,
            "text": render(change.text.key, change.text.args, caller.viewer.language),
            "key": change.text.key,
            "args": change.text.args,
        }
        for change in difference(earlier.document, later.document)
    ]
    versions = {"plan": later.id, "number": later.number, "compared_with": earlier.id, "compared_with_number": earlier.number}
    return reply(versions | {"changes": changes})


@router.get("/plans/{plan}/national", response_model=None, responses=answers(NationalPlan, 404))
def export_plan(plan: UUID, caller: Asking) -> Response:
    """The version as a national plan document; what that has no place for stands in `x-dho`."""
    with caller.transaction("export plan") as tx:
        access.look_at_plan(tx, caller.viewer, plan, "plan.national", request=caller.request)
        version = plans.load_plan(tx, plan)
    return reply(to_national(version.document, version.number))


@router.post(
    "/patients/{patient}/plans/national",
    response_model=None,
    status_code=201,
    responses=answers(PlanShape, 400, 404, 413, status=201),
    openapi_extra=DOCUMENT,
)
def import_plan(patient: UUID, caller: Asking) -> Response:
    """Keep a national plan document as a new draft."""
    with caller.transaction("import plan") as tx:
        access.look(tx, caller.viewer, patient, "plan.draft", right="draft_plan", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _import(tx, caller, patient))


def _import(tx: Tx, caller: Caller, patient: UUID) -> Response:
    return drafted(plans.create_plan(tx, patient, from_national(read_document(caller.body)), caller.viewer.actor))


@router.get("/patients/{patient}/proposed-limits", response_model=None, responses=answers(StartUp, 404))
def propose_limits(
    patient: UUID,
    caller: Asking,
    weeks: Annotated[int, Query(ge=starting.SHORTEST, le=starting.LONGEST, description="How many weeks back.")] = starting.LONGEST,
) -> Response:
    """Limits that the patient's own start-up weeks suggest, and what they would have fired on; a nurse confirms by drafting `document`."""
    with caller.transaction("propose limits") as tx:
        access.look(tx, caller.viewer, patient, "proposed_limits", right="draft_plan", request=caller.request)
        with acting(tx):
            found = starting.proposed_limits(tx, patient, weeks)
    told = {
        "since": (caller.now - timedelta(weeks=weeks)).date(),
        "until": caller.now.date(),
        "plan": found.version.id,
        "measurements": [_normal(one) for one in found.limits.measurements],
        "document": found.limits.document,
    }
    return reply(told)


def _normal(one: OwnNormal) -> dict[str, Any]:
    return {
        "measurement": one.measurement,
        "unit": one.unit,
        "readings": one.readings,
        "days": one.days,
        "median": one.median,
        "spread": one.spread,
        "enough": one.median is not None,
        "rules": [
            {
                "rule": line.rule,
                "zone": line.zone,
                "side": line.side,
                "unit": one.unit,
                "present": line.present,
                "proposed": line.proposed,
                "looser": line.looser,
                "fires_at_present": line.fires_at_present,
                "would_have_fired": line.would_have_fired,
            }
            for line in one.proposals
        ],
    }
