"""Plans and readings for the pure tests: factories with defaults, so that a test shows only what it is about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from dho.codes import measurement
from dho.evaluation import Fact, advance, initial, standing, zone_of
from dho.observation import Observation
from dho.plan import Pause, Plan, PlanRef, read_plan
from dho.state import State
from dho.verdict import Verdict

EVA = UUID("018e0000-0000-7000-8000-00000000000e")
VERSION = PlanRef(UUID("018e0000-0000-7000-8000-0000000000f1"), 3)
MORNING = datetime(2026, 11, 18, 7, 0, tzinfo=UTC)
"""A Wednesday, 08:00 in Oslo."""

SPO2_YELLOW: dict[str, Any] = {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow"}
SPO2_RED: dict[str, Any] = {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"}
FEVER: dict[str, Any] = {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": Decimal("38.0"), "unit": "Cel", "zone": "red"}
SPO2_MORNING: dict[str, Any] = {
    "id": "spo2-morning",
    "code": "59408-5",
    "times": ["08:00"],
    "early": "PT2H",
    "window": "PT3H",
    "grace": "PT1H",
}


def document(*rules: Mapping[str, Any], schedule: Sequence[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
    """A plan document with these rules."""
    return {"title": "Evas plan", "schedule": [dict(item) for item in schedule], "rules": [dict(rule) for rule in rules], **more}


def plan(
    *rules: Mapping[str, Any],
    schedule: Sequence[Mapping[str, Any]] = (),
    timezone: str = "Europe/Oslo",
    active_from: datetime | None = None,
    pauses: Sequence[Pause] = (),
    **more: Any,
) -> Plan:
    """A compiled plan with these rules."""
    given = document(*rules, schedule=schedule, **more)
    return read_plan(given, version=VERSION, timezone=timezone, active_from=active_from, pauses=pauses)


def reading(
    value: float | str | Decimal,
    at: datetime | timedelta | int = 0,
    code: str = "spo2",
    *,
    received: datetime | timedelta | None = None,
    uplink: int | None = None,
    position: int = 0,
    oxygen: float | None = None,
) -> Observation:
    """Eva's reading, `at` minutes (or a timedelta) after the Wednesday morning, received one second later unless said otherwise."""
    measured = at if isinstance(at, datetime) else MORNING + (at if isinstance(at, timedelta) else timedelta(minutes=at))
    arrived = received if isinstance(received, datetime) else measured + (received if received is not None else timedelta(seconds=1))
    found = measurement(code)
    name, unit = (found.name, found.unit) if found else (code, "")
    number = value if isinstance(value, str) else Decimal(str(value))
    tag = uplink if uplink is not None else hash((measured, name, str(value), position)) & 0xFFFFFFFFFFFF
    return Observation(
        EVA,
        UUID(int=tag),
        position,
        name,
        code if found else code.rsplit(":", 1)[-1],
        number,
        unit,
        measured,
        arrived,
        oxygen_l_min=None if oxygen is None else Decimal(str(oxygen)),
    )


def answer(value: float | str, at: datetime | timedelta | int = 0, question: str = "breathlessness", form: str = "symptoms") -> Observation:
    """Eva's answer to one question."""
    return reading(value, at, f"answer:{form}:{question}")


def live(given: Plan, *facts: Fact, until: datetime | timedelta | int | None = None) -> "Course":
    """Facts as they arrive, one advance each at its arrival, with every deadline in between judged when it comes."""
    course = Course(given)
    for fact in facts:
        course.take(fact)
    if until is not None:
        course.wait(until)
    return course


class Course:
    """One patient's course: the state as it goes on, and everything said."""

    def __init__(self, given: Plan) -> None:
        self.plan = given
        self.state: State = initial(given)
        self.said: list[Verdict] = []
        self.now = MORNING - timedelta(days=400)

    def take(self, *facts: Fact, now: datetime | None = None) -> list[Verdict]:
        """Facts of one arrival; time moves to the newest arrival."""
        times = [fact.received_at if isinstance(fact, Observation) else fact.at for fact in facts]
        self.wait(now or max(times))
        self.state, said = advance(self.plan, self.state, facts, self.now)
        self.said += said
        return said

    def wait(self, until: datetime | timedelta | int) -> list[Verdict]:
        """Let time pass, stopping at every deadline as `watch` does."""
        moment = until if isinstance(until, datetime) else MORNING + (until if isinstance(until, timedelta) else timedelta(minutes=until))
        heard: list[Verdict] = []
        while (again := zone_of(self.plan, self.state, self.now)[1]) is not None and again <= moment:
            self.now = max(again, self.now)
            self.state, said = advance(self.plan, self.state, (), self.now)
            heard += said
            if again >= moment:
                break
        self.now = max(self.now, moment)
        self.state, said = advance(self.plan, self.state, (), self.now)
        heard += said
        self.said += heard
        return heard

    @property
    def zone(self) -> str:
        """The patient's zone now."""
        return zone_of(self.plan, self.state, self.now)[0]

    def result(self, rule: str) -> tuple[str, str | None]:
        """What a rule says now, with its reason."""
        found = next(v for v in standing(self.plan, self.state, self.now).rules if v.rule == rule)
        return found.result, found.reason

    def heard(self, rule: str) -> list[tuple[str, str | None]]:
        """Everything one rule has said, with reasons, in order."""
        return [(verdict.result, verdict.reason) for verdict in self.said if verdict.rule == rule]
