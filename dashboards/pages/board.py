"""The board: who needs what, in triage order. Rows are made from one reading of the database at one instant."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from dashboards import access
from dashboards.pages.alerts_shown import ShownAlert, open_alerts
from dashboards.pages.limits import PlanLimit, limits_of
from dashboards.pages.reader import Reader, stored_json
from dashboards.pages.sparkline import Sparkline, sparkline
from dashboards.pages.standings import GROUPS, Group, Standing
from dashboards.sessions import Viewer
from dho.codes import BY_NAME
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards/pages")
ACTING = [role for role, rights in access.RIGHTS.items() if "act" in rights]
READING_ONLY = [role for role, rights in access.RIGHTS.items() if "read" in rights and "act" not in rights]
GREENS_AT_ONCE = 100
TREND_DAYS, TREND_VALUES = 7, 30


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest value of the measurement that matters most in this row, and the line that led to it."""

    name: str
    value: str
    unit: str
    measured_at: datetime
    line: Sparkline | None


@dataclass(frozen=True, slots=True)
class Row:
    """One patient's row, with every word ready but those that depend on the reader's clock."""

    standing: Standing
    group: Group
    since: datetime | None
    order: str
    sentence: str
    alerts: Sequence[ShownAlert]
    latest: Latest | None
    may_act: bool

    @property
    def top(self) -> ShownAlert | None:
        """The alert that the row's sentence is about."""
        return self.alerts[0] if self.alerts else None

    @property
    def unclaimed(self) -> list[ShownAlert]:
        """Alerts that a claim of this row takes."""
        return [alert for alert in self.alerts if not alert.held]

    @property
    def is_green_with_open_red(self) -> bool:
        """The values are fine again, and yet a red alert waits for a person."""
        return self.standing.zone == "green" and self.group == "red"


@dataclass(frozen=True, slots=True)
class Board:
    """Where everybody stands, by group and in order."""

    groups: dict[Group, list[Standing]]

    @property
    def counts(self) -> dict[Group, int]:
        """How many stand in each group."""
        return {group: len(standings) for group, standings in self.groups.items()}

    @property
    def all_well(self) -> bool:
        """Nobody but greens."""
        return not any(n for group, n in self.counts.items() if group != "green")

    def shown(self) -> list[Standing]:
        """Everybody who has a row without asking for it: all but the greens."""
        return [standing for group in GROUPS if group != "green" for standing in self.groups[group]]


def read_board(tx: Tx, viewer: Viewer, reader: Reader, roles: Collection[str], only: Collection[UUID] | None = None) -> Board:
    """Where everybody stands (or of them `only` these) whom the viewer follows in one of `roles`.

    Shows nobody yet: `read_rows` does, and writes it down.
    """
    groups: dict[Group, list[Standing]] = {group: [] for group in GROUPS}
    for row in tx.rows(
        SQL["standings"], {"person": viewer.person, "now": tx.now, "roles": list(roles), "only": list(only) if only is not None else None}
    ):
        standing = Standing(**row._asdict())
        groups[standing.group(reader.today)].append(standing)
    for group, standings in groups.items():
        standings.sort(key=lambda standing: standing.order(group))
    return Board(groups)


def read_rows(tx: Tx, viewer: Viewer, reader: Reader, standings: Sequence[Standing], request: str) -> list[Row]:
    """The rows of these patients, looked at through the one door."""
    relations = access.look_many(tx, viewer, [s.patient for s in standings], "board", request=request)
    shown = [s for s in standings if s.patient in relations]
    patients = [s.patient for s in shown]
    if not patients:
        return []
    alerts = open_alerts(tx, patients, reader)
    tasks = {row.patient: row for row in reversed(tx.rows(SQL["tasks_shown"], {"patients": patients}))}
    values = _newest_values(tx, patients)
    documents = {row.id: row.document for row in tx.rows(SQL["plan_documents"], {"plans": [s.plan for s in shown if s.plan]})}
    rows = []
    for standing in shown:
        group = standing.group(reader.today)
        own = alerts.get(standing.patient, [])
        limits = limits_of(documents[standing.plan]) if standing.plan in documents else {}
        rows.append(
            Row(
                standing=standing,
                group=group,
                since=standing.since(group),
                order=standing.order(group),
                sentence=_sentence(standing, group, own, tasks.get(standing.patient), reader),
                alerts=own,
                latest=_latest(values.get(standing.patient, {}), own, limits, reader),
                may_act=relations[standing.patient].may("act"),
            )
        )
    return rows


def _newest_values(tx: Tx, patients: list[UUID]) -> dict[UUID, dict[str, list[tuple[datetime, Decimal]]]]:
    found: dict[UUID, dict[str, list[tuple[datetime, Decimal]]]] = {}
    window = {"since": tx.now - timedelta(days=TREND_DAYS), "until": tx.now + timedelta(minutes=5), "count": TREND_VALUES}
    for row in tx.rows(SQL["newest_values"], {"patients": patients, **window}):
        found.setdefault(row.patient, {}).setdefault(row.measurement, []).append((row.measured_at, row.value))
    return found


def _latest(values: dict[str, list[tuple[datetime, Decimal]]], alerts: Sequence[ShownAlert], limits: Any, reader: Reader) -> Latest | None:
    """The alert's own measurement; without one, a measurement that the plan has limits for; without that, the newest."""
    about = [name for alert in alerts for name in alert.measurements] + [name for name in limits if not alerts]
    name = next((n for n in about if n in values), None) or max(values, key=lambda n: values[n][-1][0], default=None)
    if name is None or name not in BY_NAME:
        return None
    at, value = values[name][-1]
    near: Sequence[PlanLimit] = limits.get(name, ())
    unit = reader.unit(BY_NAME[name].unit)
    return Latest(reader.t(f"measurement.{name}"), reader.number(value), unit, at, sparkline(values[name], near))


def _sentence(standing: Standing, group: Group, alerts: Sequence[ShownAlert], task: Any, reader: Reader) -> str:
    """Why the patient stands there, in one sentence."""
    if group in ("red", "yellow"):
        return alerts[0].sentence if alerts else reader.t(f"board.zone_alone.{group}")
    if group == "no_plan":
        if standing.review_due:
            return reader.t("board.plan_past_review", day=reader.day(standing.review_due))
        return reader.t("board.no_active_plan")
    if group == "due":
        if standing.messages:
            return reader.t("board.messages", n=standing.messages)
        return reader.say_shortly(stored_json(task.text)) if task else reader.t("board.tasks", n=standing.tasks)
    if group == "not_reported":
        if standing.newest_measured_at is None:
            return reader.t("board.never_reported")
        return reader.t("board.nothing_since", at=reader.clock(standing.newest_measured_at))
    return ""
