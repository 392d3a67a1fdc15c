"""`dho quarantine`: look at what could not be understood, and send it through the front door again once it can be."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import click
from tqdm import tqdm

from alerts.intake import Intake
from dashboards.commands.operator import OPERATOR, SQL, as_owner, here, owner_database
from devices import inbox
from devices import quarantine as rows
from devices.decode import decode
from devices.quarantine import Row
from devices.reading import Invalidation, Reading, Rejected
from devices.registry import attribute, load
from dho import clock
from dho.db import Database, Tx
from dho.errors import NotFound

ALL_WAITING = 1_000_000


@click.group()
def quarantine() -> None:
    """Messages that could not be understood: their bytes and the reason, until they are replayed."""


@quarantine.command("list")
@click.option("--reason", help="Only this reason code.")
@click.option("--gateway", help="Only from this gateway.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_quarantine(reason: str | None, gateway: str | None, limit: int, as_json: bool) -> None:
    """What waits, newest first."""
    with as_owner(here(), "list quarantine") as tx:
        found = rows.waiting(tx, reason=reason, gateway=gateway, limit=limit)
        counts = rows.by_reason(tx)
    if as_json:
        click.echo(json.dumps([_told(row) for row in found], ensure_ascii=False))
        return
    for row in found:
        click.echo(f"{row.id}  {row.received_at.isoformat(timespec='seconds')}  {row.reason:<18} {row.topic} ({len(row.payload)} bytes)")
    total = sum(count for _, count, _ in counts)
    click.echo(f"{total} wait{'s' if total == 1 else ''}: {', '.join(f'{count} {reason}' for reason, count, _ in counts) or 'nothing'}.")


@quarantine.command("show")
@click.argument("ids", metavar="ID...", type=click.UUID, nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_quarantine(ids: tuple[UUID, ...], as_json: bool) -> None:
    """Everything about these rows, with their bytes."""
    with as_owner(here(), "show quarantine") as tx:
        found = _found(tx, ids)
    if as_json:
        click.echo(json.dumps([_told(row) for row in found], ensure_ascii=False))
        return
    for row in found:
        for name, value in _told(row).items():
            click.echo(f"{name:<14} {value}")
        click.echo()


@quarantine.command("replay")
@click.argument("ids", metavar="[ID]...", type=click.UUID, nargs=-1)
@click.option("--reason", help="Everything that waits for this reason.")
@click.option("--all", "everything", is_flag=True, help="Everything that waits.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def replay_quarantine(ids: tuple[UUID, ...], reason: str | None, everything: bool, as_json: bool) -> None:
    """Try these again, with the time at which they first came. What would still be refused waits on, untouched."""
    if sum((bool(ids), reason is not None, everything)) != 1:
        raise click.UsageError("Name IDs, or --reason, or --all")
    settings = here()
    outcome: dict[UUID, str] = {}
    with owner_database(settings) as database:
        with database.transaction(OPERATOR, "replay quarantine", clock.now()) as tx:
            chosen = _found(tx, ids) if ids else list(reversed(rows.waiting(tx, reason=reason, limit=ALL_WAITING)))
            simulation = bool(tx.row(SQL["installation"]).simulation)
        intake = Intake(database, "replay", simulation=simulation)
        for row in tqdm(chosen, desc="replayed", unit="", disable=None, file=sys.stderr):
            outcome[row.id] = _replay(database, intake, row, simulation)
    if as_json:
        click.echo(json.dumps({str(row): what for row, what in outcome.items()}))
        return
    counts = Counter(outcome.values())
    click.echo(f"{len(outcome)} replayed: {', '.join(f'{count} {what}' for what, count in sorted(counts.items())) or 'nothing'}.")


def _replay(database: Database, intake: Intake, row: Row, simulation: bool) -> str:
    """`stored`, `duplicate`, or the reason why not. A row that was replayed before is not sent again."""
    if row.replayed_at is not None:
        return str(row.replay_result)
    message = rows.message(row)
    now = clock.now()
    with database.transaction(OPERATOR, "replay quarantine", now) as tx:
        still = _still_refused(tx, row, simulation)
        if still is not None:
            rows.settle(tx, [(row.id, still)], now)
            return still
    receipts = intake.take([message], now)
    result = "stored" if not receipts else receipts[0].reason or receipts[0].status
    with database.transaction(OPERATOR, "replay quarantine", now) as tx:
        rows.settle(tx, [(row.id, result)], now)
    return result


def _still_refused(tx: Tx, row: Row, simulation: bool) -> str | None:
    """The reason for which the front door would refuse it once more, so that one refusal stays one row."""
    elements = decode(rows.message(row))
    element = elements[0]
    what = element.what
    if isinstance(what, Rejected):
        return what.reason
    if not isinstance(what, Reading | Invalidation):
        return None
    book = load(tx, {element.gateway}, {element.device} if element.device else set())
    patient = attribute(book, element, simulation=simulation)
    if isinstance(patient, Rejected):
        return patient.reason
    stored = inbox.known(tx, [(patient, what.uplink)]).get((patient, what.uplink))
    return "id_conflict" if stored is not None and stored != what.digest else None


def _found(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    found = rows.show(tx, ids)
    missing = set(ids) - {row.id for row in found}
    if missing:
        raise NotFound(f"There is no quarantined message {sorted(map(str, missing))[0]}.")
    return found


def _told(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = {name: str(value) for name, value in row._asdict().items() if value is not None and name != "payload"}
    told |= {"counted": row.counted, "received_at": row.received_at.isoformat()}
    if row.position is not None:
        told["position"] = row.position
    return told | readable(row.payload)


def readable(payload: bytes) -> dict[str, str]:
    """Bytes as text where they are text, as hexadecimal digits otherwise."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return {"payload_hex": payload.hex()}
    return (
        {"payload": text}
        if text.isprintable() or text.replace("\n", "").replace("\t", "").isprintable()
        else {"payload_hex": payload.hex()}
    )
