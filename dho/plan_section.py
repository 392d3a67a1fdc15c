"""Reading one object of a plan document without stopping at the first mistake.

Every accessor notes that its key is known, checks the value and, where it is wrong, records a `Fault` with the JSON pointer and goes on
with None. `close()` then refuses every key nobody asked for: a misspelt `no_confirm` must never pass in silence. Keys that begin with
`x-` are free.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from dho.duration import Duration, duration
from dho.errors import Fault

Found = list[Fault]


def decimal(value: object) -> Decimal | None:
    """A JSON number as the decimal its text says, or None if it is none (booleans, text, NaN and infinities are not numbers)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return decimal(Decimal(repr(value)))
    return None


class Section:
    """One object at one path of the document."""

    def __init__(self, value: object, pointer: str, faults: Found) -> None:
        self.pointer, self.faults = pointer, faults
        self.asked: set[str] = set()
        self.value: Mapping[str, Any] = {}
        if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
            self.value = value
        else:
            faults.append(Fault(pointer, "wrong_type", "This must be an object with named members."))

    def path(self, key: str | int) -> str:
        """The JSON pointer of a member."""
        return f"{self.pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"

    def fault(self, key: str | None, code: str, detail: str) -> None:
        """Record a reason for refusal at a member, or at the object itself."""
        self.faults.append(Fault(self.pointer if key is None else self.path(key), code, detail))

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def take(self, key: str, *, required: bool = False) -> Any:
        """The raw value of a known key, or None; a JSON null counts as absent but is refused."""
        self.asked.add(key)
        if key not in self.value:
            if required:
                self.fault(key, "missing_key", f"`{key}` is required here.")
            return None
        if self.value[key] is None:
            self.fault(key, "wrong_type", f"`{key}` is null; leave it out or give it a value.")
        return self.value[key]

    def text(self, key: str, *, required: bool = False, empty: bool = False) -> str | None:
        """A text, by default not an empty one."""
        value = self.take(key, required=required)
        if value is None:
            return None
        if not isinstance(value, str) or not (empty or value.strip()):
            self.fault(key, "wrong_type", f"`{key}` must be a text that is not empty.")
            return None
        return value

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        """A list of texts without repetitions."""
        value = self.take(key, required=required)
        if value is None:
            return ()
        if not isinstance(value, Sequence) or isinstance(value, str) or not value:
            self.fault(key, "wrong_type", f"`{key}` must be a list that is not empty.")
            return ()
        for place, entry in enumerate(value):
            if not isinstance(entry, str) or not entry:
                self.faults.append(Fault(f"{self.path(key)}/{place}", "wrong_type", "This must be a text."))
        if len({str(entry) for entry in value}) != len(value):
            self.fault(key, "duplicate_id", f"`{key}` names the same thing twice.")
        return tuple(entry for entry in value if isinstance(entry, str))

    def number(self, key: str, *, required: bool = False, above: int | None = None, least: int | None = None) -> Decimal | None:
        """A finite JSON number as a decimal, by default of any size."""
        value = self.take(key, required=required)
        if value is None:
            return None
        found = decimal(value)
        if found is None:
            self.fault(key, "wrong_type", f"`{key}` must be a number.")
        elif above is not None and found <= above:
            self.fault(key, "bad_value", f"`{key}` must be more than {above}.")
            return None
        elif least is not None and found < least:
            self.fault(key, "bad_value", f"`{key}` must be at least {least}.")
            return None
        return found

    def whole(self, key: str, *, required: bool = False, least: int = 1, most: int = 1000) -> int | None:
        """A whole number between two bounds, inclusive."""
        found = self.number(key, required=required)
        if found is None:
            return None
        if found != found.to_integral_value() or not least <= found <= most:
            self.fault(key, "bad_value", f"`{key}` must be a whole number from {least} to {most}.")
            return None
        return int(found)

    def flag(self, key: str) -> bool | None:
        """true or false."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, "wrong_type", f"`{key}` must be true or false.")
        return None

    def choice(self, key: str, options: Sequence[str], *, required: bool = False, code: str = "bad_value") -> str | None:
        """One of a closed set of words."""
        value = self.take(key, required=required)
        if value is None or (isinstance(value, str) and value in options):
            return value
        self.fault(key, code, f"`{key}` must be one of {', '.join(options)}.")
        return None

    def duration(self, key: str, *, required: bool = False, dates: bool = False, zero: bool = False) -> Duration | None:
        """An ISO 8601 duration in D or W, or in H, M, S; `dates` asks for the former."""
        value = self.text(key, required=required)
        if value is None:
            return None
        found = duration(value)
        if found is None:
            self.fault(key, "bad_duration", f"`{key}` must be a duration in days or weeks (P3D) or in hours and minutes (PT30M), not both.")
            return None
        if not found.elapsed and not zero:
            self.fault(key, "bad_duration", f"`{key}` must be longer than nothing.")
            return None
        if dates and found.dates is None:
            self.fault(key, "bad_duration", f"`{key}` counts local dates: give it in days or weeks (P14D).")
            return None
        return found

    def instant(self, key: str, *, required: bool = False) -> datetime | None:
        """An RFC 3339 instant with an offset."""
        value = self.text(key, required=required)
        if value is None:
            return None
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            self.fault(key, "bad_time", f"`{key}` must be a time with an offset (2026-11-21T08:00:00+01:00).")
            return None
        return found

    def day(self, key: str, *, required: bool = False) -> date | None:
        """A calendar date (2026-11-21)."""
        value = self.text(key, required=required)
        if value is None:
            return None
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fault(key, "bad_time", f"`{key}` must be a date (2026-11-21).")
            return None

    def section(self, key: str) -> "Section | None":
        """A nested object."""
        value = self.take(key)
        return None if value is None else Section(value, self.path(key), self.faults)

    def sections(self, key: str, *, required: bool = False) -> "list[Section]":
        """A list of nested objects."""
        value = self.take(key, required=required)
        if value is None:
            return []
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.fault(key, "wrong_type", f"`{key}` must be a list.")
            return []
        return [Section(entry, f"{self.path(key)}/{place}", self.faults) for place, entry in enumerate(value)]

    def close(self, *, free: frozenset[str] = frozenset()) -> None:
        """Refuse every key that nobody asked for."""
        for key in self.value:
            if key in self.asked or key in free or key.startswith("x-"):
                continue
            near = get_close_matches(key, sorted(self.asked), n=1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            self.fault(key, "unknown_key", f"`{key}` is not known here.{hint}")
