"""Questions that cannot wait are asked only while somebody is there to read the answer.

A questionnaire with a `no_confirm` rule (PHQ-9 item 9, chest pain) may only have slots whose whole window lies in the centre's opening
hours. Public holidays are left out of account: no weekly schedule can avoid them, and the tablet's crisis card does not need the centre.
"""

from datetime import date, datetime, time, timedelta

from dho.calendar import WEEKDAYS, Hours
from dho.errors import Fault
from dho.plan import Plan, PlanRefused
from dho.rules.answer import Answer
from dho.schedule import Days, Item


def refuse_unstaffed(plan: Plan, hours: Hours) -> None:
    """Raise `PlanRefused` with the path of every schedule item whose answers might come when nobody is there."""
    faults = unstaffed(plan, hours)
    if faults:
        raise PlanRefused(f"The plan cannot be used: {len(faults)} reason{'s' if len(faults) > 1 else ''}.", faults)


def unstaffed(plan: Plan, hours: Hours) -> tuple[Fault, ...]:
    """One fault for each slot time that reaches outside opening hours."""
    if hours.always_open:
        return ()
    urgent = {f"answer:{rule.questionnaire}" for rule in plan.rules if isinstance(rule, Answer) and rule.modifiers.no_confirm}
    found = []
    for place, item in enumerate(plan.schedule):
        if item.key not in urgent:
            continue
        for at in item.recurrence.times:
            closed = [day for day in sorted(_weekdays(item.recurrence.days)) if not _staffed(item, at, day, hours)]
            if closed:
                text = (
                    f"An answer to this questionnaire may need somebody at once, but the window from {at:%H:%M} is not within opening hours"
                    f" on {', '.join(WEEKDAYS[day] for day in closed)}."
                )
                found.append(Fault(f"/schedule/{place}/times", "outside_opening_hours", text))
    return tuple(found)


def _weekdays(days: Days) -> frozenset[int]:
    """The weekdays (Monday 0) on which a slot can fall."""
    if days.every is None:
        return days.weekdays
    return frozenset((days.first + step * days.every + 6) % 7 for step in range(7))


def _staffed(item: Item, at: time, day: int, hours: Hours) -> bool:
    opens = datetime.combine(date.min, at)
    closes = opens + item.recurrence.window
    if closes.date() > opens.date() + timedelta(days=1):
        return False
    return any(
        datetime.combine(date.min, first) <= opens and closes <= datetime.combine(date.min, last)
        for first, last in hours.weekly.get(WEEKDAYS[day], ())
    )
