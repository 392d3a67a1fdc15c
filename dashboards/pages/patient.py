"""One patient's page: everything that a nurse must see before calling, read at one instant through the one door."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dashboards import access
from dashboards.pages.alerts_shown import ShownAlert, open_alerts
from dashboards.pages.forms import FormTable, filled_forms
from dashboards.pages.limits import limits_of
from dashboards.pages.plan_words import PlanWords, plan_words
from dashboards.pages.reader import Reader, stored_json
from dashboards.pages.series import Series, all_series
from dashboards.sessions import Viewer
from dho.db import Tx
from dho.errors import NotFound
from dho.plan_text import read_document
from dho.sql import queries

SQL = queries("dashboards/pages")
PERIODS = (7, 30, 90, 365)
CLOSED_SHOWN, MESSAGES_SHOWN = 20, 20


@dataclass(frozen=True, slots=True)
class ClosedAlert:
    """One line of the history: `row` with its sentence in the reader's language."""

    row: Any
    sentence: str


@dataclass(frozen=True, slots=True)
class PatientPage:
    """What the page shows. `zone` is None where there is no valid plan to judge by; `because` says why the reader sees all this."""

    head: Any
    zone: str | None
    because: Sequence[str]
    may_act: bool
    may_message: bool
    alerts: Sequence[ShownAlert]
    tasks: Sequence[tuple[str, Any]]
    closed: Sequence[ClosedAlert]
    plan: Any
    plan_past_review: bool
    words: PlanWords | None
    series: Sequence[Series]
    forms: Sequence[FormTable]
    days: int
    messages: Sequence[Any]
    team: Sequence[Any]
    gateways: Sequence[Any]

    @property
    def red_still_open(self) -> bool:
        """The values are fine again, and yet a red alert waits for a person: never plain green."""
        return self.zone == "green" and any(alert.zone == "red" for alert in self.alerts)


def timezone_of(tx: Tx, patient: UUID) -> str | None:
    """The time zone of the centre that answers for the patient, or None."""
    head = tx.row(SQL["patient_head"], {"patient": patient, "now": tx.now})
    return head.timezone if head else None


def read_patient(tx: Tx, viewer: Viewer, reader: Reader, patient: UUID, days: int, request: str) -> PatientPage:
    """The whole page. Raises `NotFound` if the viewer may not see the patient."""
    relation = access.look(tx, viewer, patient, f"patient page, {days} days", request=request)
    head = tx.row(SQL["patient_head"], {"patient": patient, "now": tx.now})
    if head is None:
        raise NotFound("There is nothing here under that id.")
    plan = tx.row(SQL["active_plan"], {"patient": patient})
    past_review = plan is not None and plan.review_due is not None and plan.review_due < reader.today
    return PatientPage(
        head=head,
        zone=_zone(head, plan, past_review),
        because=[reader.t(said["key"], **said["args"]) for said in access.because(relation, viewer, reader.language)],
        may_act=relation.may("act"),
        may_message=relation.may("message"),
        alerts=open_alerts(tx, [patient], reader).get(patient, []),
        tasks=_tasks(tx, patient, reader, head.zone),
        closed=_closed(tx, patient, reader),
        plan=plan,
        plan_past_review=past_review,
        words=plan_words(read_document(plan.document), reader) if plan else None,
        series=_series(tx, patient, reader, plan, days),
        forms=filled_forms(tx, patient, reader, tx.now - timedelta(days=days), _end_of_local_day(reader)),
        days=days,
        messages=tx.rows(SQL["messages_of_patient"], {"patient": patient, "count": MESSAGES_SHOWN}),
        team=tx.rows(SQL["care_team"], {"patient": patient, "now": tx.now}),
        gateways=tx.rows(SQL["gateways_of_patient"], {"patient": patient, "now": tx.now}),
    )


def _zone(head: Any, plan: Any, past_review: bool) -> str | None:
    """The zone as it may be shown: without a valid plan there is none, and what was never judged has not been reported."""
    if plan is None or past_review:
        return None
    return head.zone or "not_reported"


def _tasks(tx: Tx, patient: UUID, reader: Reader, zone: str | None) -> list[tuple[str, Any]]:
    """What is to be done. Calls about missing values are over as soon as the patient has reported."""
    rows = tx.rows(SQL["tasks_shown"], {"patients": [patient]})
    return [(reader.say_shortly(stored_json(row.text)), row) for row in rows if row.kind != "not_reported" or zone == "not_reported"]


def _closed(tx: Tx, patient: UUID, reader: Reader) -> list[ClosedAlert]:
    rows = tx.rows(SQL["closed_alerts"], {"patient": patient, "count": CLOSED_SHOWN})
    return [ClosedAlert(row, reader.say_shortly(stored_json(row.text))) for row in rows]


def _series(tx: Tx, patient: UUID, reader: Reader, plan: Any, days: int) -> list[Series]:
    since, until = tx.now - timedelta(days=days), _end_of_local_day(reader)
    rows = tx.rows(SQL["values_between"], {"patient": patient, "since": since, "until": until})
    return all_series(rows, limits_of(plan.document) if plan else {}, reader, since, until)


def _end_of_local_day(reader: Reader) -> datetime:
    """Charts end with today, so that the newest value does not stand on the edge."""
    local = reader.now.astimezone(reader.zone)
    return (local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)).astimezone(reader.now.tzinfo)
