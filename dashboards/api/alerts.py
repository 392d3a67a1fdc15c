"""Alerts: the list, one with its journal, and what people do with them."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from alerts import actions, acts, store
from alerts.alert import State, Zone, instant
from dashboards import access
from dashboards.api.lists import Cursor, Limit
from dashboards.api.shapes import Act, AlertList, AlertShape, AlertWithJournal
from dashboards.caller import Asking, Caller, acting
from dashboards.cursors import read_cursor, write_cursor
from dashboards.frames import alert_of
from dashboards.idempotency import once
from dashboards.openapi import answers
from dashboards.replies import page, reply
from dashboards.versions import etag, expected_version
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards")
router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
Verb = Literal["claim", "release", "start", "wait", "snooze", "escalate", "close"]
IfMatch = Annotated[str | None, Header(description='The version that was seen, as in `"3"`.')]


@router.get("", response_model=None, responses=answers(AlertList))
def list_alerts(
    caller: Asking,
    state: Annotated[list[State] | None, Query(description="One or more states; without: all that are not closed.")] = None,
    zone: Zone | None = None,
    patient: UUID | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """Alerts of the patients in sight, newest first."""
    after = read_cursor("alerts", cursor, (datetime.fromisoformat, UUID))
    with caller.transaction("list alerts") as tx:
        access.require_clinical(caller.viewer, tx)
        params = {
            "person": caller.viewer.person,
            "now": caller.now,
            "roles": access.READING,
            "states": state,
            "zone": zone,
            "patient": patient,
        }
        place = {"after_at": after[0] if after else None, "after_id": after[1] if after else None, "limit": limit + 1}
        found = [alert_of(row) for row in tx.rows(SQL["alerts_in_sight"], params | place)]
        shown = found[:limit]
        access.look_many(tx, caller.viewer, {alert.patient for alert in shown}, "alerts", request=caller.request)
    following = write_cursor("alerts", shown[-1].raised_at.isoformat(), shown[-1].id) if len(found) > limit else None
    return page([alert.told() for alert in shown], following)


@router.get("/{alert}", response_model=None, responses=answers(AlertWithJournal, 404))
def read_alert(alert: UUID, caller: Asking) -> Response:
    """One alert with its journal, and why the caller sees it."""
    with caller.transaction("read alert") as tx:
        relation = access.look_at_alert(tx, caller.viewer, alert, "alert", request=caller.request)
        present = store.load_alert(tx, alert)
        journal = [_line(row) for row in store.journal(tx, alert)]
    because = access.because(relation, caller.viewer, caller.viewer.language)
    told = present.told() | {"journal": journal, "rights": relation.rights(), "you_see_this_because": because}
    return reply(told, headers=etag(present.version))


def _line(row: Any) -> dict[str, Any]:
    return {
        "version": row.version,
        "type": row.type,
        "at": instant(row.at),
        "actor": row.actor,
        "actor_kind": row.actor_kind,
        "reason": row.reason,
        "note": row.change.get("note"),
    }


@router.post("/{alert}/{verb}", response_model=None, responses=answers(AlertShape, 400, 404, 409, 428))
def act_on_alert(alert: UUID, verb: Verb, caller: Asking, body: Act | None = None, if_match: IfMatch = None) -> Response:
    """Do something with an alert, naming the version that was seen."""
    act = body or Act()
    with caller.transaction(f"{verb} alert") as tx:
        access.look_at_alert(tx, caller.viewer, alert, f"alert.{verb}", right="act", request=caller.request)
        return once(tx, caller.name, caller.key, caller.digest, lambda: _act(tx, caller, alert, verb, act, if_match))


def _act(tx: Tx, caller: Caller, alert: UUID, verb: Verb, act: Act, if_match: str | None) -> Response:
    version = expected_version(if_match, act.expected_version)
    what = acts.Act(verb, caller.viewer.actor, act.reason, act.until, act.outcome, act.note, act.party)
    with acting(tx):
        after = actions.act(tx, alert, what, version)
    return reply(after.told(), headers=etag(after.version))
