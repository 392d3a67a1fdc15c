"""Compiled plan versions, kept in memory: a version never changes, so it is read and compiled once a process."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from alerts.store import SQL
from dho.db import Tx
from dho.plan import Plan, PlanRef, read_plan
from dho.plan_text import read_document

PLANS_KEPT = 4000


class PlanBook:
    """Plan versions by id."""

    def __init__(self) -> None:
        self._plans: OrderedDict[UUID, tuple[Plan, datetime | None]] = OrderedDict()

    def __getitem__(self, version: UUID) -> Plan:
        return self._plans[version][0]

    def until(self, plan: Plan) -> datetime | None:
        """When a superseded version ended."""
        return self._plans[plan.version.id][1]

    def load(self, tx: Tx, versions: Iterable[UUID]) -> None:
        """Make sure these versions are at hand: one statement for all that are missing."""
        missing = [version for version in versions if version not in self._plans]
        if not missing:
            return
        while len(self._plans) > max(PLANS_KEPT, 2 * len(missing)):
            self._plans.popitem(last=False)
        for row in tx.rows(SQL["plans"], {"ids": missing, "now": tx.now}):
            plan = read_plan(
                read_document(row.document), version=PlanRef(row.id, row.number), timezone=row.timezone, active_from=row.active_from
            )
            self._plans[row.id] = (plan, row.active_until)

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
