"""The life of a plan version: draft → proposed → active → superseded | ended. A document is never rewritten; a change is a new version.

Activating a version supersedes the one before it in the same transaction, judges the patient's stored readings by it (alerts are raised
only for readings measured from its activation), and sends it to the patient's tablets.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import structs

from alerts import store
from alerts.actions import rejudge
from alerts.downlink import send_plans
from alerts.judging import Case
from alerts.store import SQL
from dho.db import Actor, Tx
from dho.errors import Conflict, Invalid, InvalidTransition, NotFound
from dho.plan import PlanRef, read_plan
from dho.plan_text import read_document

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


def create_plan(tx: Tx, patient: UUID, document: Mapping[str, Any], actor: Actor) -> PlanVersion:
    """Keep a new draft. Raises `PlanRefused` with every reason if the document is not a plan."""
    timezone = store.responsible_centres(tx, [patient])[patient].hours.zone.key
    plan = uuid4()
    read_plan(document, version=PlanRef(plan, 1), timezone=timezone)
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
        },
    )
    return load_plan(tx, plan)


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


def approve(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """Somebody agrees; who, and when, stays with the version."""
    present = load_plan(tx, plan)
    state = "proposed" if present.state == "draft" else present.state
    said = {"person": str(actor.person), "at": tx.now}
    return _step(tx, plan, expected_version, ("draft", "proposed"), state, [said])


def activate(tx: Tx, plan: UUID, actor: Actor, expected_version: int) -> PlanVersion:
    """From now on this version is what the patient's readings are judged by."""
    patient = load_plan(tx, plan).patient
    locked = store.lock_patients(tx, [patient])[patient]
    _expect(load_plan(tx, plan), expected_version, ("draft", "proposed"))
    tx.execute(SQL["end_active_plan"], {"patient": patient, "now": tx.now})
    _move(tx, plan, "active", tx.now, [])
    rejudge(tx, Case(structs.replace(locked, plan_version=plan, state=None), tx.now), [])
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


def _version(row: Any) -> PlanVersion:
    return PlanVersion(**{**row._asdict(), "document": read_document(row.document)})
