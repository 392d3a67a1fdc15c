"""`dho backtest`: what a plan, or a draft of it, would have done to stored history or to a file of measurements."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import msgspec

from alerts.backtest import Span, backtest
from alerts.comparison import Comparison
from alerts.plans import PlanVersion, list_plans
from alerts.rehearsal import Presence
from dashboards.backtest_told import told
from dashboards.commands.backtest_file import backtest_file
from dashboards.commands.backtest_table import write
from dashboards.commands.lookups import instant_given, require_patient
from dashboards.commands.operator import SQL, as_owner, here
from dho import clock
from dho.db import Tx
from dho.errors import NotFound
from dho.plan import PlanRef, read_document
from dho.settings import Settings

A_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
LANGUAGE = "en"
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


@click.command("backtest")
@click.option("--patient", type=click.UUID, help="The stored history of this patient.")
@click.option("--csv", "csv_file", type=A_FILE, help="The measurements of a file instead, as `dho import` reads them.")
@click.option("--plan", "plan_file", type=A_FILE, help="A draft (JSON or YAML).")
@click.option("--plan-version", type=int, help="A version of the patient's plan, by its number; by default the newest.")
@click.option("--against", type=A_FILE, help="With --csv: the plan to compare with.")
@click.option(
    "--from", "since", type=click.DateTime(), help="When the plans are thought active; by default a year ago or the first reading."
)
@click.option("--until", type=click.DateTime(), help="By default now, or the file's last reading.")
@click.option(
    "--staff", type=click.Choice(["assumed", "as-it-was", "nobody"]), default="assumed", show_default=True, help="Who handles alerts."
)
@click.option(
    "--close-after", type=float, default=24, show_default=True, help="With --staff assumed: staffed hours until an alert is closed."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def backtest_command(patient: UUID | None, csv_file: Path | None, **options: Any) -> None:
    """What a plan would have done, beside the patient's active version.

    The readings arrive again as they arrived, every deadline comes in order, and the functions that judge are those that judge live.
    """
    if (patient is None) == (csv_file is None):
        raise click.UsageError("give either --patient or --csv")
    if not 0 < options["close_after"] <= 1000:
        raise click.UsageError("--close-after is a number of hours above 0 and at most 1000")
    presence: Presence = options["staff"].replace("-", "_")
    close_after = timedelta(hours=options["close_after"])
    settings = here()
    since, until = (_instant(options[name], settings.timezone) for name in ("since", "until"))
    if csv_file is not None:
        if options["plan_file"] is None or options["plan_version"] is not None:
            raise click.UsageError("--csv needs --plan, and no --plan-version")
        against = _document(options["against"]) if options["against"] else None
        found = backtest_file(csv_file, _document(options["plan_file"]), against, settings.timezone, since, until, presence, close_after)
        _tell(found, options["as_json"])
        return
    if options["against"]:
        raise click.UsageError("--against belongs to --csv: a stored history is compared with the active version")
    assert patient is not None
    span = Span(min(until or clock.now(), clock.now()), since)
    _tell({str(patient): _stored(settings, patient, options, span, presence, close_after)}, options["as_json"])


def _stored(
    settings: Settings, patient: UUID, options: Mapping[str, Any], span: Span, presence: Presence, close_after: timedelta
) -> Comparison:
    with as_owner(settings, "backtest") as tx:
        require_patient(tx, patient)
        tx.execute(SQL["log_operator_look"], {"now": tx.now, "patient": patient, "what": "backtest"})
        document, version = _draft(tx, patient, options)
        return backtest(tx, patient, document, span, version=version, presence=presence, close_after=close_after)


def _draft(tx: Tx, patient: UUID, options: Mapping[str, Any]) -> tuple[Mapping[str, Any], PlanRef]:
    if options["plan_file"] is not None:
        if options["plan_version"] is not None:
            raise click.UsageError("give --plan or --plan-version, not both")
        return _document(options["plan_file"]), PlanRef(UUID(int=0), 0)
    wanted: int | None = options["plan_version"]
    found: PlanVersion | None = next((one for one in list_plans(tx, patient) if wanted in (None, one.number)), None)
    if found is None:
        raise NotFound(f"The patient has no plan version {wanted}." if wanted else "The patient has no plan: give one with --plan.")
    return found.document, PlanRef(found.id, found.number)


def _instant(value: datetime | None, timezone: str) -> datetime | None:
    return instant_given(value, timezone).astimezone(UTC) if value else None


def _document(path: Path) -> Mapping[str, Any]:
    return read_document(path.read_bytes())


def _tell(found: Mapping[str, Comparison], as_json: bool) -> None:
    if as_json:
        shown = [{"patient": name, **told(comparison, LANGUAGE)} for name, comparison in found.items()]
        click.echo(_ENCODER.encode(shown).decode())
        return
    for name, comparison in found.items():
        write(name, told(comparison, LANGUAGE))
