"""What the plan says of the facts: one pure function, the same live, in a back-test and on replay after a restart.

`advance` takes facts in clinical order and gives the next state and the verdicts that matter. The quiet green reading is the hot path: it
only becomes the newest reading of its measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from msgspec import structs

from dho.hand import Hand
from dho.observation import Observation
from dho.plan import Plan
from dho.rules.rule import Zone
from dho.rules.sight import seen
from dho.standing import Standing, due, standing_of, zone_now
from dho.state import State
from dho.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Handled:
    """A person closed the family at this instant, with a reason: readings up to then stop counting for it."""

    family: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Rebased:
    """Staff set a new reference for one rule (a new dry weight): it forgets what it had latched and seen up to then."""

    rule: str
    at: datetime


Fact = Observation | Handled | Rebased


def initial(plan: Plan) -> State:
    """The state of a patient of whom nothing is known under this plan."""
    return State(began=plan.active_from)


def judge(plan: Plan, facts: Sequence[Fact], now: datetime) -> tuple[State, list[Verdict]]:
    """From scratch: everything the plan says of these facts, up to `now`."""
    return advance(plan, initial(plan), facts, now)


def advance(plan: Plan, state: State, facts: Sequence[Fact], now: datetime) -> tuple[State, list[Verdict]]:
    """The state after these facts and after what time alone brings up to `now`, and the verdicts that matter, in order.

    Facts stand in clinical order (`measured_at`, then uplink and position) and are strictly newer than `state.newest`; raises ValueError
    otherwise, because then the caller must replay from an earlier checkpoint. Verdicts: every reading on which a rule fires, every start
    of waiting for a repeat, every change from firing to clear and from waiting to dismissed, every missed slot.
    """
    hand = Hand(plan, state.copy(), now)
    place, count = 0, len(facts)
    while place < count:
        at = _instant(facts[place])
        if hand.state.newest is not None and at <= hand.state.newest:
            raise ValueError("facts must be newer than the state and in clinical order; replay from an earlier checkpoint")
        end = place + 1
        while end < count and _instant(facts[end]) == at:
            end += 1
        hand.settle(at)
        _take(hand, facts[place:end], at)
        hand.state.newest = at
        place = end
    hand.tick()
    return hand.state, hand.said


def zone_of(plan: Plan, state: State, now: datetime) -> tuple[Zone, datetime | None]:
    """The patient's zone and the next instant at which time alone changes anything: the cheap form of `standing`."""
    return zone_now(plan, _at(plan, state, now), now)


def standing(plan: Plan, state: State, now: datetime) -> Standing:
    """The zone, what is pending, every rule's present verdict with its reasons, what is reported, and when to judge again."""
    return standing_of(plan, _at(plan, state, now), now)


def _at(plan: Plan, state: State, now: datetime) -> State:
    return advance(plan, state, (), now)[0] if due(plan, state, now) else state


def _instant(fact: Fact) -> datetime:
    return fact.measured_at if isinstance(fact, Observation) else fact.at


def _take(hand: Hand, facts: Sequence[Fact], at: datetime) -> None:
    """The facts of one instant: readings first, then what people did."""
    readings = [fact for fact in facts if isinstance(fact, Observation)]
    if len(readings) > 1:
        readings = _once(readings)
    if readings and not hand.quiet(readings, at):
        hand.judge([seen(reading) for reading in readings], at)
    if len(readings) != len(facts):
        for fact in facts:
            if isinstance(fact, Handled):
                hand.close(fact.family, at)
            elif isinstance(fact, Rebased):
                hand.rebase(fact.rule, at)


def _once(readings: Sequence[Observation]) -> list[Observation]:
    """In (uplink, position) order; the same measurement and value at one instant twice is one reading, received when the first copy was:
    a second one must not put off the deadline of a repeat."""
    single: dict[tuple[str, Decimal | str], Observation] = {}
    for reading in sorted(readings, key=lambda one: (one.uplink, one.position)):
        mark = (reading.measurement, reading.value)
        copy = single.setdefault(mark, reading)
        if reading.received_at < copy.received_at:
            single[mark] = structs.replace(copy, received_at=reading.received_at, late=reading.late)
    return list(single.values())
