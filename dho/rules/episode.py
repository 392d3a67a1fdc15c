"""The modifiers, in their order: persist, confirm, (no_confirm), clear.

An `Episode` is what one rule remembers between readings; a rule without one is quiet. `step` takes the raw `Sight` of one reading and gives
the next episode and the events that matter; `tick` gives what time alone brings. Both are pure.

The repeat after a breach at t, received at r: the first reading in (t, t+within] decides whenever it is known. If none is known the rule
fires at `r + within`. A newer reading outside that window (an offline batch) shows that no repeat will be found in order; the state then
goes on as fired, but what it says is *held* until the deadline, because the repeat may still be on its way and then everything is
replayed. So any order of arrival ends in the same state once all deadlines have passed.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from msgspec import Struct, structs

from dho.rules.rule import RANK, Modifiers, Rule, Zone
from dho.rules.sight import Event, Level, Seen, Sight, key_of


class Episode(Struct, frozen=True, array_like=True):
    """What a rule that is not quiet remembers.

    `window` holds the last n raw answers as bits (newest lowest), `anchor` when the newest of them began; `clears` counts readings that
    cleared; `event` is the newest thing it said and `judged` the newest reading it was judged at; `latch` the reference of a `change`.
    """

    window: int = 0
    anchor: datetime | None = None
    firing: bool = False
    eased: bool = False
    clears: int = 0
    since: datetime | None = None
    event: Event | None = None
    pending: Seen | None = None
    timed_out: bool = False
    latch: Seen | None = None
    latched_at: datetime | None = None
    held: tuple[Event, ...] = ()
    held_until: datetime | None = None
    unmuted: bool = False


QUIET = Episode()


class Step(NamedTuple):
    """The next episode, what happened, and whether an episode of firing ended (its first instant)."""

    episode: Episode
    events: tuple[Event, ...]
    ended: datetime | None = None


def deadline(rule: Rule, episode: Episode) -> datetime | None:
    """When the pending breach fires if no repeat has come: received + within."""
    confirm = rule.modifiers.confirm
    if episode.pending is None or episode.timed_out or confirm is None:
        return None
    return episode.pending.received + confirm.elapsed


def zone_of_episode(rule: Rule, episode: Episode) -> Zone | None:
    """The zone a firing rule puts the patient in: its own, or yellow where the repeat lay in the band."""
    return "yellow" if episode.eased and RANK[rule.zone] > RANK["yellow"] else rule.zone


def step(rule: Rule, episode: Episode, reading: Seen, sight: Sight, now: datetime, gap: bool, near: bool) -> Step:
    """Judge one reading; `gap` says that it lies further from its neighbour than `max_gap`, `near` that the window's newest answer lies
    closer than `min_apart`."""
    events: list[Event] = []
    if gap:
        episode = structs.replace(episode, window=0, anchor=None, clears=0)
    pending, within = episode.pending, rule.modifiers.confirm
    if pending is not None and within is not None:
        assert not unrepeated_by(rule, episode, reading.at), "a fact beyond the repeat's window settles the breach first"
        if reading.at <= pending.at or sight.level is Level.UNKNOWN:
            return Step(episode, ())
        return _publish(*_decide(rule, episode, reading, sight), now)
    if sight.level is Level.UNKNOWN:
        return _publish(episode, events, None, now)
    if episode.firing:
        episode, ended = _firing(rule, episode, reading, sight, events)
        return _publish(episode, events, ended, now)
    episode = _counted(rule.modifiers, episode, reading, sight, near)
    if sight.level is Level.BREACH and episode.window.bit_count() >= rule.modifiers.k:
        episode = _complete(rule, episode, reading, sight, events)
    elif not episode.window:
        episode = structs.replace(QUIET, held=episode.held, held_until=episode.held_until)
    return _publish(episode, events, None, now)


def unrepeated_by(rule: Rule, episode: Episode, at: datetime) -> bool:
    """True if a fact at this instant shows that no repeat will come in order: it lies beyond (t, t+within]."""
    within = rule.modifiers.confirm
    return episode.pending is not None and within is not None and at > episode.pending.at + within.elapsed


def overdue(rule: Rule, episode: Episode, now: datetime) -> Step:
    """The breach fires, held until its deadline if that has not passed."""
    events: list[Event] = []
    episode = _unrepeated(rule, episode, now, events)
    return _publish(episode, events, None, now)


def tick(rule: Rule, episode: Episode, now: datetime) -> Step:
    """What time alone brings up to `now`: the pending breach that nobody repeated fires, what was held is said, what was muted speaks."""
    events: list[Event] = []
    due = deadline(rule, episode)
    if due is not None and now >= due:
        assert episode.pending is not None
        episode = _fired(episode, episode.pending, _unanswered(rule, episode), events)
        episode = structs.replace(episode, timed_out=True)
    episode = unmute(rule, episode, now, events)
    return _publish(episode, events, None, now)


def unmute(rule: Rule, episode: Episode, now: datetime, events: list[Event]) -> Episode:
    """At the end of a suppression, what still fires alerts at once."""
    suppression, event = rule.suppression, episode.event
    if (
        suppression is None
        or not episode.firing
        or episode.unmuted
        or event is None
        or now < suppression.end
        or event.at >= suppression.end
    ):
        return episode
    key = ("unmuted", suppression.end.astimezone(UTC).isoformat())
    events.append(structs.replace(event, reason="suppression_ended", at=suppression.end, key=key))
    return structs.replace(episode, unmuted=True)


def judged(rule: Rule, episode: Episode, sight: Sight, at: datetime, key: tuple[str, ...]) -> Step:
    """A rule over other rules, which has no modifiers: fires, clears, or holds."""
    event = Event("fires" if sight.level is Level.BREACH else "clear", None, rule.zone, at, key, sight.used, sight.numbers, sight.words)
    if sight.level is Level.BREACH:
        return Step(structs.replace(episode, firing=True, since=episode.since or at, event=event, unmuted=False), (event,))
    if sight.level is Level.CLEAR and episode.firing:
        return Step(QUIET, (event,), episode.since)
    return Step(episode, ())


def ended(rule: Rule, episode: Episode, at: datetime, key: tuple[str, ...], reason: str, now: datetime) -> Step:
    """A person ended it: nothing up to `at` counts any more."""
    events: list[Event] = []
    since = None
    due = deadline(rule, episode)
    if due is not None and due <= at:
        episode = _unrepeated(rule, episode, due, events)
    if episode.firing or episode.pending is not None:
        used = episode.event.used if episode.event is not None else ()
        events.append(Event("clear", reason, zone_of_episode(rule, episode), at, key, used))
        since = episode.since if episode.firing else None
    return _publish(structs.replace(QUIET, held=episode.held, held_until=episode.held_until), events, since, now)


def wake(rule: Rule, episode: Episode) -> datetime | None:
    """The next instant at which time alone changes this rule."""
    moments = [deadline(rule, episode), episode.held_until if episode.held else None]
    suppression, event = rule.suppression, episode.event
    if suppression and episode.firing and not episode.unmuted and event is not None and event.at < suppression.end:
        moments.append(suppression.end)
    return min((moment for moment in moments if moment is not None), default=None)


def _counted(modifiers: Modifiers, episode: Episode, reading: Seen, sight: Sight, near: bool) -> Episode:
    """Enter the raw answer into the window. Within `min_apart` the worse of two readings stands for both."""
    breach = int(sight.level is Level.BREACH)
    if not breach and not episode.window:
        return episode
    if episode.window and near:
        return structs.replace(episode, window=episode.window | breach)
    return structs.replace(episode, window=((episode.window << 1) | breach) & ((1 << modifiers.n) - 1), anchor=reading.at)


def _complete(rule: Rule, episode: Episode, reading: Seen, sight: Sight, events: list[Event]) -> Episode:
    """The completing reading: ask for a repeat, or fire."""
    confirm = rule.modifiers.confirm
    if confirm is None:
        fired = _event(rule, "fires", None, rule.zone, reading, sight)
        return _fired(structs.replace(episode, latch=sight.reference, latched_at=reading.at), reading, fired, events)
    asked = structs.replace(
        _event(rule, "not_evaluable", "awaiting_repeat", rule.zone, reading, sight), confirm_until=reading.received + confirm.elapsed
    )
    events.append(asked)
    return structs.replace(episode, window=0, anchor=None, pending=reading, event=asked, latch=sight.reference, latched_at=reading.at)


def _decide(rule: Rule, episode: Episode, reading: Seen, sight: Sight) -> tuple[Episode, list[Event], datetime | None]:
    """The first reading in (t, t+within]: confirms, confirms at yellow, or dismisses. It also overrules a firing by silence."""
    assert episode.pending is not None
    both = Sight(sight.level, (episode.pending, *sight.used), sight.numbers, sight.words)
    events: list[Event] = []
    pending = structs.replace(episode, pending=None, timed_out=False, firing=False, since=None)
    if sight.level is Level.CLEAR:
        dismissed = _event(rule, "clear", "dismissed_by_repeat", rule.zone, reading, both)
        return structs.replace(QUIET, held=episode.held, held_until=episode.held_until), [*events, dismissed], None
    eased = sight.level is Level.BAND and RANK[rule.zone] > RANK["yellow"]
    zone: Zone | None = "yellow" if eased else rule.zone
    reason = "confirmed_in_band" if sight.level is Level.BAND else "confirmed"
    confirmed = _fired(pending, episode.pending, _event(rule, "fires", reason, zone, reading, both), events)
    return structs.replace(confirmed, eased=eased), events, None


def _unrepeated(rule: Rule, episode: Episode, now: datetime, events: list[Event]) -> Episode:
    """A newer reading lies outside the window of the repeat: the breach fires, but is held until its deadline."""
    due = deadline(rule, episode)
    if due is not None:
        assert episode.pending is not None
        episode = _fired(episode, episode.pending, _unanswered(rule, episode), events)
        if now < due:
            episode = structs.replace(episode, held_until=due if episode.held_until is None else max(due, episode.held_until))
    return structs.replace(episode, pending=None, timed_out=False)


def _unanswered(rule: Rule, episode: Episode) -> Event:
    assert episode.event is not None
    return structs.replace(episode.event, result="fires", reason="no_repeat", zone=rule.zone, confirm_until=None)


def _firing(rule: Rule, episode: Episode, reading: Seen, sight: Sight, events: list[Event]) -> tuple[Episode, datetime | None]:
    """A reading of a rule that fires: breaches again, holds in the band, or counts towards clearing."""
    suppression = rule.suppression
    if suppression is not None and suppression.end <= reading.at:
        episode = unmute(rule, episode, reading.at, events)
    if sight.level is Level.BREACH:
        again = _event(rule, "fires", None, rule.zone, reading, sight)
        events.append(again)
        return structs.replace(episode, eased=False, clears=0, event=again), None
    clears = episode.clears + 1 if sight.level is Level.CLEAR else 0
    if clears < rule.modifiers.consecutive:
        return structs.replace(episode, clears=clears), None
    events.append(_event(rule, "clear", None, zone_of_episode(rule, episode), reading, sight))
    return structs.replace(QUIET, held=episode.held, held_until=episode.held_until), episode.since


def _fired(episode: Episode, first: Seen, event: Event, events: list[Event]) -> Episode:
    events.append(event)
    return structs.replace(episode, firing=True, eased=False, window=0, anchor=None, clears=0, since=first.at, event=event, unmuted=False)


def _event(rule: Rule, result: str, reason: str | None, zone: Zone | None, reading: Seen, sight: Sight) -> Event:
    return Event(result, reason, zone, reading.at, key_of(reading), sight.used or (reading,), sight.numbers, sight.words)


def _publish(episode: Episode, events: list[Event], ended: datetime | None, now: datetime) -> Step:
    """Say what happened, or hold it until the deadline of a repeat that may still be on its way."""
    if episode.held_until is not None and now < episode.held_until:
        return Step(structs.replace(episode, held=(*episode.held, *events)), (), ended)
    if episode.held or episode.held_until is not None:
        return Step(structs.replace(episode, held=(), held_until=None), (*episode.held, *events), ended)
    return Step(episode, tuple(events), ended)
