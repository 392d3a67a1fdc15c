"""One measurement's whole truth, gathered: what came, what was answered, what it meant, what followed, and who looked.

Alerts explain themselves from their journal, also when the observations are long gone. A quiet reading's verdict is computed again by
the same pure function, from the facts that stood at or before it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.judging import BEGINNING, facts_after, instant_of
from alerts.plans_in_force import PlanBook
from dashboards.commands.operator import SQL
from dashboards.commands.quarantine import readable
from dho.db import Tx
from dho.errors import NotFound
from dho.evaluation import judge, standing
from dho.plan import Plan
from dho.texts import render
from dho.verdict import Verdict

Told = dict[str, Any]


def trace(tx: Tx, identity: UUID) -> list[Told]:
    """Everything known under this id: a measurement's, or a quarantined message's. Several patients may have the same. `NotFound` if none.

    The look is written to the access log of every patient that it shows.
    """
    rows = tx.rows(SQL["trace_inbox"], {"id": identity})
    for row in rows:
        tx.execute(SQL["log_operator_look"], {"now": tx.now, "patient": row.patient, "what": f"trace {identity}"})
    stored = [_stored(tx, row) for row in rows]
    refused = [_refused(row) for row in tx.rows(SQL["trace_quarantine"], {"id": identity, "text": str(identity)})]
    if not stored and not refused:
        raise NotFound(f"Nothing is known of {identity}: no measurement and no quarantined message has that id.")
    return [*stored, *refused]


def _refused(row: Any) -> Told:
    told = {name: value for name, value in row._asdict().items() if name != "payload" and value is not None}
    return {"fate": "quarantined", **told, **readable(bytes(row.payload))}


def _stored(tx: Tx, row: Any) -> Told:
    patient, key = row.patient, {"patient": row.patient, "id": row.uplink}
    invalid = tx.row(SQL["trace_invalidation"], key)
    alerts = [found.alert for found in tx.rows(SQL["trace_alerts"], {"patient": patient, "text": str(row.uplink)})]
    journal = [_event(event, row.uplink) for event in tx.rows(SQL["trace_journal"], {"alerts": alerts})]
    told: Told = {
        "fate": "stored",
        "kind": row.kind,
        "id": row.uplink,
        "patient": str(patient),
        "gateway": row.gateway,
        "performer": row.performer,
        "taken_at": row.taken_at,
        "measured_at": row.measured_at,
        "received_at": row.received_at,
        "raw": readable(bytes(row.raw)),
        "receipt": readable(bytes(row.receipt)),
        "refused": row.refused,
        "invalid": invalid._asdict() if invalid else None,
        "observations": [_observation(o) for o in tx.rows(SQL["trace_observations"], {**key, "measured_at": row.measured_at})],
    }
    if row.kind == "measurement":
        told |= _verdicts(tx, patient, row)
    moments = sorted({row.received_at, *(event["at"] for event in journal)})
    told["alerts"] = journal
    told["frames"] = tx.dicts(SQL["trace_frames"], {"alerts": alerts, "patient": patient, "moments": moments})
    told["looks"] = tx.dicts(SQL["trace_looks"], {"patient": patient, "received_at": row.received_at})
    return {name: value for name, value in told.items() if value is not None}


def _observation(row: Any) -> Told:
    left_out = ("patient", "uplink")
    return {name: value for name, value in row._asdict().items() if value is not None and name not in left_out}


def _event(row: Any, uplink: UUID) -> Told:
    """One line of the journal, with the reasons that quote this reading; the rest of the alert's state stays in the database."""
    change = row.change
    because = [reason for reason in change.get("because", []) if str(uplink) in str(reason)]
    kept = ("family", "zone", "standing", "state", "level", "plan_number", "late", "supported", "owner", "outcome", "text")
    told = {name: value for name, value in row._asdict().items() if name != "change" and value is not None}
    return {**told, **{name: change.get(name) for name in kept if change.get(name) is not None}, "because": because}


def _verdicts(tx: Tx, patient: UUID, row: Any) -> Told:
    """The plan version that was in force when it was measured, and what each of its rules said then."""
    book = PlanBook()
    plan = _in_force(book, book.in_force(tx, [patient]).get(patient, []), row.measured_at)
    if plan is None:
        return {"plan": None, "verdicts": []}
    known = facts_after(tx, [(patient, BEGINNING)]).get(patient, [])
    facts = [fact for fact in known if instant_of(fact) <= row.measured_at]
    at = max(row.measured_at, row.received_at)
    state, _ = judge(plan, facts, row.measured_at)
    then = standing(plan, state, at)
    plan_told = {"id": plan.version.id, "number": plan.version.number, "title": plan.title, "active_from": plan.active_from}
    concerned = [v for v in then.rules if any(used.uplink == row.uplink for used in v.because.observations)]
    return {"plan": plan_told, "zone": then.zone, "verdicts": [_verdict(v) for v in concerned]}


def _in_force(book: PlanBook, versions: Sequence[Plan], at: datetime) -> Plan | None:
    for plan in versions:
        until = book.until(plan)
        if plan.active_from is not None and plan.active_from <= at and (until is None or at < until):
            return plan
    return None


def _verdict(verdict: Verdict) -> Told:
    finding = verdict.because.finding
    return {
        "rule": verdict.rule,
        "family": verdict.family,
        "result": verdict.result,
        "zone": verdict.zone if verdict.result == "fires" else None,
        "reason": verdict.reason,
        "because": verdict.because.to_json(),
        "said": render(finding.key, finding.args, "en"),
    }
