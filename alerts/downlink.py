"""What the home tablet needs to have, also without network: the plan, as a retained message to every gateway that serves the patient."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from alerts.alert import instant
from alerts.plans_in_force import PlanBook
from alerts.store import SQL
from devices import questionnaires, topics
from dho.db import Tx
from dho.plan import Plan, immediate
from dho.questionnaire import Shelf
from dho.rules.answer import Answer

FORM = "answer:"

_json = msgspec.json.Encoder(decimal_format="number")


def send_plans(tx: Tx, patients: Iterable[UUID]) -> None:
    """Queue the retained plan of every gateway that serves one of these patients: all its patients' plans in one payload."""
    serving = tx.rows(SQL["gateways_of_patients"], {"patients": list(patients), "now": tx.now})
    gateways = sorted({row.gateway for row in serving})
    if gateways:
        send_to_gateways(tx, gateways)


def send_to_gateways(tx: Tx, gateways: list[str]) -> None:
    """Queue what these gateways should hold now; an empty payload where no patient with a plan is left."""
    rows = tx.rows(SQL["plans_on_gateways"], {"gateways": gateways, "now": tx.now})
    book = PlanBook()
    book.load(tx, [row.id for row in rows if row.id])
    shelf = questionnaires.load(tx, {form for row in rows if row.id for form in asked(book[row.id])})
    languages = questionnaires.languages(tx, {row.patient for row in rows})
    held: dict[str, list[dict[str, Any]]] = {gateway: [] for gateway in gateways}
    for row in rows:
        if row.id:
            held[row.gateway].append(tablet_plan(row.patient, book[row.id], shelf, languages[row.patient]))
    targets = [topics.topic(gateway, topics.PLAN) for gateway in gateways]
    payloads = [_json.encode({"patients": held[gateway]}) if held[gateway] else b"" for gateway in gateways]
    tx.execute(SQL["queue_downlinks"], {"targets": targets, "payloads": payloads, "retain": True, "now": tx.now})


def asked(plan: Plan) -> tuple[str, ...]:
    """The questionnaires that a plan has scheduled, then those that it only judges."""
    scheduled = [item.key.removeprefix(FORM) for item in plan.schedule if item.key.startswith(FORM)]
    return tuple(dict.fromkeys([*scheduled, *(rule.questionnaire for rule in plan.rules if isinstance(rule, Answer))]))


def tablet_plan(patient: UUID, plan: Plan, shelf: Shelf, language: str) -> dict[str, Any]:
    """One patient's plan as the tablet holds it (contract, section 2), its questionnaires in the patient's language. A questionnaire
    that nobody knows is left out: there is nothing to ask."""
    document: Mapping[str, Any] = plan.document
    return {
        "patient": str(patient),
        "plan_version": plan.version.number,
        "valid_from": instant(plan.active_from),
        "schedule": document.get("schedule", []),
        "zones": document.get("zones", []),
        "contacts": document.get("contacts", []),
        "out_of_hours": document.get("out_of_hours", ""),
        "questionnaires": [form for name in asked(plan) if (form := shelf.for_tablet(name, language)) is not None],
        "immediate": immediate(plan),
        "pauses": [{"start": instant(start), "end": instant(end)} for start, end in plan.pauses],
    }
