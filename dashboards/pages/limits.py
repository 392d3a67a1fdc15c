"""A plan's threshold limits as a chart shows them: lines with words, and the bands between them, in the canonical unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from dho.codes import measurement
from dho.plan_text import read_document
from dho.rules.limits import HIGH, LOW

_RANK = {"yellow": 0, "red": 1}


@dataclass(frozen=True, slots=True)
class PlanLimit:
    """One limit: past it (below if `low`, above otherwise) the patient is in `zone`."""

    zone: str
    value: Decimal
    low: bool
    inclusive: bool


@lru_cache(maxsize=4096)
def limits_of(document: str) -> Mapping[str, tuple[PlanLimit, ...]]:
    """The limits of a plan's threshold rules by measurement; the one nearest to green for each side and zone."""
    found: dict[tuple[str, str, bool], PlanLimit] = {}
    for rule in read_document(document).get("rules", ()):
        measured = measurement(str(rule.get("code")))
        if rule.get("kind") != "threshold" or rule.get("zone") not in _RANK or measured is None:
            continue
        for limit in _limits_of_rule(rule, measured.units[rule["unit"]].convert):
            key = (measured.name, limit.zone, limit.low)
            known = found.get(key)
            if known is None or (limit.value > known.value if limit.low else limit.value < known.value):
                found[key] = limit
    by_measurement: dict[str, list[PlanLimit]] = {}
    for (name, _, _), limit in found.items():
        by_measurement.setdefault(name, []).append(limit)
    return {name: tuple(sorted(limits, key=lambda limit: limit.value)) for name, limits in by_measurement.items()}


def _limits_of_rule(rule: Mapping[str, Any], convert: Any) -> list[PlanLimit]:
    sides = ((LOW, True), (HIGH, False))
    return [
        PlanLimit(rule["zone"], convert(Decimal(rule[name])), low, names[name]) for names, low in sides for name in names if name in rule
    ]


def bands(limits: Sequence[PlanLimit]) -> list[dict[str, Any]]:
    """Zones from the lowest value to the highest: {"zone", "from", "to"}, None for an open end. Without limits there is no band."""
    if not limits:
        return []
    edges = sorted({limit.value for limit in limits})
    made: list[dict[str, Any]] = []
    for low, high in zip([None, *edges], [*edges, None], strict=True):
        zone = _zone_between(low, high, limits)
        if made and made[-1]["zone"] == zone:
            made[-1]["to"] = high
        else:
            made.append({"zone": zone, "from": low, "to": high})
    return made


def _zone_between(low: Decimal | None, high: Decimal | None, limits: Sequence[PlanLimit]) -> str:
    """The worst zone of the limits that every value between the two edges is past."""
    past = [
        limit.zone
        for limit in limits
        if (limit.low and high is not None and high <= limit.value) or (not limit.low and low is not None and low >= limit.value)
    ]
    return max(past, key=_RANK.__getitem__, default="green")
