"""Values: which measurement, in which unit, possible or not. One table look-up per value on the way in."""

import math
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from msgspec import Raw
from msgspec.json import decode

from devices.decode.meaning import plain
from devices.decode.sent import SentValue
from devices.reading import Refused, Rejected
from dho.codes import BY_CODE, MEASUREMENTS, Unit, measurement
from dho.observation import Value

FEWEST, MOST = 1, 50
LONGEST_NUMBER = 100  # characters: no instrument has more, and every part of the house can hold it exactly
_SHORT = 20
_NUMBER_STARTS = frozenset("-0123456789")
_WRITABLE = Decimal("1e12")  # far outside every hard range in every unit, so that no conversion can overflow
_SMALLEST_EXPONENT = -LONGEST_NUMBER


class _Known(NamedTuple):
    """What (code, unit) means."""

    name: str
    unit: str
    conversion: Unit
    low: Decimal
    high: Decimal
    letters: tuple[str, ...]
    is_native: bool


def _table() -> dict[tuple[str, str], _Known]:
    zero = Decimal(0)
    return {
        (code, unit): _Known(m.name, m.unit, conversion, *(m.hard or (zero, zero)), m.letters, conversion.step is None and not m.letters)
        for code, m in BY_CODE.items()
        for unit, conversion in m.units.items()
    }


KNOWN = _table()
UNITS = frozenset(unit for m in MEASUREMENTS for unit in m.units)


class Judged(NamedTuple):
    """The values of one element: those taken, those refused alone, and what both mean."""

    values: tuple[Value, ...]
    refused: tuple[Refused, ...]
    meaning: list[str]


def judge(sent: list[SentValue]) -> Judged | Rejected:
    """Judge every value alone, and blood pressure as a pair. Rejected if any is not understood, or if none is possible."""
    if not FEWEST <= len(sent) <= MOST:
        reason = "too_many" if sent else "empty"
        return Rejected(reason, f"/values must hold {FEWEST} to {MOST} values.")
    values: dict[str, Value] = {}
    refused: list[Refused] = []
    meaning: list[str] = []
    names: set[str] = set()
    for position, value in enumerate(sent):
        known = KNOWN.get((value.code, value.unit))
        if known is None:
            return _not_known(value, position)
        name = known.name
        if name in names:
            # two codes of one measurement are the same code twice: they would be two readings of one instant
            return Rejected("duplicate_code", f"/values/{position}/code: {name} comes twice: send the second in an element of its own.")
        names.add(name)
        text = str(value.value, "ascii", "replace")
        canonical: Decimal | str
        if known.is_native and len(text) <= _SHORT and text.isdecimal():  # a whole number in the canonical unit: nearly always
            canonical = Decimal(text)
            possible = known.low <= canonical <= known.high
            meaning.append(f"{name}={text}")
        else:
            found = _letter(known, value.value, position) if known.letters else _number(known, text, position)
            if isinstance(found, Rejected):
                return found
            canonical, possible = found
            if isinstance(canonical, str):
                meaning.append(f"{name}={canonical}")
                text = canonical
            else:
                meaning.append(f"{name}={plain(canonical)}")
        if possible:
            values[name] = Value(name, value.code, canonical, known.unit, text, value.unit)
        else:
            refused.append(_impossible(value.code, known))
    if "systolic" in values and "diastolic" in values:
        _judge_pair(values, refused)
    if not values:
        return Rejected("impossible_value", "None of /values is possible: " + refused[0].detail, tuple(refused))
    return Judged(tuple(values.values()), tuple(refused), meaning)


def _number(known: _Known, text: str, position: int) -> tuple[Decimal | str, bool] | Rejected:
    """The value in the canonical unit and whether it is possible. Ranges are inclusive and judged after conversion."""
    if text[0] not in _NUMBER_STARTS:
        return Rejected("wrong_type", f"/values/{position}/value must be a JSON number.")
    if len(text) > _SHORT or "e" in text or "E" in text:
        return _unusual_number(known, text, position)
    value = Decimal(text)
    if known.conversion.step is not None:
        if abs(value) > _WRITABLE:
            return value, False
        value = known.conversion.convert(value)
    return value, known.low <= value <= known.high


def _unusual_number(known: _Known, text: str, position: int) -> tuple[Decimal | str, bool] | Rejected:
    """Long, or with an exponent: finite as a double, and short enough to be kept exactly?"""
    try:
        value = Decimal(text)
    except InvalidOperation:  # an exponent beyond what even a decimal can have
        value = Decimal("Infinity")
    if not value.is_finite() or math.isinf(float(value)):
        return Rejected("not_finite", f"/values/{position}/value is too large to be a number.")
    exponent = value.as_tuple().exponent
    if len(text) > LONGEST_NUMBER or not isinstance(exponent, int) or exponent < _SMALLEST_EXPONENT or abs(value) > _WRITABLE:
        return text, False
    value = Decimal(plain(value))
    if known.conversion.step is not None:
        value = known.conversion.convert(value)
    return value, known.low <= value <= known.high


def _letter(known: _Known, value: Raw, position: int) -> tuple[Decimal | str, bool] | Rejected:
    letter = decode(value)
    if not isinstance(letter, str):
        return Rejected("wrong_type", f"/values/{position}/value must be one of {', '.join(known.letters)} as a string.")
    return letter, letter in known.letters


def _impossible(code: str, known: _Known) -> Refused:
    allowed = f"one of {', '.join(known.letters)}" if known.letters else f"from {known.low} to {known.high} {known.unit}"
    return Refused(code, "impossible_value", f"{known.name} must be {allowed}.")


def _judge_pair(values: dict[str, Value], refused: list[Refused]) -> None:
    """A diastolic at or above its systolic says that both are wrong."""
    above, below = values["systolic"], values["diastolic"]
    if Decimal(below.value) >= Decimal(above.value):
        for value in (values.pop("systolic"), values.pop("diastolic")):
            refused.append(Refused(value.code, "impossible_value", "diastolic must be below systolic."))


def _not_known(value: SentValue, position: int) -> Rejected:
    """Which part of (code, unit) is not known."""
    what = measurement(value.code)
    if what is None:
        return Rejected("unknown_code", f"/values/{position}/code is no measurement known here: send a LOINC code or a short name.")
    units = " or ".join(what.units)
    if value.unit in UNITS:
        return Rejected("unit_mismatch", f"/values/{position}/unit does not belong to {what.name}: send {units}.")
    return Rejected("unknown_unit", f"/values/{position}/unit is not a UCUM unit known here (case matters): for {what.name} send {units}.")
