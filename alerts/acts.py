"""What people may do with an alert: claim, release, start, wait, snooze, escalate, close. Pure: an act becomes a line of the journal."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.alert import Alert, AlertEvent, State
from alerts.lifecycle import HELD, climbed, event, unheld
from dho.actor import Actor
from dho.calendar import Hours
from dho.errors import Invalid, InvalidTransition

CLAIM = timedelta(minutes=30)
LONGEST_SNOOZE_OF_RED = timedelta(hours=4)
LONGEST_SNOOZE_OF_YELLOW = timedelta(days=7)
OUTCOMES = ("true_action", "true_no_action", "measurement_error", "known_cause", "patient_ok", "not_reached", "duplicate", "technical")


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody wants to do with an alert. `until`, `reason`, `outcome`, `note`, `party` are used by the verbs that need them."""

    verb: str
    actor: Actor
    reason: str | None = None
    until: datetime | None = None
    outcome: str | None = None
    note: str | None = None
    party: str | None = None


def act(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    """A person's act on an open alert. Raises `InvalidTransition` or `Invalid` with one sentence."""
    if not alert.is_open:
        raise InvalidTransition("The alert is closed.")
    try:
        step = _VERBS[what.verb]
    except KeyError:
        raise InvalidTransition(f"There is no act called {what.verb}.") from None
    if alert.state == "pending_confirm" and what.verb not in ("claim", "close"):
        raise InvalidTransition("The alert waits for a repeated measurement.")
    return step(alert, what, hours, now)


def _claim(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    if alert.state in HELD and alert.owner != what.actor.person and alert.ack_expires_at and alert.ack_expires_at > now:
        raise InvalidTransition("Somebody else has already claimed the alert.")
    state: State = "claimed" if alert.state != "pending_confirm" else "pending_confirm"
    claimed = replace(alert, state=state, owner=what.actor.person, ack_expires_at=now + CLAIM, snoozed_until=None)
    return event("alert.claimed", claimed, now, what.actor, what.reason)


def _release(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    _only_owner(alert, what)
    return event("alert.released", unheld(alert), now, what.actor, what.reason)


def _start(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    _only_owner(alert, what)
    started = replace(alert, state="in_progress", ack_expires_at=now + CLAIM)
    return event("alert.started", started, now, what.actor, what.reason)


def _wait(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    _only_owner(alert, what)
    parties: dict[str | None, State] = {None: "waiting_patient", "patient": "waiting_patient", "other": "waiting_party"}
    if what.party not in parties:
        raise Invalid("Say for whom the alert waits: patient or other.")
    waiting = replace(alert, state=parties[what.party], ack_expires_at=now + CLAIM)
    return event("alert.waiting", waiting, now, what.actor, what.reason)


def _snooze(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    if not what.reason:
        raise Invalid("Say why the alert is snoozed.")
    if what.until is None or what.until <= now:
        raise Invalid("Say until when the alert is snoozed, a time ahead.")
    longest = LONGEST_SNOOZE_OF_RED if alert.zone == "red" else LONGEST_SNOOZE_OF_YELLOW
    limit = now + longest
    closes = hours.closes(now)
    if alert.zone == "red" and closes:
        limit = min(limit, closes)
    if what.until > limit:
        raise Invalid(f"This alert can be snoozed until {limit.isoformat(timespec='minutes')} at the latest.")
    snoozed = replace(
        alert, state="snoozed", owner=what.actor.person, ack_expires_at=None, snoozed_until=what.until, escalate_at=what.until
    )
    return event("alert.snoozed", snoozed, now, what.actor, what.reason)


def _escalate(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    return event("alert.escalated", climbed(alert, hours, now), now, what.actor, what.reason)


def _close(alert: Alert, what: Act, hours: Hours, now: datetime) -> AlertEvent:
    if what.outcome not in OUTCOMES:
        raise Invalid(f"Give an outcome, one of: {', '.join(OUTCOMES)}.")
    if alert.zone == "red" and what.outcome == "not_reached":
        raise InvalidTransition("A red alert cannot be closed as not reached: take the next step of the plan.")
    closed = replace(
        alert,
        state="closed",
        outcome=what.outcome,
        closed_at=now,
        owner=what.actor.person,
        ack_expires_at=None,
        snoozed_until=None,
        escalate_at=None,
        due_at=None,
        confirm_until=None,
    )
    return event("alert.closed", closed, now, what.actor, what.reason, note=what.note)


_VERBS: dict[str, Callable[[Alert, Act, Hours, datetime], AlertEvent]] = {
    "claim": _claim,
    "release": _release,
    "start": _start,
    "wait": _wait,
    "snooze": _snooze,
    "escalate": _escalate,
    "close": _close,
}
VERBS = tuple(_VERBS)


def _only_owner(alert: Alert, what: Act) -> None:
    if alert.state not in HELD or alert.owner != what.actor.person:
        raise InvalidTransition("Claim the alert first.")
