"""Compiled plan versions, kept in memory: a version never changes, so it is read and compiled once a process, and again only when the
patient's pauses have changed since."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from alerts.store import SQL
from dho.db import Tx
from dho.plan import Pause, Plan, PlanRef, read_plan
from dho.plan_text import read_document

PLANS_KEPT = 4000


class PlanBook:
    """Plan versions by id."""

    def __init__(self) -> None:
        self._plans: OrderedDict[UUID, tuple[Plan, datetime | None, int]] = OrderedDict()

    def __getitem__(self, version: UUID) -> Plan:
        return self._plans[version][0]

    def until(self, plan: Plan) -> datetime | None:
        """When a superseded version ended."""
        return self._plans[plan.version.id][1]

    def load(self, tx: Tx, versions: Iterable[UUID], revisions: Mapping[UUID, int] | None = None) -> None:
        """Make sure these versions are at hand: one statement for all that are missing.

        `revisions` gives by version how often the patient's pauses have changed, read under the patient's lock: a plan that was compiled
        with others is compiled anew. Without it what is at hand is good enough.
        """
        known = self._plans
        missing = [v for v in versions if v not in known or (revisions is not None and known[v][2] != revisions[v])]
        if not missing:
            return
        while len(self._plans) > max(PLANS_KEPT, 2 * len(missing)):
            self._plans.popitem(last=False)
        for row in tx.rows(SQL["plans"], {"ids": missing, "now": tx.now}):
            plan = read_plan(
                read_document(row.document),
                version=PlanRef(row.id, row.number),
                timezone=row.timezone,
                active_from=row.active_from,
                pauses=[Pause(*pause) for pause in zip(row.pause_starts, row.pause_ends, strict=True)],
            )
            self._plans[row.id] = (plan, row.active_until, row.pauses_revision)

    def in_force(self, tx: Tx, patients: Sequence[UUID]) -> dict[UUID, list[Plan]]:
        """For each patient every version that has been in force, oldest first."""
        rows = tx.rows(SQL["plans_in_force"], {"patients": list(patients)})
        for row in rows:
            self._plans.pop(row.id, None)  # its end may have been set since
        self.load(tx, [row.id for row in rows])
        found: dict[UUID, list[Plan]] = {}
        for row in rows:
            found.setdefault(row.patient, []).append(self[row.id])
        return found
