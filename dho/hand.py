"""One hand on one patient: the working copy of a state while facts are judged.

The order at one instant: what was missed before it, all readings into the windows, each reading rule at each reading in (uplink, position)
order, scores once, then counts and combinations over their children.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import structs

from dho.observation import Observation
from dho.plan import Listener, Plan
from dho.present import child, missed_from, newest_input, speaks_again
from dho.rules.count import Hits
from dho.rules.episode import QUIET, Step, ended, judged, overdue, step, tick, unrepeated_by, wake
from dho.rules.kinds import Memory
from dho.rules.missing import Missing, missed
from dho.rules.rule import ReadingRule, Rule, ScoreRule
from dho.rules.sight import Event, Level, Outlook, Seen, Sight, key_of, seen
from dho.rules.words import instant
from dho.schedule import Item, Slot
from dho.state import Misses, State
from dho.verdict import Verdict, verdict_of

_TICK = timedelta(microseconds=1)
_LATCH_DATES = 14


class Hand:
    """Holds plan, state (its own copy) and now; `said` collects the verdicts in order."""

    __slots__ = ("fired", "now", "plan", "said", "state")

    def __init__(self, plan: Plan, state: State, now: datetime) -> None:
        self.plan, self.state, self.now = plan, state, now
        self.said: list[Verdict] = []
        self.fired: set[str] = set()

    def quiet(self, readings: Sequence[Observation], at: datetime) -> bool:
        """The hot path: take the readings in and give True if nothing about them can matter."""
        state, listeners = self.state, self.plan.listeners
        known: list[tuple[Listener, Observation]] = []
        for reading in readings:
            listener = listeners.get(reading.measurement)
            if listener is None:
                listener = self.plan.form_listener(reading.measurement)
                if listener is None:
                    continue
            if not listener.simple or (listener.rules and not listener.between(reading.value)):
                return False
            if (state.episodes and not listener.ids.isdisjoint(state.episodes)) or (
                state.memory and not listener.ids.isdisjoint(state.memory)
            ):
                return False
            if listener.missing and self._may_have_missed(listener, at):
                return False
            known.append((listener, reading))
        for listener, reading in known:
            self._remember(listener, seen(reading))
        return True

    def _may_have_missed(self, listener: Listener, at: datetime) -> bool:
        for rule, item in listener.missing:
            if rule.id in self.state.misses:
                return True
            before = self.state.last.get(item.key)
            if before is None or at - before.at > item.span:
                reported = before.at if before else None
                after = missed_from(self.state, rule, reported)
                slot = item.next_open(reported, after) if after is not None else None
                if slot is not None and slot.deadline < at:
                    return True
        return False

    def _remember(self, listener: Listener, reading: Seen) -> None:
        state = self.state
        state.last[reading.measurement] = reading
        if listener.form is not None:
            state.last[listener.form] = reading
        if state.newest_reading is None or reading.at > state.newest_reading:
            state.newest_reading = reading.at
        if state.began is None:
            state.began = reading.at

    def settle(self, at: datetime) -> None:
        """Before the facts of an instant: no repeat measured in time can come in order any more, and slots were missed by then."""
        for rule, item in self.plan.missing_within_others:
            self._miss(rule, item, at - _TICK)
        self._speak_again(at)
        if not self.state.episodes:
            return
        for name, episode in list(self.state.episodes.items()):
            waiting = self.plan.by_id[name]
            if unrepeated_by(waiting, episode, at):
                self.fired.clear()
                done = overdue(waiting, episode, self.now)
                self._became(waiting, done, at)
                event = done.episode.event
                if event is not None and not episode.timed_out:
                    self.fired.add(name)
                    self._derive(frozenset((name,)), event.at, event.key)

    def judge(self, readings: Sequence[Seen], at: datetime) -> None:
        """Readings of one instant, in order, where something may matter."""
        known = [(self.plan.listener(reading.measurement), reading) for reading in readings]
        heard = [(listener, reading) for listener, reading in known if listener is not None]
        if not heard:
            return
        self.fired.clear()
        before = {reading.measurement: self.state.last.get(reading.measurement) for _, reading in heard}
        scored = {score.id: newest_input(self.plan, self.state, score) for score in self.plan.scores}
        for listener, reading in heard:
            self._arrive(listener, reading)
        judged = [(rule, reading) for listener, reading in heard for rule in listener.rules]
        windowed = {rule.id: rule for rule, _ in judged if rule.windowed}
        groups = {name: [reading for rule, reading in judged if rule.id == name] for name in windowed}
        for name, rule in windowed.items():
            self._keep(name, rule.remember_before(self.state.memory.get(name), groups[name], self.outlook(rule)))
        for rule, reading in judged:
            self._look(rule, reading, before[reading.measurement])
        for name, rule in windowed.items():
            self._keep(name, rule.remember_after(self.state.memory.get(name), groups[name], self.outlook(rule)))
        for score in self.plan.scores:
            parameters = [reading for _, reading in heard if reading.measurement in score.inputs]
            if parameters:
                gap = self._gap(score, scored[score.id], at)
                self._apply(score, max(parameters, key=key_of), score.look_at(at, self.outlook(score)), gap)
        touched = frozenset(name for listener, _ in heard for name in listener.ids)
        self._derive(touched, at, (instant(at),))

    def _arrive(self, listener: Listener, reading: Seen) -> None:
        """Into the newest readings; slots missed before it, and the ones it serves."""
        for rule, item in listener.missing:
            self._miss(rule, item, reading.at - _TICK)
        self._remember(listener, reading)
        for rule, item in listener.missing:
            self._served(rule, item, reading)

    def outlook(self, rule: Rule) -> Outlook:
        """What a rule may look at beside the reading."""
        return Outlook(self.plan.timezone, self.state.last, self.state.handled.get(rule.family), self._quiet_day)

    def _quiet_day(self, day: int) -> bool:
        if any(first <= day <= last for first, last in self.state.unquiet):
            return False
        for name, episode in self.state.episodes.items():
            if episode.firing and episode.since is not None and self.plan.marks_days(name) and self.plan.day(episode.since) <= day:
                return False
        return True

    def _keep(self, name: str, memory: Memory | None) -> None:
        if memory is None:
            self.state.memory.pop(name, None)
        else:
            self.state.memory[name] = memory

    def _look(self, rule: ReadingRule, reading: Seen, before: Seen | None) -> None:
        episode = self.state.episodes.get(rule.id, QUIET)
        stale = episode.latched_at is not None and self.plan.day(reading.at) - self.plan.day(episode.latched_at) > _LATCH_DATES
        latch = None if stale else episode.latch
        sight = rule.look(reading, self.state.memory.get(rule.id), latch, self.outlook(rule))
        if stale and episode.firing and sight.reference is not None:
            self.state.episodes[rule.id] = structs.replace(episode, latch=sight.reference, latched_at=reading.at)
        self._apply(rule, reading, sight, self._gap(rule, before.at if before else None, reading.at))

    def _gap(self, rule: Rule, before: datetime | None, at: datetime) -> bool:
        """Whether a reading lies further from the one before it than the rule's `max_gap`."""
        gap = rule.modifiers.max_gap
        return gap is not None and before is not None and gap.apart(before, at, self.plan.timezone)

    def _apply(self, rule: ReadingRule | ScoreRule, reading: Seen, sight: Sight, gap: bool) -> None:
        """Through the modifiers, and remember what came of it."""
        if rule.windowed:
            result = {Level.BREACH: "fires", Level.UNKNOWN: "not_evaluable"}.get(sight.level, "clear")
            view = Event(result, sight.reason, rule.zone, reading.at, key_of(reading), sight.used, sight.numbers, sight.words)
            self.state.views[rule.id] = view
        if sight.level is Level.BREACH:
            for count in self.plan.counts_of(rule.id):
                hits = (*count.hits(self.state.memory.get(count.id)), reading)
                self.state.memory[count.id] = Hits(hits[-count.at_least :])
        episode = self.state.episodes.get(rule.id, QUIET)
        if episode is not QUIET or sight.level is Level.BREACH:
            apart, anchor = rule.modifiers.min_apart, episode.anchor
            near = apart is not None and anchor is not None and not apart.reached(anchor, reading.at, self.plan.timezone)
            self._became(rule, step(rule, episode, reading, sight, self.now, gap, near), reading.at)

    def _became(self, rule: Rule, done: Step, at: datetime) -> None:
        if done.episode == QUIET:
            self.state.episodes.pop(rule.id, None)
        else:
            self.state.episodes[rule.id] = done.episode
        if done.ended is not None and self.plan.marks_days(rule.id):
            self._mark(self.plan.day(done.ended), self.plan.day(at))
        for event in done.events:
            self._say(rule, event)

    def _mark(self, first: int, last: int) -> None:
        """Note local dates on which something fired; older ones than any window asks for are forgotten."""
        kept = {(begin, end) for begin, end in self.state.unquiet if end >= last - self.plan.days_asked}
        self.state.unquiet = tuple(sorted(kept | {(first, last)}))

    def _say(self, rule: Rule, event: Event) -> None:
        if event.result == "fires":
            self.fired.add(rule.id)
        if rule.zone is not None:
            self.said.append(verdict_of(self.plan, self.state, rule, event))

    def _derive(self, touched: frozenset[str], at: datetime, key: tuple[str, ...]) -> None:
        """Counts and combinations over the rules that may have changed, children before parents."""
        for rule in self.plan.derived_from(touched):
            hits = rule.hits(self.state.memory.get(rule.id))
            children = [child(self.plan, self.state, name, at) for name in rule.of]
            sight = rule.consider(children, hits, at, self.outlook(rule))
            if hits and rule.expired(hits, at, self.plan.timezone):
                self.state.memory.pop(rule.id)
            episode = self.state.episodes.get(rule.id, QUIET)
            again = not self.fired.isdisjoint(rule.of) or any(hit.at == at for hit in hits)
            if (episode.firing and sight.level is Level.BREACH and not again) or (not episode.firing and sight.level is not Level.BREACH):
                continue
            self._became(rule, judged(rule, episode, sight, at, key), at)

    def _miss(self, rule: Missing, item: Item, until: datetime) -> None:
        """Say every slot whose deadline passed up to `until` with nothing known that serves it."""
        before = self.state.last.get(item.key)
        reported = before.at if before else None
        if reported is not None and until - reported <= item.span:
            return
        after = missed_from(self.state, rule, reported)
        if after is None:
            return
        for slot in item.missed(reported, after, until):
            self.fired.clear()
            misses = self.state.misses.get(rule.id)
            count = misses.count + 1 if misses else 1
            fires = count >= rule.consecutive
            since = misses.since if misses and misses.firing else slot.deadline if fires else None
            self.state.misses[rule.id] = Misses(count, slot.opens, slot.start, slot.deadline, fires, since)
            if fires:
                self._say(rule, missed(rule, item.key, slot, count, self.plan.timezone))
                self._derive(frozenset((rule.id,)), slot.deadline, ("slot", rule.item, instant(slot.start)))

    def _speak_again(self, until: datetime) -> None:
        """A suppressed miss that nothing has served alerts when its suppression has ended."""
        for rule, item in self.plan.missing if self.state.misses else ():
            misses = self.state.misses.get(rule.id)
            end = speaks_again(rule, misses)
            if misses is not None and end is not None and end <= until:
                self.state.misses[rule.id] = structs.replace(misses, unmuted=True)
                event = missed(rule, item.key, Slot(misses.opens, misses.start, misses.deadline), misses.count, self.plan.timezone)
                key = ("unmuted", instant(end))
                self._say(rule, structs.replace(event, reason="suppression_ended", at=end, key=key))

    def _served(self, rule: Missing, item: Item, reading: Seen) -> None:
        """A reading serves every slot that had opened when it was measured."""
        misses = self.state.misses.get(rule.id)
        if misses is None:
            return
        left = 0
        if reading.at < misses.opens:
            left = min(misses.count, sum(1 for _ in item.missed(reading.at, reading.at, misses.deadline)))
        if left:
            fires = left >= rule.consecutive
            self.state.misses[rule.id] = structs.replace(misses, count=left, firing=fires, since=misses.since if fires else None)
        else:
            self.state.misses.pop(rule.id)
        if misses.firing and left < rule.consecutive:
            self._say(rule, Event("clear", "reported", rule.zone, reading.at, key_of(reading), (reading,)))

    def close(self, family: str, at: datetime) -> None:
        """A person closed the family: readings up to then stop counting for it."""
        for missing, item in self.plan.missing:
            if missing.family == family:
                self._miss(missing, item, at)
        self.state.handled[family] = at
        self._forget([rule for rule in self.plan.rules if rule.family == family], at, "handled")

    def rebase(self, name: str, at: datetime) -> None:
        """Staff gave one rule a new reference."""
        rule = self.plan.by_id.get(name)
        if rule is not None:
            self._forget([rule], at, "rebased")

    def _forget(self, rules: Sequence[Rule], at: datetime, reason: str) -> None:
        self.fired.clear()
        for rule in rules:
            self._end(rule, at, reason)
        self._derive(frozenset(rule.id for rule in rules), at, (reason, instant(at)))

    def _end(self, rule: Rule, at: datetime, reason: str) -> None:
        key = (reason, instant(at))
        episode = self.state.episodes.get(rule.id)
        if not (isinstance(rule, ReadingRule) and rule.keeps_history):
            self.state.memory.pop(rule.id, None)
        self.state.views.pop(rule.id, None)
        misses = self.state.misses.pop(rule.id, None)
        if misses is not None and misses.firing:
            self._say(rule, Event("clear", reason, rule.zone, at, key))
        if episode is not None:
            self._became(rule, ended(rule, episode, at, key, reason, self.now), at)

    def tick(self) -> None:
        """What time alone brings up to now."""
        self.fired.clear()
        if self.state.judged_to is None or self.now > self.state.judged_to:
            self.state.judged_to = self.now
        for rule, item in self.plan.missing:
            self._miss(rule, item, self.now)
        self._speak_again(self.now)
        for name, episode in list(self.state.episodes.items()):
            waiting = self.plan.by_id[name]
            moment = wake(waiting, episode)
            if moment is not None and moment <= self.now:
                done = tick(waiting, episode, self.now)
                self._became(waiting, done, moment)
                if done.events:
                    self._derive(frozenset((name,)), done.events[-1].at, done.events[-1].key)
