"""A file of measurements as histories: every line passes the same decoder as a tablet's upload, and counts as received when measured."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

import click

from alerts.backtest import UNNUMBERED, Span
from alerts.comparison import Comparison, Side, compare, side
from alerts.rehearsal import History, Presence, Staffing, rehearse
from dashboards.commands.csv_lines import UnreadableFile, columns_of, read_header, read_lines
from dashboards.commands.measurement_lines import NAMESPACE, BadLine, Line, LocalClock, in_time_order
from devices import observations, topics
from devices.decode import decode
from devices.message import Message
from devices.reading import Reading
from dho.calendar import Hours
from dho.observation import Observation
from dho.plan import read_plan

OFFICE_HOURS = {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
"""What is taken for opening hours where no centre is named."""
READ_AFTER_LAST = timedelta(days=1)


def backtest_file(
    path: Path,
    document: Mapping[str, Any],
    against: Mapping[str, Any] | None,
    timezone: str,
    since: datetime | None,
    until: datetime | None,
    presence: Presence,
    close_after: timedelta,
) -> dict[str, Comparison]:
    """For each patient of the file, what the plan would have done, beside `against`. Raises `PlanRefused`, `UnreadableFile`, `Invalid`."""
    staffing = Staffing(Hours.read(timezone, False, OFFICE_HOURS), presence, close_after)
    found = {}
    for name, history in histories(path, timezone).items():
        span = Span(until or max(o.received_at for o in history.observations) + READ_AFTER_LAST, since)
        start = span.start(history)

        def rehearsed(given: Mapping[str, Any], start: datetime = start, span: Span = span, history: History = history) -> Side:
            plan = read_plan(given, version=UNNUMBERED, timezone=timezone, active_from=start)
            return side(0, rehearse(plan, history, span.until, staffing), ())

        found[name] = compare(staffing, rehearsed(document), rehearsed(against) if against is not None else None)
    return found


def histories(path: Path, timezone: str) -> dict[str, History]:
    """The file's measurements by what it calls the patient. Lines that cannot be used are told on standard error."""
    lines: list[Line] = []
    for line in _lines(path, timezone):
        if isinstance(line, BadLine):
            click.echo(f"line {line.place}: {line.reason}: {line.detail}", err=True)
        else:
            lines.append(line)
    known: dict[str, list[Observation]] = {}
    for line in in_time_order(lines):
        patient = uuid5(NAMESPACE, line.patient)
        for element in decode(_as_sent(line, patient)):
            if isinstance(element.what, Reading):
                known.setdefault(line.patient or "-", []).extend(observations.of(element, patient, late=False))
            else:
                click.echo(f"line {line.place}: {element.what}", err=True)
    if not known:
        raise UnreadableFile("No line of the file can be used.")
    return {name: History(facts[0].patient, facts) for name, facts in known.items()}


def _as_sent(line: Line, patient: UUID) -> Message:
    return Message(f"import/{topics.MEASUREMENTS}", line.element(patient), "", topics.MEASUREMENTS, 1, False, line.taken_at.astimezone(UTC))


def _lines(path: Path, timezone: str) -> Iterator[Line | BadLine]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        header, delimiter = read_header(file)
        yield from read_lines(file, header, delimiter, columns_of(header), LocalClock(ZoneInfo(timezone)))
