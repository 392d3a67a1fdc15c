"""Measurements from a CSV file whose columns have been given a meaning. Pure: lines in, lines or reasons out.

Two shapes are read. *Wide*: a column per measurement (`--map glucose_mg_dL=glucose:mg/dL`). *Long*: one value a line, with columns for
code, value and unit. A header such as `systolic_mmHg` names a measurement and its unit itself, and needs no mapping.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from dashboards.commands.measurement_lines import BadLine, FileValue, Line, LineFault, LocalClock, number
from dho.codes import BY_CODE
from dho.errors import DhoError

UNIT_SUFFIXES = {
    "mg_dL": "mg/dL",
    "mmol_L": "mmol/L",
    "mmHg": "mm[Hg]",
    "kPa": "kPa",
    "per_min": "/min",
    "percent": "%",
    "kg": "kg",
    "Cel": "Cel",
    "L_min": "L/min",
    "cm": "cm",
}
PATIENT_COLUMNS = ("patient", "patient_id", "subject")
TIME_COLUMNS = ("taken_at", "measured_at", "measured_at_local", "time", "timestamp", "datetime")


class UnreadableFile(DhoError):
    """The file as a whole cannot be read; the sentence says why."""

    code = "unreadable_file"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column means what. `wide` maps a column to (code, UCUM unit); `long` names the columns of code, value and unit."""

    time: str
    patient: str | None
    wide: Mapping[str, tuple[str, str]]
    long: tuple[str, str, str] | None = None
    device: str | None = None
    note: str | None = None


def mapped(option: str) -> tuple[str, tuple[str, str]]:
    """`COLUMN=measurement:unit` as its parts; `ValueError` with a sentence if it is none."""
    column, equals, meaning = option.rpartition("=")
    code, colon, unit = meaning.partition(":")
    if not (equals and colon and column and code and unit):
        raise ValueError(f"“{option}” is not COLUMN=measurement:unit, such as glucose_mg_dL=glucose:mg/dL.")
    if code not in BY_CODE:
        raise ValueError(f"“{code}” is no known measurement: use a LOINC code or one of {', '.join(m for m in BY_CODE if m[0].isalpha())}.")
    if unit not in BY_CODE[code].units:
        raise ValueError(f"“{unit}” is no unit of {code}: use {' or '.join(BY_CODE[code].units)} (UCUM, case matters).")
    return column, (code, unit)


def columns_of(
    header: Sequence[str],
    *,
    time: str | None = None,
    patient: str | None = None,
    wide: Mapping[str, tuple[str, str]] | None = None,
    long: tuple[str, str, str] | None = None,
    device: str | None = None,
    note: str | None = None,
) -> Columns:
    """The meaning of the columns: what was said, and what the header says of itself. `UnreadableFile` if it does not fit."""
    time = time or next((name for name in TIME_COLUMNS if name in header), None)
    if time is None:
        raise UnreadableFile(f"No column looks like a time: name it with --time-column (the columns are {', '.join(header)}).")
    patient = patient or next((name for name in PATIENT_COLUMNS if name in header), None)
    meaning = dict(wide or {}) or ({} if long else dict(_named_by_header(header)))
    for name in [time, patient, device, note, *meaning, *(long or ())]:
        if name is not None and name not in header:
            raise UnreadableFile(f"There is no column “{name}” (the columns are {', '.join(header)}).")
    if not meaning and long is None:
        raise UnreadableFile("No column has a measurement: say which with --map COLUMN=measurement:unit.")
    return Columns(time, patient, meaning, long, device, note)


def _named_by_header(header: Sequence[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name in header:
        for suffix, unit in UNIT_SUFFIXES.items():
            code = name.removesuffix(f"_{suffix}")
            if code != name and code in BY_CODE and unit in BY_CODE[code].units:
                yield name, (code, unit)


def delimiter_of(header: str) -> str:
    """Comma, semicolon or tab: whichever the first line has most of."""
    return max(",;\t", key=header.count)


def read_header(file: IO[str]) -> tuple[list[str], str]:
    """The first line's columns and the delimiter. `UnreadableFile` for an empty file."""
    first = file.readline()
    if not first.strip():
        raise UnreadableFile("The file is empty.")
    delimiter = delimiter_of(first)
    return [name.strip() for name in next(csv.reader([first], delimiter=delimiter))], delimiter


def read_lines(
    file: IO[str], header: Sequence[str], delimiter: str, columns: Columns, clock: LocalClock, *, decimal_comma: bool = False
) -> Iterator[Line | BadLine]:
    """Every line after the header, usable or with its reason; empty lines are nothing."""
    reader = csv.reader(file, delimiter=delimiter)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield BadLine(reader.line_num + 1, "malformed", f"The line cannot be read: {error}.")
            continue
        if not any(cell.strip() for cell in cells):
            continue
        place = reader.line_num + 1
        try:
            yield _line(place, _cells(header, cells), columns, clock, decimal_comma)
        except LineFault as fault:
            yield BadLine(place, fault.reason, fault.detail)


def _cells(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise LineFault("malformed", f"The line has {len(cells)} columns, the header {len(header)}.")
    if any("\ud800" <= letter <= "\udfff" for cell in cells for letter in cell):
        raise LineFault("bad_text", "The line is not UTF-8.")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _line(place: int, cells: Mapping[str, str], columns: Columns, clock: LocalClock, decimal_comma: bool) -> Line:
    patient = cells[columns.patient] if columns.patient else ""
    if columns.patient and not patient:
        raise LineFault("missing_field", f"The column “{columns.patient}” is empty.")
    if not cells[columns.time]:
        raise LineFault("missing_field", f"The column “{columns.time}” is empty.")
    if columns.long:
        code, value, unit = (cells[name] for name in columns.long)
        triples = [(code, value, unit)]
    else:
        triples = [(code, cells[name], unit) for name, (code, unit) in columns.wide.items()]
    values = tuple(FileValue(code, number(text, decimal_comma=decimal_comma), unit) for code, text, unit in triples if text)
    if not values:
        raise LineFault("missing_field", "The line has no value.")
    return Line(
        place,
        patient,
        clock.instant(cells[columns.time], patient),
        values,
        device=cells[columns.device] if columns.device else None,
        note=cells[columns.note] if columns.note else None,
    )
