"""Enrol patients with their gateways and plans, any number at once: a handful of set-based statements in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards/commands")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One patient, and the gateway that serves them if there is one. `plan` names one of the documents given beside it.

    The same patient may stand in several enrolments, each with another gateway. `secret_hash` belongs to the gateway.
    """

    patient: UUID
    centre: UUID
    name: str
    gateway: str | None = None
    secret_hash: bytes | None = None
    plan: str | None = None
    simulated: bool = False
    born: date | None = None
    language: str = "nb"
    phone: str = ""


def enrol(
    tx: Tx, enrolments: Sequence[Enrolment], documents: Mapping[str, str], *, since: datetime, plan_from: datetime | None = None
) -> None:
    """Write everything that enrolment means. `documents` maps a plan's name to its validated JSON text.

    Responsibility and assignments hold from `since`; plans are active from `plan_from` (the transaction's instant by default), so that
    readings measured after it raise alerts. Patients that exist keep what they have and gain the gateway.
    """
    given = {
        "now": tx.now,
        "since": since,
        "plan_from": plan_from or tx.now,
        "patients": [e.patient for e in enrolments],
        "centres": [e.centre for e in enrolments],
        "names": [e.name for e in enrolments],
        "born": [e.born for e in enrolments],
        "languages": [e.language for e in enrolments],
        "phones": [e.phone for e in enrolments],
        "gateways": [e.gateway for e in enrolments],
        "secret_hashes": [e.secret_hash for e in enrolments],
        "simulated": [e.simulated for e in enrolments],
        "plans": [e.plan for e in enrolments],
        "documents": list(documents),
        "texts": list(documents.values()),
    }
    for statement in ("patients", "responsibility", "gateways", "assignments", "plans", "states"):
        tx.execute(SQL[f"enrol_{statement}"], given)
