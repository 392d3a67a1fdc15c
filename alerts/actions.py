"""What people do to alerts, readings and patients, each in the caller's transaction.

Machines lock briefly; people compare versions: an act names the version it saw, and a stale one is refused with the version there is
now. Closing says "handled": readings up to then stop counting for the family, and the patient is judged again in the same transaction.
"""

from uuid import UUID, uuid4

import msgspec

from alerts import acts, consequences, store
from alerts.acts import Act
from alerts.alert import Alert, AlertEvent, instant
from alerts.judging import Case, Judge
from alerts.store import SQL, FeedEvent
from devices import inbox, topics
from dho.db import Actor, Tx
from dho.errors import Conflict, Invalid, NotFound
from dho.evaluation import Handled

LONGEST_MESSAGE = 4000


def act(tx: Tx, alert: UUID, what: Act, expected_version: int) -> Alert:
    """Do something with an alert. Raises `NotFound`, `Conflict` (stale version), `InvalidTransition`, `Invalid`."""
    patient = store.load_alert(tx, alert).patient
    locked = store.lock_patients(tx, [patient])[patient]
    present = store.load_alert(tx, alert)
    if present.version != expected_version:
        raise Conflict("Somebody changed the alert since you saw it.", present.version)
    responsible = store.responsible_centres(tx, [patient])[patient]
    event = acts.act(present, what, responsible.hours, tx.now)
    if event.type != "alert.closed":
        store.record(tx, [event])
        return event.alert
    handled = Handled(present.family, tx.now)
    reason = what.outcome or ""
    tx.execute(
        SQL["add_staff_fact"],
        {
            "id": uuid4(),
            "patient": patient,
            "kind": "handled",
            "target": present.family,
            "at": tx.now,
            "by": what.actor.person,
            "reason": reason,
        },
    )
    rejudge(tx, Case(locked, tx.now, decisions=[handled]), [event])
    return event.alert


def invalidate(tx: Tx, patient: UUID, uplink: UUID, actor: Actor, reason: str) -> None:
    """Mark a reading as one that should not count: it stays, struck through, and the patient is judged again without it."""
    if not reason.strip():
        raise Invalid("Say why the reading does not count.")
    locked = store.lock_patients(tx, [patient])[patient]
    measured = inbox.measured_at(tx, [(patient, uplink)])
    if not measured:
        raise NotFound("There is no such reading.")
    case = Case(locked, tx.now, withdrawn={uplink: measured[patient, uplink]})
    judge = Judge()
    judge.judge(tx, [case])
    outcome = consequences.draw(tx, [case])
    tx.execute(SQL["withdraw_reading"], {"patient": patient, "uplink": uplink, "at": tx.now, "by": actor.person, "reason": reason})
    judge.save(tx, [case], heard=False)
    outcome.record(tx)


def post_message(tx: Tx, patient: UUID, actor: Actor, text: str) -> UUID:
    """Send a message to the patient's tablets and tell the feed."""
    if not 0 < len(text.strip()) <= LONGEST_MESSAGE:
        raise Invalid(f"A message has 1 to {LONGEST_MESSAGE} characters.")
    store.lock_patients(tx, [patient])
    responsible = store.responsible_centres(tx, [patient])[patient]
    message = uuid4()
    tx.execute(SQL["add_message"], {"id": message, "patient": patient, "at": tx.now, "by": actor.person, "text": text})
    payload = msgspec.json.encode(
        {"id": str(message), "patient": str(patient), "at": instant(tx.now), "from": str(responsible.centre), "text": text}
    )
    gateways = [row.gateway for row in tx.rows(SQL["gateways_of_patients"], {"patients": [patient], "now": tx.now})]
    queue(tx, [(topics.topic(gateway, topics.MESSAGES), payload) for gateway in gateways], retain=False)
    told = {"type": "message.new", "at": instant(tx.now), "patient": str(patient), "message": str(message)}
    store.record(tx, [], others=[FeedEvent("message.new", tx.now, patient, responsible.centre, responsible.organisation, None, told)])
    return message


def queue(tx: Tx, downlinks: list[tuple[str, bytes]], *, retain: bool) -> None:
    """Put what must reach gateways into the outbox, with what caused it."""
    if downlinks:
        params = {"targets": [t for t, _ in downlinks], "payloads": [p for _, p in downlinks], "retain": retain, "now": tx.now}
        tx.execute(SQL["queue_downlinks"], params)


def rejudge(tx: Tx, case: Case, acted: list[AlertEvent]) -> None:
    """Judge one locked patient after a person's decision, and record what they did together with what follows from it."""
    judge = Judge()
    judge.judge(tx, [case])
    outcome = consequences.draw(tx, [case], acted)
    judge.save(tx, [case], heard=False)
    outcome.record(tx)
