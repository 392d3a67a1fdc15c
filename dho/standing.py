"""Where the patient stands: the zone, whether what the plan requires has been reported, every rule's present verdict, and when time alone
changes any of it.

`red > yellow > not_reported > green`. No data is never green: a required item is reported if a valid reading was measured at or after the
opening of its newest slot whose deadline has passed (before the first deadline: within the plan's silence, 7 days); without any valid
reading for that long the patient is `not_reported`, whatever the rules say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dho.plan import Plan
from dho.present import missed_from, present, speaks_again
from dho.rules.episode import Episode, wake, zone_of_episode
from dho.rules.rule import RANK, Rule, Zone, worst
from dho.schedule import Item
from dho.state import State
from dho.verdict import Verdict, verdict_of

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Standing:
    """`zone_pending` is the zone of a breach that waits for its repeat; `reported` says it of each required item by id."""

    zone: Zone
    zone_pending: Zone | None
    rules: tuple[Verdict, ...]
    reported: Mapping[str, bool]
    judge_again_at: datetime | None


def due(plan: Plan, state: State, now: datetime) -> bool:
    """True if time alone has changed a rule since the state was advanced."""
    for name, episode in state.episodes.items():
        moment = wake(plan.by_id[name], episode)
        if moment is not None and moment <= now:
            return True
    if state.judged_to is not None and now <= state.judged_to:
        return False
    for rule, item in plan.missing:
        again = speaks_again(rule, state.misses.get(rule.id))
        if again is not None and again <= now:
            return True
        last = state.last.get(item.key)
        reported = last.at if last else None
        after = missed_from(state, rule, reported)
        slot = item.next_open(reported, after) if after is not None else None
        if slot is not None and slot.deadline <= now:
            return True
    return False


def zone_now(plan: Plan, state: State, now: datetime) -> tuple[Zone, datetime | None]:
    """The zone and the next instant at which time alone changes anything, of a state that has been advanced to `now`."""
    zone: Zone = "green"
    moments: list[datetime] = []
    for name, episode in state.episodes.items():
        rule = plan.by_id[name]
        zone = worst(zone, zone_of_rule(rule, episode))
        moment = wake(rule, episode)
        if moment is not None and moment > now:
            moments.append(moment)
    for name, misses in state.misses.items():
        if misses.firing:
            zone = worst(zone, plan.by_id[name].zone or "green")
    speaking = (speaks_again(rule, state.misses.get(rule.id)) for rule, _ in plan.missing) if state.misses else ()
    moments += [end for end in speaking if end is not None and end > now]
    for item in plan.watched:
        last = state.last.get(item.key)
        reported = last.at if last else None
        slot = item.next_open(reported, now)
        if slot is not None:
            moments.append(slot.deadline)
        if item.required and RANK[zone] < RANK["not_reported"] and not is_reported(plan, item, reported, now, moments):
            zone = "not_reported"
    first = min(moments, default=None)
    newest = state.newest_reading
    if newest is not None and first is not None and first > now and first - newest < plan.silence.elapsed - _DAY:
        return zone, first
    ends = silent_from(plan, newest)
    if ends is None or ends <= now:
        return worst(zone, "not_reported"), first
    return zone, ends if first is None or ends < first else first


def zone_of_rule(rule: Rule, episode: Episode) -> Zone:
    """What one episode contributes: the firing zone; a pending red counts as yellow; anything else nothing."""
    if rule.zone is None:
        return "green"
    if episode.held or (episode.pending is not None and not episode.timed_out):
        return "yellow" if rule.zone == "red" else "green"
    return (zone_of_episode(rule, episode) or "green") if episode.firing else "green"


def is_reported(plan: Plan, item: Item, reported: datetime | None, now: datetime, moments: list[datetime]) -> bool:
    """Whether a required item has been reported; notes in `moments` when that ends by silence before its first deadline."""
    if reported is None:
        return False
    slot = item.newest_due(now)
    if slot is not None:
        return reported >= slot.opens
    ends = silent_from(plan, reported)
    if ends is not None and ends > now:
        moments.append(ends)
        return True
    return False


def silent_from(plan: Plan, newest: datetime | None) -> datetime | None:
    """When a reading is too old to speak for the patient: more than N local dates ago, or that much elapsed time."""
    if newest is None:
        return None
    if plan.silence.dates is None:
        return newest + plan.silence.elapsed
    after = date.fromordinal(plan.day(newest) + plan.silence.dates + 1)
    return datetime.combine(after, time(), tzinfo=plan.timezone).astimezone(UTC)


def standing_of(plan: Plan, state: State, now: datetime) -> Standing:
    """The whole standing of a state that has been advanced to `now`."""
    zone, again = zone_now(plan, state, now)
    pending: Zone | None = None
    verdicts = []
    for rule in plan.rules:
        event = present(plan, state, rule, now)
        if event.reason == "awaiting_repeat" and rule.zone is not None:
            pending = rule.zone if pending is None else worst(pending, rule.zone)
        verdicts.append(verdict_of(plan, state, rule, event))
    reported = {item.id: _reported(plan, item, state, now) for item in plan.required}
    return Standing(zone, pending, tuple(verdicts), reported, again)


def _reported(plan: Plan, item: Item, state: State, now: datetime) -> bool:
    last = state.last.get(item.key)
    return is_reported(plan, item, last.at if last else None, now, [])
