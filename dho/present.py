"""What a rule says at present, read from a state that has been advanced to the moment asked for."""

from datetime import datetime

from dho.plan import Plan
from dho.rules.episode import QUIET, Episode
from dho.rules.missing import Missing, missed
from dho.rules.rule import Child, DerivedRule, ReadingRule, Rule, ScoreRule
from dho.rules.sight import Event, Level, Outlook, Seen, key_of
from dho.schedule import Slot
from dho.state import Misses, State


def missed_from(state: State, rule: Missing, reported: datetime | None) -> datetime | None:
    """Slots with a deadline after this have not been judged yet; None while nothing at all is known of the patient and the plan's start."""
    known = [moment for moment in (reported, state.handled.get(rule.family)) if moment is not None]
    misses = state.misses.get(rule.id)
    if misses is not None:
        known.append(misses.deadline)
    if not known and state.began is not None:
        known.append(state.began)
    return max(known, default=None)


def speaks_again(rule: Missing, misses: Misses | None) -> datetime | None:
    """When a miss that was suppressed alerts after all: at the end of the suppression, if it has not been said since."""
    end = rule.suppression.end if rule.suppression else None
    return end if end and misses and misses.firing and not misses.unmuted and misses.deadline < end else None


def present(plan: Plan, state: State, rule: Rule, now: datetime) -> Event:
    """The rule's present verdict as an event: fires, clear, or not_evaluable with its reason. What fired still fires."""
    episode = state.episodes.get(rule.id, QUIET)
    if episode.held and episode.event is not None:
        return _held(episode)
    if episode.event is not None and (episode.firing or episode.pending is not None):
        return episode.event
    if isinstance(rule, Missing):
        return _missing(plan, state, rule, now)
    if isinstance(rule, DerivedRule):
        return _derived(plan, state, rule, now)
    newest = newest_input(plan, state, rule)
    closed = state.handled.get(rule.family)
    if newest is None:
        return _unknown(rule, "no_reading", now)
    if closed is not None and newest <= closed:
        return _unknown(rule, "handled", closed)
    view = state.views.get(rule.id)
    if view is not None:
        return view if view.result != "fires" else Event("clear", None, rule.zone, view.at, view.key, view.used, view.numbers, view.words)
    return _reading(plan, state, rule, now)


def child(plan: Plan, state: State, name: str, now: datetime) -> Child:
    """A rule as a combination sees it."""
    rule = plan.by_id[name]
    return Child(present(plan, state, rule, now), newest_input(plan, state, rule))


def newest_input(plan: Plan, state: State, rule: Rule) -> datetime | None:
    """When the newest input of a rule was measured (for a missed slot: its deadline)."""
    moments: list[datetime | None] = []
    if isinstance(rule, ReadingRule):
        moments = [_at(state.last.get(rule.measurement))]
    elif isinstance(rule, ScoreRule):
        moments = [_at(state.last.get(name)) for name in rule.inputs]
    elif isinstance(rule, Missing):
        misses = state.misses.get(rule.id)
        moments = [misses.deadline if misses else _at(state.last.get(plan.items[rule.item].key))]
    else:
        moments = [newest_input(plan, state, plan.by_id[name]) for name in rule.needs]
    return max((moment for moment in moments if moment is not None), default=None)


def _at(reading: Seen | None) -> datetime | None:
    return None if reading is None else reading.at


def _held(episode: Episode) -> Event:
    """What is held back until the deadline of a repeat is waiting for it, also in the eyes of a combination."""
    first = episode.held[0]
    return Event(
        "not_evaluable", "awaiting_repeat", first.zone, first.at, first.key, first.used, first.numbers, first.words, episode.held_until
    )


def _unknown(rule: Rule, reason: str, at: datetime) -> Event:
    return Event("not_evaluable", reason, rule.zone, at, ("none",))


def _missing(plan: Plan, state: State, rule: Missing, now: datetime) -> Event:
    item = plan.items[rule.item]
    last = state.last.get(item.key)
    misses = state.misses.get(rule.id)
    if misses is not None and misses.firing:
        slot = Slot(misses.opens, misses.start, misses.deadline)
        return missed(rule, item.key, slot, misses.count, plan.timezone)
    if last is None:
        return _unknown(rule, "no_reading", now)
    return Event("clear", None, rule.zone, last.at, key_of(last), (last,))


def _derived(plan: Plan, state: State, rule: DerivedRule, now: datetime) -> Event:
    children = [child(plan, state, name, now) for name in rule.of]
    newest = max((one.newest for one in children if one.newest is not None), default=None)
    outlook = Outlook(plan.timezone, state.last, state.handled.get(rule.family), lambda day: True)
    sight = rule.consider(children, rule.hits(state.memory.get(rule.id)), newest or now, outlook)
    if sight.level is Level.UNKNOWN:
        return _unknown(rule, sight.reason or "not_evaluable", newest or now)
    return Event("clear", None, rule.zone, newest or now, ("none",), sight.used, sight.numbers, sight.words)


def _reading(plan: Plan, state: State, rule: Rule, now: datetime) -> Event:
    last = state.last.get(rule.measurement) if isinstance(rule, ReadingRule) else None
    if last is None or not isinstance(rule, ReadingRule):
        return _unknown(rule, "no_reading", now)
    sight = rule.look(last, None, None, Outlook(plan.timezone, state.last, None, lambda day: True))
    if sight.level is Level.UNKNOWN:
        return _unknown(rule, sight.reason or "not_evaluable", last.at)
    return Event("clear", None, rule.zone, last.at, key_of(last), (last,), sight.numbers, sight.words)
