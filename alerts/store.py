"""Alerts in the database: lock patients, read what is open, write the journal and its fold, and tell the feed.

Order matters and is the same everywhere: `lock_patients` first (in id order), then reads, then writes, and `tell` as the last
statement, because it takes the lock on the feed's head and holds it until the commit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid4

import msgspec
from msgspec import Struct
from psycopg import Cursor
from psycopg.types.json import Jsonb

from alerts.alert import COLUMNS, Alert, AlertEvent, instant
from dho.calendar import Hours
from dho.db import Tx
from dho.errors import NotFound
from dho.sql import queries

SQL = queries("alerts")
_json = msgspec.json.Encoder(decimal_format="number")


class LockedPatient(Struct, frozen=True, gc=False):
    """A patient's standing, read under its lock."""

    patient: UUID
    plan_version: UUID | None
    zone: str | None
    zone_since: datetime | None
    newest_measured_at: datetime | None
    judged_at: datetime | None
    judge_again_at: datetime | None
    state: bytes | None
    version: int
    ended_at: datetime | None
    kind: str
    language: str
    pauses_revision: int = 0


class Responsible(Struct, frozen=True):
    """The centre that is responsible for a patient at this instant."""

    patient: UUID
    centre: UUID
    organisation: UUID
    language: str
    hours: Hours


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One line of the feed before it has its number. `body` is the frame without op, seq and prev."""

    type: str
    at: datetime
    patient: UUID
    centre: UUID
    organisation: UUID
    alert: UUID | None
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is no alert. `key` makes it one of its kind for the patient."""

    patient: UUID
    centre: UUID
    kind: str
    key: str
    text: dict[str, Any]
    due_at: datetime


def lock_patients(tx: Tx, patients: Iterable[UUID]) -> dict[UUID, LockedPatient]:
    """One hand at a time: lock these patients' rows in id order and read them."""
    rows = tx.execute(SQL["lock_patients"], {"patients": list(patients)}).fetchall()
    return {row[0]: LockedPatient(*row) for row in rows}


def responsible_centres(tx: Tx, patients: Iterable[UUID]) -> dict[UUID, Responsible]:
    """Who answers for each of these patients now."""
    found = {}
    rows = tx.execute(SQL["responsible_centres"], {"patients": list(patients), "now": tx.now})
    for patient, centre, organisation, language, timezone, always_open, opening_hours in rows:
        found[patient] = Responsible(patient, centre, organisation, language, _hours(timezone, always_open, opening_hours))
    return found


@lru_cache(maxsize=1024)
def _hours(timezone: str, always_open: bool, opening_hours: str) -> Hours:
    """A centre's hours, read once and not with each of its patients."""
    return Hours.read(timezone, always_open, msgspec.json.decode(opening_hours))


def open_alerts(tx: Tx, patients: Iterable[UUID]) -> dict[tuple[UUID, str], Alert]:
    """Open alerts by (patient, family)."""
    return {(a.patient, a.family): a for a in _alerts(tx.execute(SQL["open_alerts"], {"patients": list(patients)}))}


def latest_closed_alerts(tx: Tx, patients: Iterable[UUID]) -> dict[tuple[UUID, str], Alert]:
    """The latest closed alert of each family, by (patient, family)."""
    ids = list(patients)
    return {(a.patient, a.family): a for a in _alerts(tx.execute(SQL["latest_closed_alerts"], {"patients": ids}))} if ids else {}


def load_alert(tx: Tx, alert: UUID) -> Alert:
    """One alert. Raises `NotFound`."""
    row = tx.row(SQL["alert"], {"id": alert})
    if row is None:
        raise NotFound("There is no such alert.")
    return _alert(row)


def journal(tx: Tx, alert: UUID) -> list[Any]:
    """All events of one alert, in order."""
    return tx.rows(SQL["alert_journal"], {"alert": alert})


def _alerts(cursor: Cursor[tuple[Any, ...]]) -> list[Alert]:
    names = [column.name for column in cursor.description or ()]
    in_order = itemgetter(*map(names.index, COLUMNS))
    return [Alert(*in_order(row)) for row in cursor]


def _alert(row: Any) -> Alert:
    return Alert(**{column: getattr(row, column) for column in COLUMNS})


def settle_tasks(tx: Tx, done: Sequence[tuple[UUID, str, str]]) -> None:
    """Open tasks (patient, kind, key) whose cause is gone."""
    if done:
        patients, kinds, keys = zip(*done, strict=True)
        tx.execute(SQL["settle_tasks"], {"patients": list(patients), "kinds": list(kinds), "keys": list(keys), "now": tx.now})


def record(tx: Tx, events: Sequence[AlertEvent], tasks: Sequence[Task] = (), others: Sequence[FeedEvent] = ()) -> None:
    """Write the journal, fold it into the alert rows, add tasks, and tell the feed. The last thing a transaction does."""
    if events:
        folded = {event.alert.id: event.alert for event in events}
        tx.execute(SQL["journal"], {"events": _raw([_line(event) for event in events])})
        tx.execute(SQL["fold_alerts"], {"alerts": _raw([_columns(alert) for alert in folded.values()])})
    if tasks:
        rows = [{**asdict(task), "id": uuid4(), "created_at": tx.now} for task in tasks]
        tx.execute(SQL["add_tasks"], {"tasks": _raw(rows)})
    told = [*(_frame(event) for event in events), *others]
    if told:
        tx.execute(
            SQL["tell"],
            {
                "count": len(told),
                "types": [f.type for f in told],
                "ats": [f.at for f in told],
                "patients": [f.patient for f in told],
                "centres": [f.centre for f in told],
                "organisations": [f.organisation for f in told],
                "alerts": [f.alert for f in told],
                "bodies": [_json.encode(f.body).decode() for f in told],
            },
        )
        tx.execute(SQL["hint"])


def zone_changed(patient: Responsible, zone: str | None, former: str | None, now: datetime) -> FeedEvent:
    """The patient's zone is another than it was; None: there is no valid plan by which to stand anywhere."""
    body = {
        "type": "patient.zone",
        "at": instant(now),
        "patient": str(patient.patient),
        "zone": zone,
        "former": former,
        "since": instant(now),
    }
    return FeedEvent("patient.zone", now, patient.patient, patient.centre, patient.organisation, None, body)


def _frame(event: AlertEvent) -> FeedEvent:
    alert = event.alert
    body = {"type": event.type, "at": instant(event.at), "reason": event.reason, "alert": alert.told()}
    return FeedEvent(event.type, event.at, alert.patient, alert.centre, alert.organisation, alert.id, body)


def _line(event: AlertEvent) -> dict[str, Any]:
    return {
        "alert": event.alert.id,
        "version": event.alert.version,
        "type": event.type,
        "at": event.at,
        "actor": event.actor.person,
        "actor_kind": event.actor.kind,
        "reason": event.reason,
        "change": {**_columns(event.alert), **event.detail},
    }


def _columns(alert: Alert) -> dict[str, Any]:
    return {column: getattr(alert, column) for column in COLUMNS}


def _raw(rows: list[dict[str, Any]]) -> Jsonb:
    return Jsonb(rows, dumps=_json.encode)
