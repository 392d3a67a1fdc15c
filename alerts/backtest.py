"""What a plan would have done to a patient's stored history, beside the active version: `dho backtest`, the API and the page ask here.

The caller has passed the door to the patient and runs in a role that may read observations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from alerts import clinical_events, pauses, plans, store
from alerts.comparison import Comparison, compare, side
from alerts.histories import history_of
from alerts.rehearsal import CLOSED_AFTER, History, Presence, Staffing, rehearse
from dho.db import Tx
from dho.errors import Invalid, NotFound
from dho.plan import Pause, Plan, PlanRef, read_plan

A_YEAR = timedelta(days=365)
UNNUMBERED = PlanRef(UUID(int=0), 0)
"""A draft that is no version yet."""


@dataclass(frozen=True, slots=True)
class Span:
    """The time to go back to. `since` None: a year before `until`, or the first arrival if that is later."""

    until: datetime
    since: datetime | None = None

    def start(self, history: History) -> datetime:
        """From when the plans are active. Raises `Invalid` if nothing is left, `NotFound` if nothing has arrived."""
        first = min((o.received_at for o in history.observations), default=None)
        if first is None:
            raise NotFound("The patient has no history to go back to.")
        start = self.since or max(first, self.until - A_YEAR)
        if start >= self.until:
            raise Invalid("The back-test must begin before it ends.")
        return start


def backtest(
    tx: Tx,
    patient: UUID,
    document: Mapping[str, Any],
    span: Span,
    *,
    version: PlanRef = UNNUMBERED,
    presence: Presence = "assumed",
    close_after: timedelta = CLOSED_AFTER,
) -> Comparison:
    """Run the document, and the patient's active version, over the stored history, with the pauses that are known today.

    Raises `PlanRefused`, `NotFound` (no history), `Invalid`.
    """
    responsible = store.responsible_centres(tx, [patient])[patient]
    staffing = Staffing(responsible.hours, presence, close_after)
    history = history_of(tx, patient, span.until)
    start = span.start(history)
    events = clinical_events.events_of(tx, patient)
    paused = [Pause(pause.start_at, pause.end_at) for pause in reversed(pauses.list_pauses(tx, patient))]

    def compiled(given: Mapping[str, Any], ref: PlanRef) -> Plan:
        return read_plan(given, version=ref, timezone=responsible.hours.zone.key, active_from=start, pauses=paused)

    draft = side(version.number, rehearse(compiled(document, version), history, span.until, staffing), events)
    active = next((plan for plan in plans.list_plans(tx, patient) if plan.state == "active" and plan.id != version.id), None)
    if active is None:
        return compare(staffing, draft, None)
    present = compiled(active.document, PlanRef(active.id, active.number))
    return compare(staffing, draft, side(active.number, rehearse(present, history, span.until, staffing), events))
