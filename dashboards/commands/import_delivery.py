"""Imported lines straight through the intake: the same validation, attribution, judgement and conservation as for a tablet's upload."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Protocol
from uuid import UUID

from alerts.intake import Intake
from dashboards.commands.import_patients import NamedPatients
from dashboards.commands.measurement_lines import Line
from devices import topics
from devices.message import Message
from devices.receipts import Receipt
from dho.db import Database, TransientDatabaseError

AT_ONCE = 500
ATTEMPTS = 6


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one line: stored, duplicate or rejected; a rejected one with its reason, a stored one with values refused alone."""

    place: int
    status: str
    reason: str = ""
    detail: str = ""

    @classmethod
    def of(cls, line: Line, receipt: dict[str, Any]) -> "Delivered":
        """From the receipt that the line's measurement was answered with."""
        refused = receipt.get("refused") or []
        detail = receipt.get("detail", "") or "; ".join(f"{r.get('code')}: {r.get('reason')}" for r in refused if isinstance(r, dict))
        return cls(line.place, receipt["status"], receipt.get("reason", "impossible_value" if refused else ""), detail)


class Delivery(Protocol):
    """Takes lines, each with its patient, in time order, and says what became of every one."""

    def deliver(self, lines: Sequence[tuple[Line, UUID]]) -> Iterator[Delivered]:
        """Yields once a line, in any order."""
        ...


class Straight:
    """Through `Intake`, a patient at a time, so that one patient's present never decides what another's history is judged at.

    History without arrival times was received when it was measured (never later than `now`), and the patient is judged as of then, or as of
    where time has judged them already.
    """

    def __init__(self, database: Database, patients: NamedPatients, now: datetime) -> None:
        self._intake = Intake(database, "import")
        self._patients, self._now = patients, now
        self._judged_at: dict[UUID, datetime] = {p: at for p, at in patients.judged_at.items() if at is not None}

    def deliver(self, lines: Sequence[tuple[Line, UUID]]) -> Iterator[Delivered]:
        """See `Delivery`."""
        for patient, group in groupby(sorted(lines, key=lambda pair: pair[1]), key=lambda pair: pair[1]):
            mine = [line for line, _ in group]
            for start in range(0, len(mine), AT_ONCE):
                yield from self._batch(patient, mine[start : start + AT_ONCE])

    def _batch(self, patient: UUID, lines: Sequence[Line]) -> Iterator[Delivered]:
        gateway = self._patients.gateways[patient]
        topic = topics.topic(gateway, topics.MEASUREMENTS)
        arrivals = [min(line.taken_at, self._now).astimezone(UTC) for line in lines]
        messages = [
            Message(topic, line.element(patient), gateway, topics.MEASUREMENTS, 1, False, arrived, channel="import")
            for line, arrived in zip(lines, arrivals, strict=True)
        ]
        judged_at = max(messages[-1].received_at, self._judged_at.get(patient, messages[-1].received_at))
        self._judged_at[patient] = judged_at
        receipts = self._take(messages, judged_at, patient)
        for line, receipt in zip(lines, receipts, strict=True):
            yield Delivered.of(line, json.loads(receipt.body))

    def _take(self, messages: Sequence[Message], now: datetime, patient: UUID) -> list[Receipt]:
        for attempt in range(ATTEMPTS):
            try:
                return self._intake.take(messages, now, about=patient)
            except TransientDatabaseError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(0.1 * 2**attempt)
        raise AssertionError("the last attempt either returns or raises")
