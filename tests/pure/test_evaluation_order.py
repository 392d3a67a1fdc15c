"""The promise under disorder: how facts are cut into calls, and in which order they arrived, does not matter once deadlines have passed."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from dho.evaluation import Fact, Handled, advance, initial, judge, standing
from dho.observation import Observation
from dho.plan import Plan
from dho.state import State
from dho.verdict import Verdict
from tests.pure import plans
from tests.pure.plans import FEVER, MORNING, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, plan, reading

SYSTOLIC: dict[str, Any] = {
    "id": "systolic",
    "kind": "threshold",
    "code": "8480-6",
    "below": 100,
    "above": 160,
    "unit": "mm[Hg]",
    "zone": "yellow",
}
EVERYTHING = plan(
    SPO2_YELLOW | {"persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}, "max_gap": "P1D"},
    SPO2_RED | {"confirm": {"within": "PT10M"}, "clear": {"margin": 2}},
    FEVER | {"no_confirm": True},
    SYSTOLIC | {"persist": {"k": 2, "n": 2}, "min_apart": "PT5M"},
    {"id": "breath", "kind": "answer", "questionnaire": "symptoms", "question": "breathlessness", "at_least": 2, "zone": "yellow"},
    {"id": "often", "kind": "count", "of": "spo2-yellow", "at_least": 3, "within": "P2D", "zone": "red"},
    {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"},
    schedule=[SPO2_MORNING | {"required": True}],
    active_from=MORNING - timedelta(days=2),
)
WINDOWS = plan(
    SPO2_YELLOW | {"clear": {"margin": 2}},
    {
        "id": "weight-up",
        "kind": "change",
        "code": "29463-7",
        "rises": 2,
        "unit": "kg",
        "within": "P3D",
        "against": "lowest",
        "zone": "yellow",
    },
    {
        "id": "weight-down",
        "kind": "change",
        "code": "29463-7",
        "falls_percent": 2,
        "within": "PT30H",
        "zone": "yellow",
        "confirm": {"within": "PT15M"},
    },
    {
        "id": "drift",
        "kind": "trend",
        "code": "29463-7",
        "short": "P2D",
        "long": "P5D",
        "rises": 1,
        "unit": "kg",
        "min_points": 3,
        "zone": "yellow",
    },
    {"id": "slope", "kind": "trend", "code": "spo2", "long": "P5D", "slope": -1, "unit": "%", "min_points": 3, "zone": "yellow"},
    {"id": "own", "kind": "baseline", "code": "spo2", "falls_mad": 3, "over": "P9D", "min_points": 3, "min_days": 2, "zone": "yellow"},
    {"id": "breath", "kind": "answer", "questionnaire": "symptoms", "question": "breathlessness", "at_least": 2, "zone": "yellow"},
    {"id": "news2", "kind": "score", "score": "NEWS2", "at_least": 5, "within": "PT30M", "zone": "red"},
    {"id": "often", "kind": "count", "of": "weight-up", "at_least": 2, "within": "P7D", "zone": "red"},
    {"id": "both", "kind": "all", "of": ["weight-up", "breath"], "within": "P1D", "zone": "red"},
    {"id": "two", "kind": "k_of", "k": 2, "of": ["own", "breath", "silent", "drift"], "zone": "yellow"},
    {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported", "consecutive": 2},
    schedule=[SPO2_MORNING],
    active_from=MORNING - timedelta(days=2),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from((1, 2, 4, 9, 10, 11, 30, 60 * 7, 60 * 24, 60 * 26)),
        st.one_of(
            st.tuples(st.just("spo2"), st.integers(84, 96)),
            st.tuples(st.just("temperature"), st.sampled_from((37.4, 37.9, 38.0, 38.4))),
            st.tuples(st.just("systolic"), st.sampled_from((90, 99, 100, 130, 161))),
            st.tuples(st.just("weight"), st.sampled_from((78, 79, 80, 81.9, 82, 83))),
            st.tuples(st.just("consciousness"), st.sampled_from("AV")),
            st.tuples(st.just("answer:symptoms:breathlessness"), st.integers(0, 3)),
            st.tuples(st.just("handled"), st.sampled_from(("spo2", "systolic", "missing:spo2-morning", "weight", "both"))),
        ),
    ),
    max_size=25,
)

PLANS = st.sampled_from((EVERYTHING, WINDOWS))


def facts_of(steps: list[tuple[int, tuple[str, Any]]]) -> list[Fact]:
    minute, facts = 0, []
    for apart, (name, value) in steps:
        minute += apart
        if name == "handled":
            facts.append(Handled(value, MORNING + timedelta(minutes=minute)))
        else:
            facts.append(reading(value, minute, name))
    return facts


def told(verdicts: list[Verdict]) -> dict[str, list[Any]]:
    """What each rule said, in order; which of several rules spoke first at a deadline does not matter."""
    by_rule: dict[str, list[Any]] = {}
    for verdict in verdicts:
        by_rule.setdefault(verdict.rule, []).append((verdict.at, verdict.result, verdict.reason, verdict.zone))
    return by_rule


def stands(given_plan: Plan, state: State, now: Any) -> Any:
    found = standing(given_plan, state, now)
    return found.zone, found.zone_pending, [(v.rule, v.result, v.reason, v.at) for v in found.rules], found.reported, found.judge_again_at


@given(PLANS, STEPS, st.data())
@settings(max_examples=250, deadline=None)
def test_any_split_into_calls_says_the_same_and_ends_in_the_same_state(given_plan: Plan, steps: list[Any], data: st.DataObject) -> None:
    facts = facts_of(steps)
    end = MORNING + timedelta(minutes=sum(apart for apart, _ in steps) + 5000)
    whole, at_once = judge(given_plan, facts, end)
    state, in_parts = initial(given_plan), []
    place = 0
    while place < len(facts):
        count = data.draw(st.integers(1, len(facts) - place))
        part = facts[place : place + count]
        place += count
        last = part[-1]
        now = last.received_at if isinstance(last, Observation) else last.at
        state, said = advance(given_plan, State.load(state.dump()), part, now)
        in_parts += said
    state, said = advance(given_plan, state, (), end)
    assert told([*in_parts, *said]) == told(at_once)
    assert stands(given_plan, state, end) == stands(given_plan, whole, end)
    assert state == whole


@given(PLANS, STEPS, st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_arrival_does_not_matter_after_all_deadlines(given_plan: Plan, steps: list[Any], random: Any) -> None:
    facts = [fact for fact in facts_of(steps) if isinstance(fact, Observation)]
    end = MORNING + timedelta(days=60)
    expected, said = judge(given_plan, facts, end)
    shuffled = [structs.replace(fact, received_at=fact.measured_at + timedelta(minutes=random.choice((0, 5, 700, 4000)))) for fact in facts]
    state, again = judge(given_plan, shuffled, end)
    assert told(again) == told(said)
    assert stands(given_plan, state, end) == stands(given_plan, expected, end)


@given(PLANS, STEPS)
@settings(max_examples=100, deadline=None)
def test_a_state_survives_being_written_down(given_plan: Plan, steps: list[Any]) -> None:
    facts = facts_of(steps)
    state, _ = judge(given_plan, facts, MORNING + timedelta(days=1))
    assert State.load(state.dump()) == state


@given(PLANS, STEPS, st.data())
@settings(max_examples=100, deadline=None)
def test_the_same_value_at_the_same_instant_twice_is_one_reading(given_plan: Plan, steps: list[Any], data: st.DataObject) -> None:
    facts = facts_of(steps)
    doubled: list[Fact] = []
    for fact in facts:
        doubled.append(fact)
        if isinstance(fact, Observation) and data.draw(st.booleans()):
            doubled.append(structs.replace(fact, uplink=plans.EVA))
    end = MORNING + timedelta(days=60)
    one, said = judge(given_plan, facts, end)
    two, again = judge(given_plan, doubled, end)
    assert [(v.rule, v.result, v.reason, v.judged_at) for v in again] == [(v.rule, v.result, v.reason, v.judged_at) for v in said]
    assert standing(given_plan, two, end).zone == standing(given_plan, one, end).zone


def test_the_state_does_not_grow_with_history() -> None:
    state, sizes = initial(EVERYTHING), []
    for day in range(60):
        again = [reading(84 + (day + minute) % 10, timedelta(days=day, minutes=minute)) for minute in range(0, 1000, 50)]
        state, _ = advance(EVERYTHING, state, again, again[-1].received_at)
        sizes.append(len(state.dump()))
    assert max(sizes[30:]) <= max(sizes[:30]) + 50
