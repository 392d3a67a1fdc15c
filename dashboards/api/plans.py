"""Plans: a patient's versions, a new draft, and the steps of a version's life."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Response

from alerts import plans
from alerts.alert import instant
from alerts.approvals import PARTY_OF_ROLE, Party
from alerts.plans import PlanVersion
from dashboards import access
from dashboards.access import Relation, Right
from dashboards.api.lists import Cursor, Limit
from dashboards.api.shapes import PlanList, PlanShape, PlanStep, Step
from dashboards.caller import Asking, Caller, acting
from dashboards.cursors import read_cursor, write_cursor
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from dashboards.versions import etag, expected_version
from dho.db import Tx
from dho.errors import NotAllowed
from dho.plan import read_document

router = APIRouter(prefix="/api/v1", tags=["plans"])
Verb = Literal["propose", "approve", "activate", "end"]
RIGHTS: dict[Verb, Right] = {"propose": "draft_plan", "approve": "approve_plan", "activate": "activate_plan", "end": "activate_plan"}
IfMatch = Annotated[str | None, Header(description='The version that was seen, as in `"3"`.')]
DOCUMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The plan's document, in JSON or YAML. Refused with every reason and its path.",
        "content": {"application/json": {"schema": {"type": "object"}}, "application/yaml": {"schema": {"type": "string"}}},
    }
}


def told(plan: PlanVersion) -> dict[str, Any]:
    """A plan version as clients meet it."""
    return {
        "id": plan.id,
        "patient": plan.patient,
        "number": plan.number,
        "state": plan.state,
        "version": plan.version,
        "document": plan.document,
        "active_from": instant(plan.active_from),
        "active_until": instant(plan.active_until),
        "review_due": plan.review_due,
        "created_at": instant(plan.created_at),
        "created_by": plan.created_by,
        "approvals": plan.approvals,
        "restored_from": plan.restored_from,
    }


@router.get("/patients/{patient}/plans", response_model=None, responses=answers(PlanList, 404))
def list_plans(patient: UUID, caller: Asking, limit: Limit = 100, cursor: Cursor = None) -> Response:
    """All versions of the patient's plan, newest first."""
    after = read_cursor("plans", cursor, (int,))
    with caller.transaction("list plans") as tx:
        access.look(tx, caller.viewer, patient, "plans", request=caller.request)
        found = [plan for plan in plans.list_plans(tx, patient) if after is None or plan.number < after[0]]
    following = write_cursor("plans", found[limit - 1].number) if len(found) > limit else None
    return page([told(plan) for plan in found[:limit]], following)


@router.post(
    "/patients/{patient}/plans",
    response_model=None,
    status_code=201,
    responses=answers(PlanShape, 400, 404, 413, status=201),
    openapi_extra=DOCUMENT,
)
def create_plan(patient: UUID, caller: Asking) -> Response:
    """Keep a document as a new draft."""
    with caller.transaction("draft plan") as tx:
        access.look(tx, caller.viewer, patient, "plan.draft", right="draft_plan", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _create(tx, caller, patient))


def _create(tx: Tx, caller: Caller, patient: UUID) -> Response:
    return drafted(plans.create_plan(tx, patient, read_document(caller.body), caller.viewer.actor))


def drafted(made: PlanVersion) -> Response:
    """The answer to whoever made a draft."""
    return reply(told(made), 201, etag(made.version) | {"Location": f"/api/v1/patients/{made.patient}/plans"})


@router.post("/plans/{plan}/restore", response_model=None, status_code=201, responses=answers(PlanShape, 400, 404, 409, 428, status=201))
def restore_plan(plan: UUID, caller: Asking, body: Step | None = None, if_match: IfMatch = None) -> Response:
    """Take up a former version's document again, as a new draft."""
    with caller.transaction("restore plan") as tx:
        access.look_at_plan(tx, caller.viewer, plan, "plan.restore", right="draft_plan", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _restore(tx, caller, plan, body or Step(), if_match))


def _restore(tx: Tx, caller: Caller, plan: UUID, body: Step, if_match: str | None) -> Response:
    return drafted(plans.restore(tx, plan, caller.viewer.actor, expected_version(if_match, body.expected_version)))


@router.post("/plans/{plan}/{verb}", response_model=None, responses=answers(PlanShape, 400, 404, 409, 428))
def take_plan_further(plan: UUID, verb: Verb, caller: Asking, body: PlanStep | None = None, if_match: IfMatch = None) -> Response:
    """Propose, approve, activate or end a version, naming the state of it that was seen.

    An approval is of the caller's own party; a nurse may also write down the patient's. Activation is refused while a party whose
    approval the municipality asks for is missing (`/problems/approvals_missing`).
    """
    with caller.transaction(f"{verb} plan") as tx:
        relation = access.look_at_plan(tx, caller.viewer, plan, f"plan.{verb}", right=RIGHTS[verb], request=caller.request)
        step = body or PlanStep()
        return once(tx, caller.name, caller.key, caller.digest, lambda: _step(tx, caller, plan, verb, step, if_match, relation))


def _step(tx: Tx, caller: Caller, plan: UUID, verb: Verb, body: PlanStep, if_match: str | None, relation: Relation) -> Response:
    actor, version = caller.viewer.actor, expected_version(if_match, body.expected_version)
    match verb:
        case "propose":
            after = plans.propose(tx, plan, actor, version)
        case "approve":
            party, on_behalf = _party(relation, body.party)
            after = plans.approve(tx, plan, actor, version, party, on_behalf=on_behalf)
        case "activate":
            with acting(tx):
                after = plans.activate(tx, plan, actor, version)
        case "end":
            with acting(tx):
                after = plans.end(tx, plan, actor, version)
    return reply(told(after), headers=etag(after.version))


def _party(relation: Relation, named: Party | None) -> tuple[Party, bool]:
    """Whose approval it is, and whether somebody else writes it down. Raises `NotAllowed`: nobody speaks for a colleague."""
    own = [PARTY_OF_ROLE[part.role] for part in relation.parts if part.role in PARTY_OF_ROLE]
    if named is None:
        return own[0], False
    if named in own:
        return named, False
    if named == "patient" and "nurse" in own:
        return named, True
    raise NotAllowed(f"The approval of the {named} is theirs to give.")
