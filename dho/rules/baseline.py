"""`baseline`: deviation from the patient's own median on green days before today.

In MAD units the scale is max(1.4826·MAD, floor), so that a very steady patient does not fire on a rounding error. A green day is a local
date with a valid reading of the measurement on which no yellow or red threshold, answer or score rule of any family fired at any moment.
With fewer than `min_points` readings on `min_days` dates the rule is not evaluable. Closing an alert does not take the yardstick away:
readings on green days go on describing what is normal for the patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from msgspec import Struct

from dho.duration import Duration, local_date
from dho.plan_section import Section
from dho.rules.measured import read_measured
from dho.rules.modifiers import read_modifiers
from dho.rules.rule import Clearing, Common, ReadingRule, Text
from dho.rules.sides import Side, read_side, without_unit
from dho.rules.sight import Event, Level, Outlook, Seen, Sight
from dho.rules.words import measured_args, plain

WAYS = {"": "unit", "_percent": "percent", "_mad": "mad"}
FLOORS: Mapping[str, Decimal] = {
    "spo2": Decimal(1),
    "pulse": Decimal(3),
    "systolic": Decimal(4),
    "diastolic": Decimal(3),
    "weight": Decimal("0.3"),
    "temperature": Decimal("0.2"),
    "glucose": Decimal("0.5"),
}
NORMAL = Decimal("1.4826")
Counts = dict[Decimal, int]


class OwnDays(Struct, frozen=True, array_like=True, tag="baseline"):
    """(local date, ((value, how often), …)), oldest first, no longer than the window."""

    days: tuple[tuple[int, tuple[tuple[Decimal, int], ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline(ReadingRule):
    """How far (`side`, in the unit, percent or MAD) from the own median over `over`."""

    windowed: ClassVar[bool] = True
    keeps_history: ClassVar[bool] = True
    side: Side
    over: Duration
    min_points: int
    min_days: int

    @property
    def history_dates(self) -> int:
        """Green days are asked for as far back as the window."""
        return self.over.dates or 0

    def look(self, reading: Seen, memory: Any, latch: Seen | None, outlook: Outlook) -> Sight:
        """The deviation from the own median."""
        if reading.number is None:
            return Sight(Level.UNKNOWN, (reading,), reason="not_a_number")
        today = local_date(reading.at, outlook.zone)
        days = memory.days if isinstance(memory, OwnDays) else ()
        green = [values for day, values in days if 0 < today - day <= self.history_dates and outlook.quiet_day(day)]
        counts: Counts = {}
        for values in green:
            for value, count in values:
                counts[value] = counts.get(value, 0) + count
        points = sum(counts.values())
        numbers = {"points": Decimal(points), "days": Decimal(len(green)), "limit": self.side.limit}
        if points < self.min_points or len(green) < self.min_days:
            return Sight(Level.UNKNOWN, (reading,), numbers, reason="too_few_points")
        middle = weighted_median(counts)
        unit = self._unit(middle, counts)
        if not unit:
            return Sight(Level.UNKNOWN, (reading,), numbers, reason="too_few_points")
        amount = self.side.toward(reading.number - middle) / unit
        numbers |= {"median": plain(middle), "scale": plain(unit), "deviation": plain(amount), "exact_median": middle, "exact_scale": unit}
        return Sight(self.side.level(amount, self.modifiers.margin), (reading,), numbers)

    def _unit(self, middle: Decimal, counts: Counts) -> Decimal:
        """What one step of the limit is worth in the measurement's unit."""
        if self.side.way == "unit":
            return Decimal(1)
        if self.side.way == "percent":
            return abs(middle) / 100
        away: Counts = {}
        for value, count in counts.items():
            away[abs(value - middle)] = away.get(abs(value - middle), 0) + count
        return max(NORMAL * weighted_median(away), FLOORS[self.measurement])

    def remember_after(self, memory: Any, readings: Sequence[Seen], outlook: Outlook) -> OwnDays:
        """Into the histogram of the date; dates that no later window can hold are dropped."""
        days = {day: dict(values) for day, values in (memory.days if isinstance(memory, OwnDays) else ())}
        for reading in readings:
            if reading.number is not None:
                values = days.setdefault(local_date(reading.at, outlook.zone), {})
                values[reading.number] = values.get(reading.number, 0) + 1
        oldest = max(days, default=0) - self.history_dates
        return OwnDays(tuple((day, tuple(sorted(values.items()))) for day, values in sorted(days.items()) if day >= oldest))

    def finding(self, event: Event) -> Text:
        """SpO₂ 88 %, own normal 93 % (median of 20 readings on green days)."""
        reading = event.used[-1]
        if "median" not in event.numbers:
            return Text("finding.value", measured_args(reading))
        return Text(
            "finding.baseline", measured_args(reading) | {"median": event.numbers["median"], "points": int(event.numbers["points"])}
        )

    def clearing(self, event: Event) -> Clearing | None:
        """The value at which it clears, or would fire, from the own median."""
        if "exact_median" not in event.numbers:
            return None
        fires = event.result == "fires" or event.reason == "awaiting_repeat"
        length = (self.side.limit - (self.modifiers.margin if fires else 0)) * event.numbers["exact_scale"]
        value = plain(event.numbers["exact_median"] + length if self.side.rises else event.numbers["exact_median"] - length)
        side = ("below" if self.side.rises else "above") if fires else ("at_or_above" if self.side.rises else "at_or_below")
        return Clearing(side, value, self.unit)


def weighted_median(counts: Counts) -> Decimal:
    """The median of values that occur so many times; the mean of the two middle ones where there are two."""
    total, reached = sum(counts.values()), 0
    lower: Decimal | None = None
    for value in sorted(counts):
        reached += counts[value]
        if lower is not None:
            return (lower + value) / 2
        if reached * 2 > total:
            return value
        if reached * 2 == total:
            lower = value
    return lower or Decimal(0)


def read(section: Section, common: Common) -> Baseline | None:
    """A baseline rule: `rises`/`falls` in the unit, `…_percent` or `…_mad`, `over` so many dates."""
    measured = read_measured(section, unit=not without_unit(section, WAYS))
    side = read_side(section, WAYS)
    over = section.duration("over", required=True, dates=True)
    points = section.whole("min_points", most=10_000) or 7
    days = section.whole("min_days", most=400) or 7
    scaled = side is not None and side.way == "unit"
    modifiers = read_modifiers(section, margin=measured.difference if measured and scaled else lambda value: value)
    if over is not None and days > (over.dates or 0):
        section.fault("over", "impossible_window", f"{days} green days never lie in {over.text}.")
    if side is not None and side.way == "mad" and measured is not None and measured.measurement.name not in FLOORS:
        section.fault(side.name, "not_supported", f"No smallest spread is known for {measured.measurement.name}: use percent or the unit.")
        return None
    if measured is None or side is None or over is None:
        return None
    limit = measured.difference(side.limit) if scaled else side.limit
    name = measured.measurement.name
    return Baseline(
        **common.start(name, modifiers),
        measurement=name,
        code=measured.code,
        unit=measured.measurement.unit,
        side=Side(side.name, limit, side.rises, side.way),
        over=over,
        min_points=points,
        min_days=days,
    )
