"""`taken_at`: RFC 3339 with an offset or Z, cut to microseconds.

`datetime.fromisoformat` is fast but takes far more than RFC 3339 (week dates, commas, missing seconds), so its text is checked by
position first; whatever does not fit those positions is looked at by the exact grammar, which also names the fault.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

from devices.reading import Rejected

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(9999, 12, 30, tzinfo=UTC)  # later ones become this: the last day that can be shown in every time zone
AHEAD_LIMIT = timedelta(minutes=5)
_EXAMPLE = "2026-11-21T08:01:12.123+01:00"
_DIGITS = frozenset("0123456789")
_SIX_DIGITS = len("2026-11-21T08:01:12.123456Z")  # `fromisoformat` does not look at further digits
_GRAMMAR = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|([+-])([0-9]{2}):([0-9]{2}))?"
)


def instant(text: str, pointer: str = "/taken_at") -> datetime | Rejected:
    """The instant in UTC, or why it cannot be taken: `bad_time`, `no_offset`, `time_out_of_range` (before the year 2000)."""
    try:
        if text[4:17:3] == "--T::" and (text[19] in "Z+-" or (text[19] == "." and text[20] in _DIGITS)):
            if text[-1] == "Z" and len(text) <= _SIX_DIGITS:
                return _in_range(datetime.fromisoformat(text), pointer)
            if len(text) <= _SIX_DIGITS + 5 and text[-6] in "+-" and text[-3] == ":" and text[-5:] <= "14:00" and text[-2] <= "5":
                return _in_range(datetime.fromisoformat(text).astimezone(UTC), pointer)
    except (ValueError, IndexError, OverflowError):
        pass
    return _exactly(text, pointer)


def _in_range(at: datetime, pointer: str) -> datetime | Rejected:
    if at < EARLIEST:
        return Rejected("time_out_of_range", f"{pointer} lies before 2000-01-01: set the device's clock.")
    return min(at, LATEST)


def _exactly(text: str, pointer: str) -> datetime | Rejected:
    """By the grammar of RFC 3339, slower, with the reason."""
    found = _GRAMMAR.fullmatch(text)
    if found is None:
        return Rejected("bad_time", f"{pointer} must be an RFC 3339 time with offset, like {_EXAMPLE}.")
    year, month, day, hour, minute, second, fraction, offset, sign, hours, minutes = found.groups()
    if offset is None:
        return Rejected("no_offset", f"{pointer} needs an offset or Z, like {_EXAMPLE}.")
    away = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if away > timedelta(hours=14) or int(minutes or 0) > 59:
        return Rejected("bad_time", f"{pointer} has an offset that no place on earth has: at most ±14:00.")
    if second == "60":
        return Rejected("bad_time", f"{pointer} is a leap second (60), which is not taken: send 59.")
    zone = timezone(-away if sign == "-" else away)
    micros = int(((fraction or "") + "000000")[:6])
    try:
        local = datetime(max(int(year), 1), int(month), int(day), int(hour), int(minute), int(second), micros, zone)
        at = local.astimezone(UTC)
    except ValueError:
        return Rejected("bad_time", f"{pointer} is no date and time that exists.")
    except OverflowError:
        at = LATEST if int(year) > 1 else datetime.min.replace(tzinfo=UTC)
    return _in_range(at, pointer)
