"""Limits proposed from a patient's start-up weeks, read from what is stored."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from alerts.judging import BEGINNING, facts_after, instant_of
from alerts.plans import PlanVersion, list_plans
from alerts.plans_in_force import PlanBook
from dho.db import Tx
from dho.errors import NotFound
from dho.observation import Observation
from dho.start_up import Limits, propose

SHORTEST, LONGEST = 2, 4
"""Weeks of daily measuring."""


@dataclass(frozen=True, slots=True)
class Start:
    """The proposals, the version whose rules they are for, and from how far back."""

    version: PlanVersion
    since: timedelta
    limits: Limits


def proposed_limits(tx: Tx, patient: UUID, weeks: int) -> Start:
    """From the newest `weeks` weeks, for the active version or, without one, the newest draft. Raises `NotFound` without any plan."""
    versions = list_plans(tx, patient)
    version = next((v for v in versions if v.state == "active"), None) or next(iter(versions), None)
    if version is None:
        raise NotFound("There is no plan whose limits could be proposed.")
    book = PlanBook()
    book.load(tx, [version.id])
    since = timedelta(weeks=weeks)
    known = facts_after(tx, [(patient, max(tx.now - since, BEGINNING))]).get(patient, [])
    readings = [fact for fact in known if isinstance(fact, Observation) and instant_of(fact) <= tx.now]
    return Start(version, since, propose(book[version.id], readings, tx.now))
