"""`dho import`: measurements from CSV or FHIR, straight into the database or through the broker as a tablet would send them."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from tqdm import tqdm

from alerts.store import lock_patients
from dashboards.commands.csv_lines import UnreadableFile, columns_of, mapped, read_header, read_lines
from dashboards.commands.fhir_lines import lines_of, read_resources
from dashboards.commands.import_delivery import Delivery, Straight
from dashboards.commands.import_over_mqtt import OverMqtt
from dashboards.commands.import_patients import Creation, NamedPatients, Naming, named_patients, read_book
from dashboards.commands.measurement_lines import BadLine, Line, LocalClock, in_time_order
from dashboards.commands.operator import SQL, as_owner, here
from dashboards.commands.plan_templates import checked_text, template
from devices.address import BrokerAddress
from dho import clock as house_clock
from dho.db import Database
from dho.plan_text import read_document
from dho.settings import Settings

LINES_AT_ONCE = 20_000
BAD_LINES_SHOWN = 1000
A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(slots=True)
class Tally:
    """What became of the lines. `elsewhere` counts FHIR resources that are no Observations."""

    lines: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    elsewhere: int = 0
    skipped_hour: int = 0
    bad: list[BadLine] = field(default_factory=list)

    def reject(self, bad: BadLine) -> None:
        """Count and tell a line that could not be used."""
        self.rejected += 1
        if len(self.bad) < BAD_LINES_SHOWN:
            self.bad.append(bad)
            tqdm.write(f"line {bad.place}: {bad.reason}: {bad.detail}", file=sys.stderr)


Source = Callable[[LocalClock], Iterator[Line | BadLine | None]]


@click.command("import")
@click.argument("file", type=A_FILE)
@click.option("--format", "form", type=click.Choice(["csv", "fhir"]), help="By default from the file's name: .json and .ndjson are FHIR.")
@click.option("--map", "maps", multiple=True, metavar="COLUMN=CODE:UNIT", help="A column's measurement and UCUM unit; may be repeated.")
@click.option("--time-column", help="By default one called taken_at, measured_at, time, timestamp or similar.")
@click.option("--time-format", help="strptime pattern of the times; by default ISO 8601.")
@click.option("--timezone", "zone", help="Zone of times without an offset: an IANA name, or a fixed offset such as +01:00. [DHO_TIMEZONE]")
@click.option("--patient-column", help="By default one called patient, patient_id or subject.")
@click.option("--code-column", help="With --value-column and --unit-column: one value a line.")
@click.option("--value-column")
@click.option("--unit-column")
@click.option("--device-column", help="The device's serial number.")
@click.option("--note-column")
@click.option("--decimal-comma", is_flag=True, help="Numbers are written 5,4.")
@click.option("--patient", type=click.UUID, help="All lines are about this patient.")
@click.option("--patients", "patients_file", type=A_FILE, help="CSV of two columns: what FILE calls a patient, and the patient's id.")
@click.option("--create-patients", is_flag=True, help="Make a patient for every name in FILE that is no id.")
@click.option("--centre", help="The follow-up centre of made patients, by name or id.")
@click.option("--template", help="The plan template of made patients, in force since their first line.")
@click.option("--plan", "plan_file", type=A_FILE, help="A plan (JSON or YAML) instead of --template.")
@click.option("--via", type=click.Choice(["mqtt"]), help="Send them through the broker as --gateway, and wait for the receipts.")
@click.option("--gateway", help="The gateway that sends; its password is read from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Tell the outcome as JSON.")
def import_measurements(**options: Any) -> None:
    """Load measurements from FILE: CSV, a FHIR Bundle, or one FHIR resource a line.

    A line that cannot be used is told with its number and reason, the rest goes on; the exit status is then 1. Importing the same file
    again makes only duplicates. History counts as received when it was measured.
    """
    settings = here()
    zone = _zone(options["zone"] or settings.timezone)
    source = _fhir(options["file"]) if _is_fhir(options) else _csv(options)
    first_lines = _first_lines(source(_clock(zone, options)))
    patients = named_patients(settings, first_lines, _naming(options), _creation(options))
    tally, clock = Tally(), _clock(zone, options)
    with _delivery(settings, patients, options) as delivery:
        _deliver(source(clock), patients, delivery, tally)
    tally.skipped_hour = clock.skipped
    _tell(tally, patients, options["as_json"])
    if tally.rejected:
        sys.exit(1)


def _is_fhir(options: dict[str, Any]) -> bool:
    name = options["file"].name.lower()
    return bool(options["form"] == "fhir" if options["form"] else name.endswith((".json", ".ndjson")))


def _csv(options: dict[str, Any]) -> Source:
    """Opens the file anew for each pass: once for whom it names, once for what it says."""
    path: Path = options["file"]
    long = tuple(options[f"{part}_column"] for part in ("code", "value", "unit"))
    if any(long) and not all(long):
        raise click.UsageError("--code-column, --value-column and --unit-column belong together")
    try:
        wide = dict(mapped(text) for text in options["maps"])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    with _open(path) as file:
        header, delimiter = read_header(file)
    columns = columns_of(
        header,
        time=options["time_column"],
        patient=options["patient_column"],
        wide=wide,
        long=(long[0], long[1], long[2]) if all(long) else None,
        device=options["device_column"],
        note=options["note_column"],
    )

    def lines(clock: LocalClock) -> Iterator[Line | BadLine | None]:
        with _open(path) as file:
            file.readline()
            yield from read_lines(file, header, delimiter, columns, clock, decimal_comma=options["decimal_comma"])

    return lines


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            yield file
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None


def _fhir(path: Path) -> Source:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise UnreadableFile(f"{path} cannot be read as UTF-8.") from None
    return lambda clock: lines_of(read_resources(text), clock)


def _zone(name: str) -> tzinfo:
    """An IANA zone, or a fixed offset for a device whose clock does not follow summer time."""
    try:
        if name[0] in "+-":
            parsed = datetime.strptime(name[1:], "%H:%M")  # noqa: DTZ007
            offset = timedelta(hours=parsed.hour, minutes=parsed.minute)
            return timezone(-offset if name[0] == "-" else offset)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.UsageError(f"{name} is neither an IANA time zone nor an offset such as +01:00") from None


def _clock(zone: tzinfo, options: dict[str, Any]) -> LocalClock:
    return LocalClock(zone, options["time_format"])


def _naming(options: dict[str, Any]) -> Naming:
    return Naming(options["patient"], read_book(options["patients_file"]) if options["patients_file"] else {})


def _creation(options: dict[str, Any]) -> Creation | None:
    if not options["create_patients"]:
        if options["centre"] or options["template"] or options["plan_file"]:
            raise click.UsageError("--centre, --template and --plan belong to --create-patients")
        return None
    if not options["centre"]:
        raise click.UsageError("--create-patients needs --centre")
    if options["template"]:
        return Creation(options["centre"], checked_text(template(options["template"])))
    if options["plan_file"]:
        return Creation(options["centre"], checked_text(read_document(options["plan_file"].read_text(encoding="utf-8"))))
    return Creation(options["centre"], None)


def _first_lines(lines: Iterator[Line | BadLine | None]) -> dict[str, datetime]:
    """Everybody the file names, with the instant of their earliest line."""
    found: dict[str, datetime] = {}
    for line in lines:
        if isinstance(line, Line):
            found[line.patient] = min(line.taken_at, found.get(line.patient, line.taken_at))
    if not found:
        raise UnreadableFile("No line of the file can be used.")
    return found


@contextmanager
def _delivery(settings: Settings, patients: NamedPatients, options: dict[str, Any]) -> Iterator[Delivery]:
    if options["via"] == "mqtt":
        if not options["gateway"]:
            raise click.UsageError("--via mqtt needs --gateway")
        broker = BrokerAddress.parse(settings.require("mqtt_url").mqtt_url, settings.mqtt_ca_file)
        line = OverMqtt(replace(broker, user=options["gateway"], password=sys.stdin.readline().rstrip("\r\n")))
        try:
            yield line
        finally:
            line.close()
        return
    database = Database(settings.database_url or settings.owner_url, "ingest", size=1)
    now = house_clock.now()
    try:
        yield Straight(database, patients, now)
    finally:
        database.close()
        with as_owner(settings, "import measurements") as tx:
            lock_patients(tx, patients.found.values())
            tx.execute(SQL["judge_now"], {"patients": list(patients.found.values()), "now": now})


def _deliver(lines: Iterator[Line | BadLine | None], patients: NamedPatients, delivery: Delivery, tally: Tally) -> None:
    with tqdm(desc="lines", unit="", disable=None, file=sys.stderr) as progress:
        while portion := list(islice(lines, LINES_AT_ONCE)):
            usable = list(_usable(portion, patients, tally))
            progress.update(len(portion) - len(usable))
            for told in delivery.deliver([(line, patient) for line, patient in _ordered(usable)]):
                progress.update(1)
                if told.status == "rejected":
                    tally.reject(BadLine(told.place, told.reason, told.detail))
                elif told.status == "duplicate":
                    tally.duplicate += 1
                else:
                    tally.stored += 1
                    if told.reason:
                        tqdm.write(f"line {told.place}: stored, but {told.detail}", file=sys.stderr)


def _ordered(usable: Sequence[tuple[Line, Any]]) -> Iterator[tuple[Line, Any]]:
    whose = {id(line): patient for line, patient in usable}
    for line in in_time_order([line for line, _ in usable]):
        yield line, whose[id(line)]


def _usable(portion: Sequence[Line | BadLine | None], patients: NamedPatients, tally: Tally) -> Iterator[tuple[Line, Any]]:
    for line in portion:
        if line is None:
            tally.elsewhere += 1
            continue
        tally.lines += 1
        if isinstance(line, BadLine):
            tally.reject(line)
        elif (patient := patients.of(line.patient)) is None:
            tally.reject(BadLine(line.place, "not_attributable", f"“{line.patient[:40]}” is no patient that is followed up here."))
        else:
            yield line, patient


def _tell(tally: Tally, patients: NamedPatients, as_json: bool) -> None:
    made = {name: str(patient) for name, patient in patients.made.items()}
    if as_json:
        click.echo(json.dumps({**asdict(tally), "patients": made}, ensure_ascii=False))
        return
    click.echo(f"{tally.lines} lines: {tally.stored} stored, {tally.duplicate} duplicates, {tally.rejected} rejected.")
    for name, patient in made.items():
        click.echo(f"{name} is {patient}")
    if tally.skipped_hour:
        click.echo(
            f"{tally.skipped_hour} times lie in the hour that a clock change skipped and were moved forward; if the device's clock was "
            "never changed, give --timezone as an offset such as +01:00.",
            err=True,
        )
