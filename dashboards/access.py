"""The one door to a patient's data: who may do what with whom, why, and the line in the access log that says they did.

What a person may do follows from their part in the patient's care: the role, and the relation through which they have it. The database's
`visible_patients()` says who stands in which relation to whom; the table here says what each role may do. Whoever is not let in meets
the same "not found" as for a patient that does not exist. The log row is written in the transaction that reads.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from dashboards.sessions import Viewer
from dho.db import Tx
from dho.errors import NotAllowed, NotFound
from dho.sql import queries
from dho.texts import render

SQL = queries("dashboards")
Right = Literal["read", "act", "enter", "invalidate", "message", "draft_plan", "approve_plan", "activate_plan", "pause", "read_log"]

_NURSE: frozenset[Right] = frozenset(
    {"read", "act", "enter", "invalidate", "message", "draft_plan", "approve_plan", "activate_plan", "pause"}
)
_CLINICIAN_ELSEWHERE: frozenset[Right] = frozenset({"read", "message", "draft_plan", "approve_plan"})
RIGHTS: Mapping[str, frozenset[Right]] = {
    "follow_up_nurse": _NURSE,
    "centre_lead": _NURSE | {"read_log"},
    "contact_person": frozenset({"read", "enter", "message"}),
    "hospital_specialist": _CLINICIAN_ELSEWHERE,
    "gp": _CLINICIAN_ELSEWHERE,
    "patient": frozenset({"read", "message", "approve_plan", "read_log"}),
}
"""A role that is not named here sees no patient: next of kin until the patient has granted a scope, administrators and logistics never."""

READING = [role for role, rights in RIGHTS.items() if "read" in rights]
CLINICAL = frozenset({"follow_up_nurse", "centre_lead", "hospital_specialist", "gp"})
OWN, TREATMENT = "own_data", "treatment"


@dataclass(frozen=True, slots=True)
class Part:
    """One part that a person has in a patient's care: a role, and the relation that gives it (`centre:<id>` or `care_team`)."""

    role: str
    relation: str


@dataclass(frozen=True, slots=True)
class Relation:
    """All that binds the viewer to one patient; never empty. The first part is the one that the log names."""

    patient: UUID
    parts: tuple[Part, ...]

    def may(self, right: Right) -> bool:
        """Whether any part carries this right."""
        return any(right in RIGHTS[part.role] for part in self.parts)

    def rights(self) -> list[str]:
        """All rights, for a page that shows only what will work."""
        return sorted({right for part in self.parts for right in RIGHTS[part.role]})


def look(
    tx: Tx, viewer: Viewer, patient: UUID, what: str, purpose: str | None = None, *, right: Right = "read", request: str = ""
) -> Relation:
    """Open the door to one patient and write it down. Raises `NotFound` if hidden or absent, `NotAllowed` if the role lacks the right.

    `what` names the data ("measurements"); `purpose` defaults to treatment, for patients themselves to their own data.
    """
    found = tx.rows(SQL["relations_to_patient"], {"person": viewer.person, "now": tx.now, "patient": patient, "roles": READING})
    return _admit(tx, viewer, found, what, purpose, right, request)


def look_at_alert(tx: Tx, viewer: Viewer, alert: UUID, what: str, *, right: Right = "read", request: str = "") -> Relation:
    """The same door, found through one of the patient's alerts."""
    found = tx.rows(SQL["relations_to_alert"], {"person": viewer.person, "now": tx.now, "alert": alert, "roles": READING})
    return _admit(tx, viewer, found, what, None, right, request)


def look_at_plan(tx: Tx, viewer: Viewer, plan: UUID, what: str, *, right: Right = "read", request: str = "") -> Relation:
    """The same door, found through one of the patient's plan versions."""
    found = tx.rows(SQL["relations_to_plan"], {"person": viewer.person, "now": tx.now, "plan": plan, "roles": READING})
    return _admit(tx, viewer, found, what, None, right, request)


def look_at_uplink(tx: Tx, viewer: Viewer, uplink: UUID, what: str, *, right: Right = "read", request: str = "") -> Relation:
    """The same door, found through a measurement that somebody sent for the patient.

    The sender's id is unique within a patient only: where two patients in sight share it, say `NotFound` rather than guess.
    """
    found = tx.rows(SQL["relations_to_uplink"], {"person": viewer.person, "now": tx.now, "uplink": uplink, "roles": READING})
    if len({row.patient for row in found}) > 1:
        raise NotFound("Several patients have a measurement with this id: name the patient.")
    return _admit(tx, viewer, found, what, None, right, request)


def look_many(
    tx: Tx, viewer: Viewer, patients: Iterable[UUID], what: str, purpose: str | None = None, *, request: str = ""
) -> dict[UUID, Relation]:
    """Write down a look at each patient that a list shows, and say why each is there. Those out of sight are left out, not named."""
    shown = sorted(set(patients))
    if not shown:
        return {}
    found = tx.rows(SQL["relations_to_patients"], {"person": viewer.person, "now": tx.now, "patients": shown, "roles": READING})
    by_patient: dict[UUID, list[Any]] = {}
    for row in found:
        by_patient.setdefault(row.patient, []).append(row)
    relations = {patient: _relation(rows) for patient, rows in by_patient.items()}
    write_log(tx, viewer.person, relations.values(), what, purpose, request)
    return relations


def require_clinical(viewer: Viewer, tx: Tx) -> None:
    """Lists of patients are for those with a part in somebody's care. Raises `NotAllowed`: administrators have no clinical read."""
    if not CLINICAL.isdisjoint(post.role for post in viewer.memberships):
        return
    if tx.row(SQL["sees_anybody"], {"person": viewer.person, "now": tx.now, "roles": READING}) is None:
        raise NotAllowed("Your role has no access to patients.")


def _admit(tx: Tx, viewer: Viewer, found: list[Any], what: str, purpose: str | None, right: Right, request: str) -> Relation:
    if not found:
        raise NotFound("There is nothing here under that id.")
    relation = _relation(found)
    if not relation.may(right):
        raise NotAllowed("Your role does not carry this right.")
    write_log(tx, viewer.person, [relation], what, purpose, request)
    return relation


def _relation(rows: list[Any]) -> Relation:
    order = list(RIGHTS)
    parts = sorted({Part(row.role, row.relation) for row in rows}, key=lambda part: (order.index(part.role), part.relation))
    return Relation(rows[0].patient, tuple(parts))


def write_log(tx: Tx, person: UUID, relations: Iterable[Relation], what: str, purpose: str | None, request: str) -> None:
    """One row a patient, in the transaction that reads."""
    seen = list(relations)
    if not seen:
        return
    rows = {
        "at": tx.now,
        "person": person,
        "what": what,
        "request": request or None,
        "patients": [r.patient for r in seen],
        "roles": [r.parts[0].role for r in seen],
        "relations": [r.parts[0].relation for r in seen],
        "purposes": [purpose or purpose_of(r.parts[0].role) for r in seen],
    }
    tx.execute(SQL["log_looks"], rows)


def purpose_of(role: str) -> str:
    """Why a role looks, unless something else is said."""
    return OWN if role == "patient" else TREATMENT


def because(relation: Relation, viewer: Viewer, language: str) -> list[dict[str, Any]]:
    """ "You see this because …", one sentence for each part, with key and arguments beside it."""
    said = []
    for part in relation.parts:
        place = next((post.place for post in viewer.memberships if part.relation == f"centre:{post.centre}"), "")
        key = f"access.because.{'centre' if place else 'care_team'}.{part.role}"
        args = {"place": place} if place else {}
        said.append({"key": key, "args": args, "text": render(key, args, language)})
    return said
