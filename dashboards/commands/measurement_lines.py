"""What a file of measurements says, line by line: the words that the CSV and FHIR readers share.

A line becomes one measurement in the contract's own form, so that an import passes the same door as a tablet's upload. Its id is made
from patient, instant and content: importing the same file again makes only duplicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timezone, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID, uuid5

import msgspec

NAMESPACE = UUID("3d0c2f8e-5a94-4c1b-9a1e-6d6f2c7b8a10")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class FileValue:
    """One value as the file has it: a code or short name, a number, a UCUM unit."""

    code: str
    value: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Line:
    """One usable line. `place` is its number in the file, `patient` whatever the file calls the patient (may be empty)."""

    place: int
    patient: str
    taken_at: datetime
    values: tuple[FileValue, ...]
    id: UUID | None = None
    device: str | None = None
    note: str | None = None

    def element(self, patient: UUID) -> bytes:
        """The measurement as a tablet would send it, in JSON."""
        told: dict[str, Any] = {
            "id": str(self.id or self.identity(patient)),
            "patient": str(patient),
            "taken_at": self.taken_at.isoformat(),
            "source": "import",
            "values": [{"code": v.code, "value": v.value, "unit": v.unit} for v in self.values],
        }
        told |= {name: text for name, text in (("device", self.device), ("note", self.note)) if text}
        return _ENCODER.encode(told)

    def identity(self, patient: UUID) -> UUID:
        """The same for the same content, however often the file is read."""
        content = [f"{v.code} {v.value.normalize():f} {v.unit}" for v in self.values]
        return uuid5(
            NAMESPACE, "\n".join([str(patient), self.taken_at.astimezone(UTC).isoformat(), *content, self.device or "", self.note or ""])
        )


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that cannot be used: its number, one of the contract's reason codes, and a sentence."""

    place: int
    reason: str
    detail: str


class LineFault(Exception):
    """Raised by a reader inside one line: what is wrong with it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


@dataclass(slots=True)
class LocalClock:
    """Turns a file's times into instants. `zone` is for times without an offset; without one they are refused.

    A local time that a clock change repeats is the first, or the second where the patient's former line shows that time has passed; one
    that it skips moves forward, and `skipped` counts those.
    """

    zone: tzinfo | None
    pattern: str | None = None
    skipped: int = 0
    _latest: dict[str, datetime] = field(default_factory=dict)

    def instant(self, text: str, patient: str) -> datetime:
        """The instant that `text` means, aware."""
        try:
            found = datetime.strptime(text, self.pattern) if self.pattern else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            raise LineFault("bad_time", f"“{text[:40]}” is not a time that can be read.") from None
        if found.tzinfo is None:
            found = self._localised(found, text, patient)
        offset = found.utcoffset()
        assert offset is not None
        # A fixed offset: two times of one zone compare by what the wall clock showed, not by when they were.
        self._latest[patient] = found.astimezone(timezone(offset))
        return self._latest[patient]

    def _localised(self, naive: datetime, text: str, patient: str) -> datetime:
        if self.zone is None:
            raise LineFault("no_offset", f"“{text[:40]}” has no offset and no time zone was given.")
        first = naive.replace(tzinfo=self.zone, fold=0).astimezone(UTC).astimezone(self.zone)
        if first.replace(tzinfo=None, fold=0) != naive:
            self.skipped += 1
            return first
        second = naive.replace(tzinfo=self.zone, fold=1)
        latest = self._latest.get(patient)
        repeated = second.utcoffset() != first.utcoffset()
        return second if repeated and latest is not None and first.astimezone(UTC) <= latest < second.astimezone(UTC) else first


def number(text: str, *, decimal_comma: bool = False) -> Decimal:
    """A finite decimal number from a cell, with the digits it came with."""
    try:
        found = Decimal(text.replace(",", ".") if decimal_comma else text)
    except InvalidOperation:
        raise LineFault("wrong_type", f"“{text[:40]}” is not a number.") from None
    if not found.is_finite():
        raise LineFault("not_finite", f"“{text[:40]}” is not a finite number.")
    return found


def in_time_order(lines: Sequence[Line]) -> list[Line]:
    """As they were measured, so that nothing looks late that only stood further down in the file."""
    return sorted(lines, key=lambda line: (line.taken_at, line.place))
