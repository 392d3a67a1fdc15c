"""NEWS2 (Royal College of Physicians, 2017), both oxygen saturation scales.

Validated for acute hospital use; at home a decision aid only. Scale 2 is for confirmed hypercapnic failure with a target of 88–92 %, set by
a clinician; COPD alone is not enough. Values are rounded half up before banding (temperature to 0.1). Oxygen comes from the context of the
oxygen saturation reading; air is assumed only where the plan says `oxygen: false`.
"""

from collections.abc import Mapping
from decimal import Decimal

from dho.rules.rule import Background
from dho.rules.sight import Seen
from dho.scores.score import Assessment, Part, Score, added, half_up

_RESPIRATION = ((8, 3), (11, 1), (20, 0), (24, 2), (None, 3))
_SCALE_1 = ((91, 3), (93, 2), (95, 1), (None, 0))
_SCALE_2_AIR = ((83, 3), (85, 2), (87, 1), (None, 0))
_SCALE_2_OXYGEN = ((83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (None, 3))
_SYSTOLIC = ((90, 3), (100, 2), (110, 1), (219, 0), (None, 3))
_PULSE = ((40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (None, 3))
_TEMPERATURE = (("35.0", 3), ("36.0", 1), ("38.0", 0), ("39.0", 1), (None, 2))
Bands = tuple[tuple[int | str | None, int], ...]
OXYGEN = "oxygen"
INPUTS = ("respiratory_rate", "spo2", "systolic", "pulse", "consciousness", "temperature")


def banded(value: Decimal, bands: Bands) -> Decimal:
    """Points of a rounded value: those of the first band whose upper bound it does not pass."""
    return next(Decimal(points) for upper, points in bands if upper is None or value <= Decimal(upper))


def assess(found: Mapping[str, Seen], background: Background) -> Assessment:
    """The bounds of NEWS2 with what is known."""
    parts = (
        _vital(found, "respiratory_rate", _RESPIRATION),
        _saturation(found.get("spo2"), background),
        _oxygen(found.get("spo2"), background),
        _vital(found, "systolic", _SYSTOLIC),
        _vital(found, "pulse", _PULSE),
        _consciousness(found.get("consciousness")),
        _vital(found, "temperature", _TEMPERATURE, "0.1"),
    )
    return added(parts, tuple(part.name for part in parts if part.low != part.high))


def _vital(found: Mapping[str, Seen], name: str, bands: Bands, step: str = "1") -> Part:
    reading = found.get(name)
    if reading is None or reading.number is None:
        return Part(name, Decimal(0), Decimal(3))
    points = banded(half_up(reading.number, step), bands)
    return Part(name, points, points)


def _on_oxygen(reading: Seen | None, background: Background) -> bool | None:
    """True, False, or None where nobody said."""
    if reading is not None and reading.oxygen is not None:
        return reading.oxygen > 0
    return False if background.oxygen is False else None


def _saturation(reading: Seen | None, background: Background) -> Part:
    if reading is None or reading.number is None:
        return Part("spo2", Decimal(0), Decimal(3))
    value = half_up(reading.number)
    if background.spo2_scale == 1:
        points = banded(value, _SCALE_1)
        return Part("spo2", points, points)
    oxygen = _on_oxygen(reading, background)
    both = [banded(value, bands) for bands, on in ((_SCALE_2_AIR, False), (_SCALE_2_OXYGEN, True)) if oxygen in (on, None)]
    return Part("spo2", min(both), max(both))


def _oxygen(reading: Seen | None, background: Background) -> Part:
    oxygen = _on_oxygen(reading, background)
    if oxygen is None:
        return Part(OXYGEN, Decimal(0), Decimal(2))
    return Part(OXYGEN, Decimal(2 * oxygen), Decimal(2 * oxygen))


def _consciousness(reading: Seen | None) -> Part:
    if reading is None or reading.word is None:
        return Part("consciousness", Decimal(0), Decimal(3))
    points = Decimal(0 if reading.word == "A" else 3)
    return Part("consciousness", points, points)


NEWS2 = Score("NEWS2", INPUTS, 0, 20, assess, form=False, threes=True)
