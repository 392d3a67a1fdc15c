"""Arguments that the sentences of several rule kinds share."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from dho.rules.sight import Seen


def what(measurement: str) -> dict[str, Any] | str:
    """The name of a measurement as a nested text; a question is shown by its own id."""
    if measurement.startswith("answer:"):
        return measurement.rsplit(":", 1)[1]
    return {"key": f"measurement.{measurement}"}


def unit(ucum: str) -> dict[str, Any] | str:
    """The unit as people write it (mmHg, °C), as a nested text; a number without unit has none."""
    return {"key": f"unit.{ucum}"} if ucum else ""


def measured_args(reading: Seen) -> dict[str, Any]:
    """what, value, unit, and when it was measured (RFC 3339, UTC)."""
    return {"what": what(reading.measurement), "value": reading.value, "unit": unit(reading.unit), "measured_at": instant(reading.at)}


def instant(at: datetime) -> str:
    """An instant as RFC 3339 in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: Decimal) -> Decimal:
    """A computed number for people: at most two decimals, no trailing zeros."""
    short = value.quantize(Decimal("0.01")).normalize()
    return short.quantize(Decimal(1)) if short.as_tuple().exponent in range(1, 30) else short
