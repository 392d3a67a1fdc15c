"""What plan and time do to an alert: pure functions from an alert and a fact to the next line of its journal (people: `acts.py`).

The life, as built: pending_confirm → open → claimed → in_progress → waiting_patient | waiting_party → closed(outcome); open and claimed
may be snoozed; an unanswered one climbs a level at each `escalate_at`; a worse zone voids claim and snooze and alerts again; red is
closed by a person, always; a yellow whose rules have cleared, that nobody claimed and that has been listed in one opening period,
clears itself. Nothing here reads a clock or a database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from alerts.alert import RANK, Alert, AlertEvent, EventType, State, Zone, instant, sentence
from dho.actor import INGEST, WATCH, Actor
from dho.calendar import Hours
from dho.verdict import Verdict, explanation

LATE_HORIZON = timedelta(hours=72)
UNANSWERED = {"red": timedelta(minutes=15), "yellow": timedelta(hours=4)}
FIRST_CONTACT = {"red": timedelta(hours=1), "yellow": timedelta(hours=7)}
HIGHEST_LEVEL = {"red": 2, "yellow": 1}  # shift lead, then deputy; a yellow stops at the shift lead
BASIS_KEPT = 50
HELD: tuple[State, ...] = ("claimed", "in_progress", "waiting_patient", "waiting_party")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a patient stands administratively when something fires: what an alert takes with it."""

    patient: UUID
    centre: UUID
    organisation: UUID
    hours: Hours
    language: str


@dataclass(frozen=True, slots=True)
class OldRedValue:
    """A red reading that came after the late horizon: no alert, but a visible task, never silence."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NotReported:
    """A required item was not reported: a task to make contact."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ReportedAgain:
    """What was missing has come, if late: the task is done; the miss stays in the record."""

    verdict: Verdict


def name_of(verdict: Verdict) -> str:
    """What identifies the same verdict across replays."""
    return f"{verdict.rule}@{verdict.key}"


def decide(
    alert: Alert | None, former: Alert | None, verdicts: Sequence[Verdict], setting: Setting, now: datetime
) -> AlertEvent | OldRedValue | NotReported | ReportedAgain | None:
    """What the verdicts of one family at one instant do to its open alert (or to none): an event, a task, or nothing.

    The worst one leads; those that fire with it are quoted beside it. `former` is the family's latest closed alert: what was measured
    before it was closed has been handled and raises nothing.
    """
    firing = sorted((v for v in verdicts if v.result == "fires" and not v.muted), key=lambda v: -RANK[v.zone])
    waiting = [v for v in verdicts if v.reason == "awaiting_repeat"]
    handled_at = former.closed_at if former and former.state == "closed" else None
    if handled_at and verdicts[0].judged_at <= handled_at:
        return None
    if firing:
        lead = firing[0]
        if lead.zone == "not_reported":
            return NotReported(lead)
        if alert is None or alert.state == "pending_confirm":
            if _is_past_horizon(lead):
                return OldRedValue(lead) if lead.zone == "red" else None
            return _raise(alert, former, firing, setting, now)
        return _join(alert, firing, setting, now)
    if verdicts[-1].result == "clear" and verdicts[-1].zone == "not_reported":
        return ReportedAgain(verdicts[-1])
    if waiting:
        return _await_repeat(alert, former, waiting[0], setting, now)
    if alert and alert.state == "pending_confirm" and any(v.result == "clear" and v.rule == _only_rule(alert) for v in verdicts):
        return event("alert.auto_cleared", _ended(alert, now), now, INGEST, "dismissed_by_repeat")
    return None


def ease(alert: Alert, standing: str, hours: Hours, now: datetime) -> AlertEvent | None:
    """The family's rules now say something milder; the alert's own zone never falls."""
    if not alert.is_open or alert.state == "pending_confirm" or RANK[standing] >= RANK[alert.standing]:
        return None
    eased = replace(alert, standing=standing)
    if alert.zone == "yellow" and standing in ("green", "not_reported") and alert.escalate_at is None:
        eased = replace(eased, escalate_at=hours.add_service_time(now, UNANSWERED["yellow"]))  # when it may clear itself
    return event("alert.eased", eased, now, INGEST)


def withdraw(alert: Alert, vanished: frozenset[str], by_invalidation: bool, now: datetime) -> AlertEvent | None:
    """Later data (or an invalidated reading) took verdicts away that this alert rests on; a pending one ends, others stay and say so."""
    left = [name for name in alert.basis if name not in vanished]
    if len(left) == len(alert.basis):
        return None
    if alert.state == "pending_confirm":
        return event("alert.auto_cleared", replace(_ended(alert, now), basis=left, supported=False), now, INGEST, "not_supported")
    supported = bool(left)
    changed = replace(alert, basis=left, supported=supported, basis_withdrawn=alert.basis_withdrawn or (by_invalidation and not supported))
    return event("alert.updated", changed, now, INGEST, "still_supported" if supported else "not_supported")


def _ended(alert: Alert, now: datetime) -> Alert:
    return replace(alert, state="auto_cleared", closed_at=now, confirm_until=None, escalate_at=None, due_at=None, standing="green")


def _is_past_horizon(verdict: Verdict) -> bool:
    return verdict.newest_received - verdict.judged_at > LATE_HORIZON


def _because(verdict: Verdict, language: str) -> dict[str, Any]:
    """What one rule says, quoting the values: it must explain itself after the observations are gone."""
    key, args = explanation(verdict)
    said = sentence(key, args, language)
    return {
        **verdict.because.to_json(),
        "zone": verdict.zone,
        "result": verdict.result,
        "reason": verdict.reason,
        "judged_at": instant(verdict.judged_at),
        "explanation": said["text"],
        "key": said["key"],
        "args": said["args"],
    }


def _raise(pending: Alert | None, former: Alert | None, firing: Sequence[Verdict], setting: Setting, now: datetime) -> AlertEvent:
    lead = firing[0]
    zone: Zone = "red" if lead.zone == "red" else "yellow"
    fresh = _fresh(former, lead, setting, zone, "open", now) if pending is None else pending
    raised = replace(
        fresh,
        zone=zone,
        standing=zone,
        state="open",
        confirm_until=None,
        raised_at=now,
        late=fresh.late or any(v.late for v in firing),
        basis=[name_of(v) for v in firing if v.zone == lead.zone],
        because=[_because(v, setting.language) for v in firing],
        due_at=setting.hours.add_service_time(now, FIRST_CONTACT[zone]),
        escalate_at=setting.hours.add_service_time(now, UNANSWERED[zone]),
    )
    raised = replace(raised, text=_headline(raised, setting.language))
    return event("alert.raised", raised, now, INGEST, new=pending is None)


def _fresh(former: Alert | None, verdict: Verdict, setting: Setting, zone: Zone, state: State, now: datetime) -> Alert:
    """A new alert's first version. Its id follows from what caused it, so that the same cause can never make two."""
    cause = f"{setting.patient}/{verdict.family}/{name_of(verdict)}/{former.id if former else ''}"
    return Alert(
        id=uuid5(verdict.plan_version.id, cause),
        version=1,
        patient=setting.patient,
        centre=setting.centre,
        organisation=setting.organisation,
        family=verdict.family,
        zone=zone,
        standing=zone,
        state=state,
        plan_version=verdict.plan_version.id,
        plan_number=verdict.plan_version.number,
        raised_at=now,
        updated_at=now,
        late=verdict.late,
        supported=True,
        text={},
        because=[],
        basis=[name_of(verdict)],
        former=former.id if former else None,
    )


def _join(alert: Alert, firing: Sequence[Verdict], setting: Setting, now: datetime) -> AlertEvent | None:
    """A breach joins the open alert: updated, or worsened, which voids claim and snooze and alerts again."""
    lead = firing[0]
    worse = RANK[lead.zone] > RANK[alert.zone]
    if worse and _is_past_horizon(lead):
        return None
    changed = replace(
        alert,
        because=_with_newest(alert.because, [_because(v, setting.language) for v in firing]),
        breaches=alert.breaches + 1,
        late=alert.late or any(v.late for v in firing),
        standing=lead.zone if RANK[lead.zone] > RANK[alert.standing] else alert.standing,
    )
    basis = [name_of(v) for v in firing if v.zone == lead.zone]
    if worse:
        changed = replace(unheld(changed), zone="red", level=0, supported=True, basis=basis)
        changed = replace(
            changed,
            due_at=setting.hours.add_service_time(now, FIRST_CONTACT["red"]),
            escalate_at=setting.hours.add_service_time(now, UNANSWERED["red"]),
        )
    elif lead.zone == alert.zone:
        changed = replace(changed, supported=True, basis=[*alert.basis, *basis][-BASIS_KEPT:])
    changed = replace(changed, text=_headline(changed, setting.language))
    return event("alert.worsened" if worse else "alert.updated", changed, now, INGEST)


def _with_newest(told: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry a rule: its newest judgement (a late breach does not hide what was measured after it)."""
    newest = {entry["rule"]: entry for entry in told}
    for entry in new:
        known = newest.get(entry["rule"])
        if known is None or known["judged_at"] <= entry["judged_at"]:
            newest[entry["rule"]] = entry
    return sorted(newest.values(), key=lambda entry: (-RANK[entry["zone"]], entry["rule"]))


def _await_repeat(alert: Alert | None, former: Alert | None, verdict: Verdict, setting: Setting, now: datetime) -> AlertEvent | None:
    if _is_past_horizon(verdict) or (alert is not None and alert.state != "pending_confirm"):
        return None
    zone: Zone = "red" if verdict.zone == "red" else "yellow"
    pending = alert or _fresh(former, verdict, setting, zone, "pending_confirm", now)
    pending = replace(pending, confirm_until=verdict.confirm_until, because=[_because(verdict, setting.language)], basis=[name_of(verdict)])
    return event("alert.pending", replace(pending, text=_headline(pending, setting.language)), now, INGEST, new=alert is None)


def _headline(alert: Alert, language: str) -> dict[str, Any]:
    """One sentence for the board: the worst rule's explanation."""
    worst = max(alert.because, key=lambda b: RANK[b["zone"]])
    return sentence(worst["key"], worst["args"], language)


def _only_rule(alert: Alert) -> str | None:
    return alert.because[0]["rule"] if len(alert.because) == 1 else None


def event(
    type_: EventType, alert: Alert, now: datetime, actor: Actor, reason: str | None = None, *, new: bool = False, **detail: Any
) -> AlertEvent:
    """A line of the journal: the alert as it became, one version on unless it is `new`."""
    return AlertEvent(
        type_, replace(alert, version=alert.version if new else alert.version + 1, updated_at=now), now, actor, reason, detail
    )


def unheld(alert: Alert) -> Alert:
    """The alert as nobody's again."""
    state: State = "pending_confirm" if alert.state == "pending_confirm" else "open"
    return replace(alert, state=state, owner=None, ack_expires_at=None, snoozed_until=None)


def climbed(alert: Alert, hours: Hours, now: datetime) -> Alert:
    """One level up, with the next deadline unless the top is reached."""
    level = alert.level + 1
    again = hours.add_service_time(now, UNANSWERED[alert.zone]) if level < HIGHEST_LEVEL[alert.zone] else None
    return replace(alert, level=level, escalate_at=again)


def pass_time(alert: Alert, hours: Hours, now: datetime) -> Sequence[AlertEvent]:
    """Everything that is past due at `now`: an expired claim or snooze, an unanswered alert, a yellow that may clear itself."""
    events: list[AlertEvent] = []

    def happened(type_: EventType, after: Alert, reason: str) -> None:
        nonlocal alert
        events.append(event(type_, after, now, WATCH, reason))
        alert = events[-1].alert

    if not alert.is_open:
        return events
    if alert.state == "pending_confirm":
        if alert.confirm_until and alert.confirm_until <= now:
            happened("alert.raised", _unrepeated(alert, hours, now), "no_repeat")
        return events
    if alert.state == "snoozed" and alert.snoozed_until and alert.snoozed_until <= now:
        again = hours.add_service_time(now, UNANSWERED[alert.zone])
        happened("alert.unsnoozed", replace(unheld(alert), escalate_at=again), "snooze_ended")
    if alert.ack_expires_at and alert.ack_expires_at <= now:
        happened("alert.released", unheld(alert), "claim_expired")
    if alert.state == "open" and alert.escalate_at and alert.escalate_at <= now:
        if may_clear_itself(alert, hours, now):
            cleared = replace(alert, state="auto_cleared", closed_at=now, escalate_at=None, due_at=None)
            happened("alert.auto_cleared", cleared, "cleared_and_listed")
        else:
            happened("alert.escalated", climbed(alert, hours, now), "unanswered")
    return events


def _unrepeated(alert: Alert, hours: Hours, now: datetime) -> Alert:
    """A running confirmation keeps its frozen version: no repeat came before that version's deadline, so the alert opens."""
    return replace(
        alert,
        state="open",
        confirm_until=None,
        raised_at=now,
        due_at=hours.add_service_time(now, FIRST_CONTACT[alert.zone]),
        escalate_at=hours.add_service_time(now, UNANSWERED[alert.zone]),
    )


def may_clear_itself(alert: Alert, hours: Hours, now: datetime) -> bool:
    """An unclaimed yellow whose rules have cleared and that has been listed in one opening period."""
    return alert.zone == "yellow" and alert.standing in ("green", "not_reported") and alert.owner is None and hours.is_open(now)
