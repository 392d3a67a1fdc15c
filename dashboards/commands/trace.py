"""`dho trace ID`: one measurement's whole truth, in a terminal or as JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

import click
import msgspec

from dashboards.commands.operator import as_owner, here
from dashboards.commands.tracing import trace as gather

_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=str)


@click.command()
@click.argument("identity", metavar="ID", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list, because several patients may have the same id.")
def trace(identity: UUID, as_json: bool) -> None:
    """One measurement's whole truth: bytes, receipt, values, plan, verdict, alerts, frames, and who looked, all with times.

    ID is the one that the sender gave it, or a quarantined message's. The look is written to the patient's access log.
    """
    with as_owner(here(), "trace") as tx:
        found = gather(tx, identity)
    if as_json:
        click.echo(_ENCODER.encode(found).decode())
        return
    for told in found:
        _write(told, 0)
        click.echo()


def _write(told: dict[str, Any], depth: int) -> None:
    """Nested names and values, indented; empty lists say so, because nothing having happened is part of the truth."""
    indent = "  " * depth
    for name, value in told.items():
        if isinstance(value, dict):
            click.echo(f"{indent}{name}")
            _write(value, depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for number, part in enumerate(value, 1):
                click.echo(f"{indent}{name} {number} of {len(value)}")
                _write(part, depth + 1)
        else:
            shown = value.isoformat() if isinstance(value, datetime) else "none" if value in (None, []) else value
            click.echo(f"{indent}{name:<14} {shown}")
