"""The life of an alert, without a database: what plan, people and time may do to it, and what they may not."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from alerts.acts import LONGEST_SNOOZE_OF_RED, OUTCOMES, VERBS, Act, act
from alerts.alert import RANK, Alert, AlertEvent
from alerts.lifecycle import Setting, decide, ease, pass_time, withdraw
from dho.calendar import Hours
from dho.db import Actor
from dho.errors import DhoError, Invalid, InvalidTransition
from dho.evaluation import judge
from dho.observation import Observation
from dho.plan import PlanRef, read_plan
from dho.verdict import Verdict

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday
MINUTE = timedelta(minutes=1)
ALWAYS = Hours.read("Europe/Oslo", True, {})
WEEKDAYS = Hours.read("Europe/Oslo", False, {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")})
EVA, ADA, BJORN = uuid4(), uuid4(), uuid4()
SETTING = Setting(EVA, uuid4(), uuid4(), ALWAYS, "nb")
PLAN = read_plan(
    {
        "title": "KOLS",
        "rules": [
            {"id": "low", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow"},
            {"id": "very-low", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"},
        ],
    },
    version=PlanRef(uuid4(), 1),
    timezone="Europe/Oslo",
)


def verdicts(value: int, at: datetime, received: datetime | None = None) -> list[Verdict]:
    """What the plan says of one reading of oxygen saturation."""
    reading = Observation(EVA, uuid4(), 0, "spo2", "59408-5", Decimal(value), "%", at, received or at)
    return judge(PLAN, [reading], received or at)[1]


def raised(value: int = 85, at: datetime = NINE) -> Alert:
    event = decide(None, None, verdicts(value, at), SETTING, at)
    assert isinstance(event, AlertEvent)
    return event.alert


def person(who: UUID) -> Actor:
    return Actor("person", who)


def test_red_and_yellow_at_one_reading_raise_one_alert_led_by_the_red() -> None:
    alert = raised(85)
    assert (alert.zone, alert.version, alert.breaches) == ("red", 1, 1)
    assert [entry["rule"] for entry in alert.because] == ["very-low", "low"]
    assert alert.text["key"] == alert.because[0]["key"]


def test_the_same_cause_gives_the_same_alert_so_that_it_can_never_be_two() -> None:
    said = verdicts(85, NINE)
    first, second = (decide(None, None, said, SETTING, NINE) for _ in range(2))
    assert isinstance(first, AlertEvent)
    assert isinstance(second, AlertEvent)
    assert first.alert.id == second.alert.id


def test_a_worse_zone_voids_claim_and_snooze_and_starts_the_clock_again() -> None:
    claimed = act(raised(90), Act("claim", person(ADA)), ALWAYS, NINE).alert
    later = NINE + 10 * MINUTE
    event = decide(claimed, None, verdicts(80, later), SETTING, later)
    assert isinstance(event, AlertEvent)
    assert (event.type, event.alert.zone, event.alert.state, event.alert.owner) == ("alert.worsened", "red", "open", None)
    assert event.alert.escalate_at == later + 15 * MINUTE


def test_a_milder_breach_never_lowers_the_alert() -> None:
    event = decide(raised(85), None, verdicts(90, NINE + MINUTE), SETTING, NINE + MINUTE)
    assert isinstance(event, AlertEvent)
    assert (event.type, event.alert.zone) == ("alert.updated", "red")


def test_easing_says_so_and_leaves_a_red_to_a_person() -> None:
    event = ease(raised(85), "green", ALWAYS, NINE + MINUTE)
    assert event is not None
    assert (event.type, event.alert.standing, event.alert.zone, event.alert.is_open) == ("alert.eased", "green", "red", True)
    later = NINE + timedelta(days=3)
    assert all(after.alert.is_open for after in pass_time(event.alert, ALWAYS, later))


def test_a_cleared_yellow_that_nobody_claimed_ends_by_itself_in_opening_hours() -> None:
    eased = ease(raised(90), "green", ALWAYS, NINE + MINUTE)
    assert eased is not None
    assert pass_time(eased.alert, WEEKDAYS, NINE + MINUTE) == []
    assert eased.alert.escalate_at is not None
    [event] = pass_time(eased.alert, WEEKDAYS, eased.alert.escalate_at)
    assert (event.type, event.reason) == ("alert.auto_cleared", "cleared_and_listed")


def test_a_cleared_yellow_that_somebody_works_on_waits_for_them() -> None:
    claimed = act(raised(90), Act("claim", person(ADA)), ALWAYS, NINE).alert
    eased = ease(claimed, "green", ALWAYS, NINE + MINUTE)
    assert eased is not None
    assert [e.type for e in pass_time(eased.alert, ALWAYS, NINE + 29 * MINUTE)] == []


def test_a_claim_that_expires_opens_the_alert_again_and_it_climbs_where_it_was() -> None:
    claimed = act(raised(85), Act("claim", person(ADA)), ALWAYS, NINE).alert
    assert [e.type for e in pass_time(claimed, ALWAYS, NINE + 30 * MINUTE)] == ["alert.released", "alert.escalated"]


def test_bjorn_cannot_take_what_ada_has_claimed_until_her_claim_expires() -> None:
    claimed = act(raised(85), Act("claim", person(ADA)), ALWAYS, NINE).alert
    with pytest.raises(InvalidTransition):
        act(claimed, Act("claim", person(BJORN)), ALWAYS, NINE + 29 * MINUTE)
    assert act(claimed, Act("claim", person(BJORN)), ALWAYS, NINE + 31 * MINUTE).alert.owner == BJORN


def test_a_red_is_snoozed_four_hours_at_most_and_never_past_closing_time() -> None:
    alert = raised(85)

    def snooze(hours: Hours, until: datetime, now: datetime = NINE) -> Alert:
        return act(alert, Act("snooze", person(ADA), reason="Venter på hjemmetjenesten", until=until), hours, now).alert

    assert snooze(ALWAYS, NINE + LONGEST_SNOOZE_OF_RED).state == "snoozed"
    with pytest.raises(Invalid):
        snooze(ALWAYS, NINE + LONGEST_SNOOZE_OF_RED + MINUTE)
    closing = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
    with pytest.raises(Invalid):
        snooze(WEEKDAYS, closing + MINUTE, closing - timedelta(hours=1))


def test_a_snooze_needs_a_reason_and_ends_by_itself() -> None:
    with pytest.raises(Invalid):
        act(raised(85), Act("snooze", person(ADA), until=NINE + MINUTE), ALWAYS, NINE)
    snoozed = act(raised(85), Act("snooze", person(ADA), reason="x", until=NINE + MINUTE), ALWAYS, NINE).alert
    assert [e.type for e in pass_time(snoozed, ALWAYS, NINE + MINUTE)] == ["alert.unsnoozed"]


def test_a_red_cannot_be_closed_as_not_reached() -> None:
    with pytest.raises(InvalidTransition):
        act(raised(85), Act("close", person(ADA), outcome="not_reached"), ALWAYS, NINE)
    assert act(raised(90), Act("close", person(ADA), outcome="not_reached"), ALWAYS, NINE).alert.state == "closed"


def test_closing_needs_an_outcome() -> None:
    with pytest.raises(Invalid):
        act(raised(85), Act("close", person(ADA)), ALWAYS, NINE)


def test_what_was_measured_before_the_close_raises_nothing_after_it() -> None:
    closed = act(raised(85), Act("close", person(ADA), outcome="patient_ok"), ALWAYS, NINE + MINUTE).alert
    assert decide(None, closed, verdicts(80, NINE, NINE + 5 * MINUTE), SETTING, NINE + 5 * MINUTE) is None
    again = decide(None, closed, verdicts(80, NINE + 2 * MINUTE), SETTING, NINE + 2 * MINUTE)
    assert isinstance(again, AlertEvent)
    assert again.alert.former == closed.id


def test_later_data_that_takes_the_basis_away_leaves_the_red_open_and_says_so() -> None:
    alert = raised(85)
    event = withdraw(alert, frozenset(alert.basis), by_invalidation=False, now=NINE + MINUTE)
    assert event is not None
    assert (event.alert.is_open, event.alert.supported, event.alert.basis_withdrawn) == (True, False, False)


@pytest.mark.parametrize("seed", range(200))
def test_no_reachable_state_leaves_an_open_alert_without_a_person_or_a_deadline(seed: int) -> None:
    """Whatever people, plan and time do: somebody holds it until a stated time, or it climbs at one, or it has reached the top."""
    rng = random.Random(seed)
    alert, now = raised(rng.choice((85, 90))), NINE
    for _ in range(40):
        now += timedelta(minutes=rng.choice((1, 5, 20, 60, 600)))
        events: list[AlertEvent] = []
        match rng.randrange(4):
            case 0:
                events = list(pass_time(alert, WEEKDAYS, now))
            case 1:
                decided = decide(alert, None, verdicts(rng.choice((80, 90)), now), replace(SETTING, hours=WEEKDAYS), now)
                events = [decided] if isinstance(decided, AlertEvent) else []
            case 2:
                eased = ease(alert, rng.choice(("green", "yellow")), WEEKDAYS, now)
                events = [eased] if eased else []
            case _:
                try:
                    events = [act(alert, random_act(rng, now), WEEKDAYS, now)]
                except DhoError:
                    events = []
        for event in events:
            assert event.alert.version == alert.version + 1
            assert RANK[event.alert.zone] >= RANK[alert.zone]
            alert = event.alert
        if not alert.is_open:
            assert alert.state == "auto_cleared" or alert.outcome in OUTCOMES
            return
        held = alert.owner is not None and (alert.ack_expires_at is not None or alert.snoozed_until is not None)
        assert held or alert.escalate_at is not None or alert.level > 0, (seed, alert)
        if alert.state in ("claimed", "in_progress", "waiting_patient", "waiting_party"):
            assert alert.owner is not None
            assert alert.ack_expires_at is not None


def random_act(rng: random.Random, now: datetime) -> Act:
    verb = rng.choice(VERBS)
    return Act(
        verb,
        person(rng.choice((ADA, BJORN))),
        reason="fordi",
        until=now + timedelta(minutes=rng.choice((10, 100, 1000))),
        outcome=rng.choice(OUTCOMES),
        party=rng.choice((None, "patient", "other")),
    )
