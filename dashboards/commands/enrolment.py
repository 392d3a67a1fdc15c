"""Enrol patients with their gateways and plans, any number at once: a handful of set-based statements in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec

from alerts.actions import queue
from alerts.downlink import asked, tablet_plan
from alerts.store import lock_patients
from dashboards.commands.operator import SQL
from devices import questionnaires, topics
from dho.db import Tx
from dho.plan import PlanRef, read_plan
from dho.plan_text import read_document

_ENCODER = msgspec.json.Encoder(decimal_format="number")
STATEMENTS = ("patients", "responsibility", "gateways", "assignments", "plans", "states")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One patient, and the gateway that serves them if there is one. `plan` names one of the documents given beside it.

    The same patient may stand in several enrolments, each with another gateway. `secret_hash` belongs to the gateway. A `simulated`
    patient's gateway is simulated too, and nothing is judged before its simulator speaks.
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
    tx: Tx,
    enrolments: Sequence[Enrolment],
    documents: Mapping[str, str],
    *,
    since: datetime,
    plan_from: datetime | None = None,
    judge_at: datetime | None = None,
) -> None:
    """Write everything that enrolment means. `documents` maps a plan's name to its validated JSON text.

    Responsibility and assignments hold from `since`; plans are active from `plan_from` (the transaction's instant by default), so that
    readings measured after it raise alerts. Patients that exist keep what they have and gain the gateway. `judge_at` is when time alone
    first judges the new ones; None leaves that to their first reading.
    """
    plan_from = plan_from or tx.now
    given = {
        "now": tx.now,
        "since": since,
        "plan_from": plan_from,
        "judge_at": judge_at,
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
    for statement in STATEMENTS:
        tx.execute(SQL[f"enrol_{statement}"], given)
    _send_plans(tx, enrolments, documents, plan_from)


def enrol_gateway(tx: Tx, centre: UUID, gateway: str, secret_hash: bytes, patients: Sequence[UUID], since: datetime) -> None:
    """Register one gateway that serves these patients, who are there already, from `since` on."""
    registered = {"gateways": [gateway], "centres": [centre], "secret_hashes": [secret_hash], "simulated": [False], "now": tx.now}
    tx.execute(SQL["enrol_gateways"], registered)
    tx.execute(SQL["enrol_assignments"], {"patients": list(patients), "gateways": [gateway] * len(patients), "since": since})


def put_in_force(tx: Tx, patient: UUID, text: str, active_from: datetime) -> None:
    """A patient's first plan, in force since `active_from`: for stored or coming history. The patient is judged by it at once."""
    given = {"now": tx.now, "plan_from": active_from, "patients": [patient], "plans": ["first"], "documents": ["first"], "texts": [text]}
    lock_patients(tx, [patient])
    tx.execute(SQL["enrol_plans"], given)
    tx.execute(SQL["judge_by_first_plan"], {"patient": patient, "now": tx.now})


def _send_plans(tx: Tx, enrolments: Sequence[Enrolment], documents: Mapping[str, str], active_from: datetime) -> None:
    """Queue the retained plan of every new gateway; one compilation a document, not one a patient."""
    compiled = {
        name: read_plan(read_document(text), version=PlanRef(UUID(int=0), 1), timezone="UTC", active_from=active_from)
        for name, text in documents.items()
    }
    shelf = questionnaires.load(tx, {form for plan in compiled.values() for form in asked(plan)})
    held: dict[str, list[dict[str, Any]]] = {}
    for e in enrolments:
        if e.gateway and e.plan:
            held.setdefault(e.gateway, []).append(tablet_plan(e.patient, compiled[e.plan], shelf, e.language))
    downlinks = [(topics.topic(gateway, topics.PLAN), _ENCODER.encode({"patients": plans})) for gateway, plans in held.items()]
    queue(tx, downlinks, retain=True)
