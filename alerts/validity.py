"""Whether a patient's plan is valid, and the instants at which that, or a pause, changes. Pure.

A plan is valid up to and including its review date (the centre's calendar). Past it the plan still judges and alerts, but nobody stands
green by it: a green zone becomes none, as for a followed patient without a plan, and a task asks for a valid plan.
"""

from datetime import UTC, datetime, time, timedelta

from dho.plan import Plan

PLAN_WITHIN = timedelta(days=3)
"""How soon somebody should have made a valid plan: the due date of the task lies in the next opening period after it."""


def valid_until(plan: Plan) -> datetime | None:
    """The first instant past the review date; None for a plan without one."""
    if plan.review_date is None:
        return None
    return datetime.combine(plan.review_date + timedelta(days=1), time(), plan.timezone).astimezone(UTC)


def is_valid(plan: Plan | None, now: datetime) -> bool:
    """Whether there is a plan that is not past its review date."""
    if plan is None:
        return False
    until = valid_until(plan)
    return until is None or now < until


def shown_zone(plan: Plan, zone: str, now: datetime) -> str | None:
    """The zone in which the patient may be shown: never green by a plan that is past its review date."""
    return None if zone == "green" and not is_valid(plan, now) else zone


def next_look(plan: Plan, again: datetime | None, now: datetime) -> datetime | None:
    """When to judge again: `again`, the end of the plan's validity, or the start or end of a pause, whichever comes first."""
    if plan.review_date is None and not plan.pauses:
        return again
    moments = [again, valid_until(plan), *(at for pause in plan.pauses for at in pause)]
    return min((at for at in moments if at is not None and (at is again or at > now)), default=None)
