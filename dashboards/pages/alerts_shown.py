"""Alerts as pages show them: sentences in the reader's language, and what the reader may do with them now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dashboards.pages.reader import Reader, stored_json
from dho.codes import measurement
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards/pages")
_RANK = {"red": 2, "yellow": 1}


@dataclass(frozen=True, slots=True)
class Input:
    """One value that a reason rests on, ready to be written."""

    words: str
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's part in an alert."""

    words: str
    inputs: tuple[Input, ...]


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """One open alert. `zone` is where it stands on the board: one that waits for a repeat counts as yellow."""

    row: Any
    zone: str
    sentence: str
    reasons: tuple[Reason, ...]
    measurements: tuple[str, ...]
    mine: bool

    @property
    def target(self) -> str:
        """What a button says it is about: the id and the version that was seen."""
        return f"{self.row.id}:{self.row.version}"

    @property
    def held(self) -> bool:
        """Somebody has claimed it."""
        return self.row.owner is not None and self.row.state != "snoozed"


def open_alerts(tx: Tx, patients: Iterable[UUID], reader: Reader) -> dict[UUID, list[ShownAlert]]:
    """The open alerts of patients who have passed the door, worst and oldest first."""
    found: dict[UUID, list[ShownAlert]] = {}
    for row in tx.rows(SQL["alerts_shown"], {"patients": list(patients)}):
        found.setdefault(row.patient, []).append(_shown(row, reader))
    for alerts in found.values():
        alerts.sort(key=lambda alert: (-_RANK[alert.zone], alert.row.raised_at))
    return found


def _shown(row: Any, reader: Reader) -> ShownAlert:
    because = stored_json(row.because)
    names = [measurement(o["code"]) for reason in because for o in reason["observations"]]
    return ShownAlert(
        row=row,
        zone="yellow" if row.state == "pending_confirm" else row.zone,
        sentence=reader.say_shortly(stored_json(row.text)),
        reasons=tuple(_reason(reason, reader) for reason in because),
        measurements=tuple(dict.fromkeys(m.name for m in names if m)),
        mine=reader.viewer is not None and row.owner == reader.viewer.person,
    )


def _reason(reason: dict[str, Any], reader: Reader) -> Reason:
    words = reader.say({**reason, "text": reason.get("explanation", "")})
    return Reason(words, tuple(_input(o, reader) for o in _newest_first(reason["observations"])))


def _newest_first(observations: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(observations, key=lambda o: str(o["measured_at"]), reverse=True)[:8]


def _input(observation: dict[str, Any], reader: Reader) -> Input:
    measured = measurement(observation["code"])
    name = reader.t(f"measurement.{measured.name}") if measured else str(observation["code"])
    value = observation["value"]
    shown = value if isinstance(value, str) else reader.t("value.with_unit", value=value, unit=reader.unit(observation["unit"]))
    return Input(f"{name} {shown}".strip(), datetime.fromisoformat(observation["measured_at"]))
