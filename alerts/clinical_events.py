"""What happened to a patient that a plan should have warned of: an exacerbation, an admission, the start of a treatment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID, uuid4

from alerts.store import SQL
from dho.db import Actor, Tx
from dho.errors import Invalid

Kind = Literal["exacerbation", "admission", "treatment_start"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LONGEST_NOTE = 2000


@dataclass(frozen=True, slots=True)
class ClinicalEvent:
    """One event. `at` is when it began, `recorded_at` when somebody wrote it down."""

    id: UUID
    patient: UUID
    kind: Kind
    at: datetime
    note: str
    recorded_at: datetime
    recorded_by: UUID | None


def record(tx: Tx, patient: UUID, kind: Kind, at: datetime, actor: Actor, note: str = "") -> ClinicalEvent:
    """Write down what happened. Raises `Invalid` for a time to come or a note too long."""
    if at > tx.now:
        raise Invalid("A clinical event is something that has happened: give a time that has passed.")
    if len(note) > LONGEST_NOTE:
        raise Invalid(f"A note has at most {LONGEST_NOTE} characters.")
    event = ClinicalEvent(uuid4(), patient, kind, at, note, tx.now, actor.person)
    row = {"id": event.id, "patient": patient, "kind": kind, "at": at, "note": note, "now": tx.now, "by": actor.person}
    tx.execute(SQL["add_clinical_event"], row)
    return event


def events_of(tx: Tx, patient: UUID) -> list[ClinicalEvent]:
    """Everything recorded of a patient, newest first."""
    return [ClinicalEvent(*row) for row in tx.rows(SQL["clinical_events"], {"patient": patient})]
