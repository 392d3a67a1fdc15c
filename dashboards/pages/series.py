"""The values of one measurement over a time, against the plan's limits: for the chart and, the same figures, for its table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboards.pages.limits import PlanLimit, bands
from dashboards.pages.reader import Reader
from dho.codes import BY_NAME, MEASUREMENTS

TABLE_ROWS = 300
_ORDER = {m.name: place for place, m in enumerate(MEASUREMENTS)}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a value in words, and why it does not count if it does not."""

    measured_at: datetime
    words: str
    late: bool
    invalid_reason: str | None
    note: str | None
    zone: str | None


@dataclass(frozen=True, slots=True)
class Series:
    """One measurement. `drawn` is what the chart gets; `lines` are the newest values first, at most TABLE_ROWS; `more` are left out."""

    name: str
    title: str
    now: Line | None
    limits_in_words: str
    drawn: Mapping[str, Any]
    lines: Sequence[Line]
    more: int


def all_series(
    rows: Sequence[Any], limits: Mapping[str, Sequence[PlanLimit]], reader: Reader, since: datetime, until: datetime
) -> list[Series]:
    """A series for each measurement that has values, in the order of the measurements' own table."""
    by_name: dict[str, list[Any]] = {}
    for row in rows:
        if row.measurement in BY_NAME:
            by_name.setdefault(row.measurement, []).append(row)
    return [_series(name, by_name[name], limits.get(name, ()), reader, since, until) for name in sorted(by_name, key=_ORDER.__getitem__)]


def _series(name: str, rows: Sequence[Any], limits: Sequence[PlanLimit], reader: Reader, since: datetime, until: datetime) -> Series:
    measured = BY_NAME[name]
    unit = reader.unit(measured.unit)
    drawn = {
        "unit": unit,
        "decimals": measured.decimals,
        "zone": reader.zone.key,
        "from": int(since.timestamp()),
        "until": int(until.timestamp()),
        "times": [round(row.measured_at.timestamp(), 3) for row in rows],
        "values": [None if row.invalid_reason else row.value for row in rows],
        "invalid": [row.value if row.invalid_reason else None for row in rows],
        "bands": bands(limits),
        "limits": [
            {"value": limit.value, "zone": limit.zone, "below": limit.low, "words": _limit_words(limit, reader, unit)} for limit in limits
        ],
    }
    newest = [_line(row, limits, reader, unit) for row in reversed(rows[-TABLE_ROWS:])]
    return Series(
        name=name,
        title=reader.t(f"measurement.{name}"),
        now=next((line for line in newest if line.invalid_reason is None), None),
        limits_in_words=" · ".join(_limit_words(limit, reader, unit) for limit in limits),
        drawn=drawn,
        lines=newest,
        more=max(0, len(rows) - TABLE_ROWS),
    )


def _line(row: Any, limits: Sequence[PlanLimit], reader: Reader, unit: str) -> Line:
    words = reader.t("value.with_unit", value=row.value, unit=unit)
    past = [limit.zone for limit in limits if _is_past(limit, row.value)]
    zone = None if row.invalid_reason or not limits else ("red" if "red" in past else "yellow" if past else "green")
    return Line(row.measured_at, words, row.late, row.invalid_reason, row.note, zone)


def _is_past(limit: PlanLimit, value: Any) -> bool:
    if value == limit.value:
        return limit.inclusive
    return bool(value < limit.value if limit.low else value > limit.value)


def _limit_words(limit: PlanLimit, reader: Reader, unit: str) -> str:
    """Red below 88 %."""
    side = ("at_or_below" if limit.inclusive else "below") if limit.low else ("at_or_above" if limit.inclusive else "above")
    value = reader.t("value.with_unit", value=limit.value, unit=unit)
    return reader.t("chart.limit", zone=reader.t(f"mark.{limit.zone}"), limit=reader.t(f"plan.limit.{side}", limit=value))
