"""The life of a plan version: draft → proposed → active → superseded | ended. A document is never rewritten; a change is a new version.

Who must agree before a version takes effect is for the municipality to say; each approval names the party, the person, the time and the
digest of the document that was agreed on. Activating a version supersedes the one before it in the same transaction, judges the
patient's stored readings by it (alerts are raised only for readings measured from its activation), and sends it to the patient's tablets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, get_args
from uuid import UUID, uuid4

import msgspec
from msgspec import structs

from alerts import store
from alerts.actions import rejudge
from alerts.approvals import Party, approval, refuse_unapproved
from alerts.downlink import send_plans
from alerts.judging import Case
from alerts.store import SQL
from dho.calendar import Hours
from dho.db import Actor, Tx
from dho.errors import Conflict, Invalid, InvalidTransition, NotFound
from dho.plan import PlanRef, read_plan
from dho.plan_staffing import refuse_unstaffed
from dho.plan_text import read_document

PlanState = Literal["draft", "proposed", "active", "superseded", "ended"]
_json = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """One version, as a person meets it. `version` counts steps of its life, for optimistic locking; `number` is the plan's own version."""

    id: UUID
    patient: UUID
    number: int
    state: str
    document: Mapping[str, Any]
    active_from: datetime | None
    active_until: datetime | None
    review_due: date | None
    created_at: datetime
    created_by: UUID | None
    approvals: list[dict[str, Any]]
    version: int
    restored_from: UUID | None
    document_sha256: str


def create_plan(tx: Tx, patient: UUID, document: Mapping[str, Any], actor: Actor, restored_from: UUID | None = None) -> PlanVersion:
    """Keep a new draft. Raises `PlanRefused` with every reason if the document is not a plan for the patient's centre."""
    hours = _hours(tx, patient)
    plan = uuid4()
    refuse_unstaffed(read_plan(document, version=PlanRef(plan, 1), timezone=hours.zone.key), hours)
    store.lock_patients(tx, [patient])
    number = tx.row(SQL["next_plan_number"], {"patient": patient}).number
    tx.execute(
        SQL["add_plan"],
        {
            "id": plan,
            "patient": patient,
            "number": number,
            "document": _json.encode(document).decode(),
            "review_due": _review_due(document),
            "at": tx.now,
            "by": actor.person,
            "restored_from": restored_from,
        },
    )
    return load_plan(tx, plan)


def restore(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """A former version's document as a new draft: rolling back is a step forward. Raises `Conflict` and what `create_plan` raises."""
    former = load_plan(tx, plan)
    _expect(former, expected_version, get_args(PlanState))
    return create_plan(tx, former.patient, former.document, actor, restored_from=plan)


def load_plan(tx: Tx, plan: UUID) -> PlanVersion:
    """One version. Raises `NotFound`."""
    row = tx.row(SQL["plan"], {"id": plan})
    if row is None:
        raise NotFound("There is no such plan.")
    return _version(row)


def list_plans(tx: Tx, patient: UUID) -> list[PlanVersion]:
    """All versions of a patient's plan, newest first."""
    return [_version(row) for row in tx.rows(SQL["plans_of_patient"], {"patient": patient})]


def propose(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """A draft is ready to be agreed on."""
    return _step(tx, plan, expected_version, ("draft",), "proposed", [])


def approve(tx: Tx, plan: UUID, actor: Actor, expected_version: int, party: Party = "nurse", *, on_behalf: bool = False) -> PlanVersion:
    """A party agrees to the document. `on_behalf`: the actor writes down what the party said, and is named as who recorded it."""
    present = load_plan(tx, plan)
    state = "proposed" if present.state == "draft" else present.state
    return _step(tx, plan, expected_version, ("draft", "proposed"), state, [approval(present, party, actor, tx.now, on_behalf)])


def activate(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """From now on this version is what the patient's readings are judged by.

    Raises `ApprovalsMissing` with the parties whose approval the municipality asks for and that is not there.
    """
    patient = load_plan(tx, plan).patient
    locked = store.lock_patients(tx, [patient])[patient]
    present = load_plan(tx, plan)
    _expect(present, expected_version, ("draft", "proposed"))
    refuse_unapproved(present.approvals, present.document_sha256, tx.row(SQL["approvals_needed"], {"patient": patient}).approvals_needed)
    hours = _hours(tx, patient)
    refuse_unstaffed(read_plan(present.document, version=PlanRef(plan, present.number), timezone=hours.zone.key), hours)
    tx.execute(SQL["end_active_plan"], {"patient": patient, "now": tx.now, "state": "superseded"})
    _move(tx, plan, "active", tx.now, [approval(present, "nurse", actor, tx.now)] if actor.person else [])
    rejudge(tx, Case(structs.replace(locked, plan_version=plan, state=None), tx.now), [])
    send_plans(tx, [patient])
    return load_plan(tx, plan)


def end(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """The active version ends and none takes over: values are kept and judged by nothing, and a task asks for a valid plan.

    Open alerts stay. Raises `InvalidTransition` while a repeat is awaited, because nothing would fire if none came.
    """
    patient = load_plan(tx, plan).patient
    locked = store.lock_patients(tx, [patient])[patient]
    _expect(load_plan(tx, plan), expected_version, ("active",))
    if any(alert.state == "pending_confirm" for alert in store.open_alerts(tx, [patient]).values()):
        raise InvalidTransition("A repeated measurement is awaited: end the plan when it has come.")
    tx.execute(SQL["end_active_plan"], {"patient": patient, "now": tx.now, "state": "ended"})
    rejudge(tx, Case(structs.replace(locked, plan_version=None, state=None), tx.now), [])
    send_plans(tx, [patient])
    return load_plan(tx, plan)


def _step(tx: Tx, plan: UUID, expected_version: int, states: tuple[str, ...], state: str, approvals: list[dict[str, Any]]) -> PlanVersion:
    patient = load_plan(tx, plan).patient
    store.lock_patients(tx, [patient])
    _expect(load_plan(tx, plan), expected_version, states)
    _move(tx, plan, state, None, approvals)
    return load_plan(tx, plan)


def _expect(present: PlanVersion, expected_version: int, states: tuple[str, ...]) -> None:
    if present.version != expected_version:
        raise Conflict("Somebody changed the plan since you saw it.", present.version)
    if present.state not in states:
        raise InvalidTransition(f"The plan is {present.state}.")


def _move(tx: Tx, plan: UUID, state: str, active_from: datetime | None, approvals: list[dict[str, Any]]) -> None:
    tx.execute(
        SQL["move_plan"],
        {"id": plan, "state": state, "from": active_from, "until": None, "approvals": _json.encode(approvals).decode()},
    )


def _review_due(document: Mapping[str, Any]) -> date | None:
    value = document.get("review_date")
    if value is None or isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise Invalid("review_date is not a date.") from None


def _hours(tx: Tx, patient: UUID) -> Hours:
    return store.responsible_centres(tx, [patient])[patient].hours


def _version(row: Any) -> PlanVersion:
    return PlanVersion(**{**row._asdict(), "document": read_document(row.document)})
