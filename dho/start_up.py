"""The start-up phase: what two to four weeks of daily measuring say of a patient's own normal, and the limits that follow from it.

For each threshold rule of a plan (the direction and the zone are the plan's): own median, a yellow limit 3 and a red limit 5 spreads
away from it. The spread is max(1.4826·MAD, floor), as for `baseline` rules; with fewer than 7 readings on 7 dates nothing is proposed.
Only proposals: a limit that is looser than the present one is marked, `no_confirm` limits (fever, very low glucose) are never touched,
and a clinician confirms by making the document a draft.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Literal, cast

from dho.codes import BY_NAME
from dho.errors import Invalid
from dho.evaluation import judge
from dho.observation import Observation
from dho.plan import Plan, PlanRefused, read_plan
from dho.rules.baseline import FLOORS, NORMAL, weighted_median
from dho.rules.limits import Limit
from dho.rules.threshold import Threshold

SPREADS: Mapping[str, int] = {"yellow": 3, "red": 5}
LEAST_READINGS, LEAST_DAYS = 7, 7


@dataclass(frozen=True, slots=True)
class Proposal:
    """One limit of one rule, in the measurement's canonical unit. The last two count readings of the weeks at which the rule fires."""

    rule: str
    zone: Literal["yellow", "red"]
    side: str
    present: Decimal
    proposed: Decimal
    looser: bool
    fires_at_present: int
    would_have_fired: int


@dataclass(frozen=True, slots=True)
class OwnNormal:
    """How one measurement lay in the weeks. `median` and `spread` are None, and nothing is proposed, without enough readings."""

    measurement: str
    unit: str
    readings: int
    days: int
    median: Decimal | None
    spread: Decimal | None
    proposals: tuple[Proposal, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """All proposals, and the plan's document with them in place."""

    measurements: tuple[OwnNormal, ...]
    document: Mapping[str, Any]


def propose(plan: Plan, readings: Sequence[Observation], now: datetime) -> Limits:
    """Limits for this patient from these readings (valid ones of the start-up weeks, in clinical order)."""
    rules = [rule for rule in plan.rules if isinstance(rule, Threshold) and rule.zone in SPREADS and not rule.modifiers.no_confirm]
    normals = {name: _own_normal(plan, name, readings) for name in sorted({rule.measurement for rule in rules})}
    wanted = {rule.id: _limits(rule, normals[rule.measurement]) for rule in rules}
    document = _with(plan.document, {rule.id: wanted[rule.id] for rule in rules if wanted[rule.id]})
    compiled = _compiled(plan, document)
    present, proposed = _firing(plan, readings, now), _firing(compiled, readings, now)
    found = []
    for name, normal in normals.items():
        lines = tuple(
            Proposal(
                rule.id,
                cast(Literal["yellow", "red"], rule.zone),
                limit.name,
                limit.value,
                wanted[rule.id][limit.name],
                wanted[rule.id][limit.name] < limit.value if limit.low else wanted[rule.id][limit.name] > limit.value,
                present.get(rule.id, 0),
                proposed.get(rule.id, 0),
            )
            for rule in rules
            if rule.measurement == name
            for limit in (rule.limits.low, rule.limits.high)
            if limit is not None and limit.name in wanted[rule.id]
        )
        found.append(OwnNormal(name, normal.unit, normal.readings, normal.days, normal.median, normal.spread, lines))
    return Limits(tuple(found), document)


def _own_normal(plan: Plan, name: str, readings: Iterable[Observation]) -> OwnNormal:
    values: dict[Decimal, int] = {}
    days = set()
    for reading in readings:
        if reading.measurement == name and isinstance(reading.value, Decimal):
            values[reading.value] = values.get(reading.value, 0) + 1
            days.add(plan.day(reading.measured_at))
    unit, count = BY_NAME[name].unit, sum(values.values())
    if count < LEAST_READINGS or len(days) < LEAST_DAYS:
        return OwnNormal(name, unit, count, len(days), None, None)
    median = weighted_median(values)
    away: dict[Decimal, int] = {}
    for value, often in values.items():
        away[abs(value - median)] = away.get(abs(value - median), 0) + often
    spread = max(NORMAL * weighted_median(away), FLOORS.get(name, Decimal(1).scaleb(-BY_NAME[name].decimals)))
    return OwnNormal(name, unit, count, len(days), median, spread)


def _limits(rule: Threshold, normal: OwnNormal) -> dict[str, Decimal]:
    """The proposed limits of one rule by their word; none without enough readings or where the plan writes another unit."""
    if normal.median is None or normal.spread is None or rule.written["unit"] != normal.unit:
        return {}
    length = SPREADS[rule.zone or ""] * normal.spread
    sides = [limit for limit in (rule.limits.low, rule.limits.high) if limit is not None]
    return {limit.name: _rounded(rule.measurement, normal.median, length, limit) for limit in sides}


def _rounded(name: str, median: Decimal, length: Decimal, limit: Limit) -> Decimal:
    """Away from the median to the measurement's last digit, and never where no value can be."""
    step = Decimal(1).scaleb(-BY_NAME[name].decimals)
    value = (median - length).quantize(step, ROUND_FLOOR) if limit.low else (median + length).quantize(step, ROUND_CEILING)
    hard = BY_NAME[name].hard
    return value if hard is None else min(max(value, hard[0]), hard[1])


def _with(document: Mapping[str, Any], limits: Mapping[str, Mapping[str, Decimal]]) -> dict[str, Any]:
    rules = [{**rule, **limits.get(rule.get("id", ""), {})} for rule in document.get("rules", ())]
    return {**document, "rules": rules}


def _compiled(plan: Plan, document: Mapping[str, Any]) -> Plan:
    """The proposal as a plan. Raises `Invalid` where the proposed limits of a family cross: then only a person can set them."""
    try:
        return read_plan(document, version=plan.version, timezone=plan.timezone.key, active_from=plan.active_from, pauses=plan.pauses)
    except PlanRefused as refused:
        raise Invalid("From these weeks no limits follow that could stand together: set them by hand.", refused.faults) from None


def _firing(plan: Plan, readings: Sequence[Observation], now: datetime) -> dict[str, int]:
    """How many readings each rule fires at."""
    _, verdicts = judge(plan, readings, now)
    found: dict[str, set[tuple[str, ...]]] = {}
    for verdict in verdicts:
        if verdict.result == "fires":
            found.setdefault(verdict.rule, set()).add(verdict.at)
    return {rule: len(at) for rule, at in found.items()}
