"""The small line beside a name: the newest values of one measurement, with the plan's limits that lie near."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dashboards.pages.limits import PlanLimit

WIDTH, HEIGHT, MARGIN = 112, 34, 4


@dataclass(frozen=True, slots=True)
class Sparkline:
    """Coordinates in a box of WIDTH x HEIGHT: the line, its last point, and limits as (zone, y)."""

    points: str
    last: tuple[float, float]
    limits: tuple[tuple[str, float], ...]


def sparkline(values: Sequence[tuple[datetime, Decimal]], limits: Sequence[PlanLimit]) -> Sparkline | None:
    """Draw `values` (in measured order); None for fewer than two."""
    if len(values) < 2:
        return None
    numbers = [float(value) for _, value in values]
    low, high = min(numbers), max(numbers)
    reach = max(high - low, abs(high) * 0.02, 0.1)
    near = [limit for limit in limits if low - reach <= limit.value <= high + reach]
    low, high = min([low, *(float(n.value) for n in near)]), max([high, *(float(n.value) for n in near)])
    start, end = values[0][0].timestamp(), values[-1][0].timestamp()

    def x(at: datetime) -> float:
        return round(MARGIN + (at.timestamp() - start) / ((end - start) or 1) * (WIDTH - 2 * MARGIN), 1)

    def y(value: float) -> float:
        return round(HEIGHT - MARGIN - (value - low) / ((high - low) or 1) * (HEIGHT - 2 * MARGIN), 1)

    spots = [(x(at), y(float(value))) for at, value in values]
    return Sparkline(" ".join(f"{a},{b}" for a, b in spots), spots[-1], tuple((limit.zone, y(float(limit.value))) for limit in near))
