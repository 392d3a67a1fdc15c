"""`dho doctor`: look at everything the service stands on, and say by the exit status whether somebody should come."""

import json
import sys
from datetime import datetime

import click

from dashboards.commands.broker_examination import examine_broker
from dashboards.commands.examinations import DATABASE_CHECKS, Finding, examine_secret
from dashboards.commands.operator import OPERATOR, here
from dho import clock
from dho.db import Database, TransientDatabaseError
from dho.errors import DhoError
from dho.settings import Settings

MARKS = {"ok": "ok  ", "warn": "look", "bad": "BAD "}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def doctor(as_json: bool) -> None:
    """Look at database, schema, broker, clock, queues and secrets. Exit status 1 if something is bad, 0 otherwise."""
    settings = here()
    found = examine(settings, clock.now())
    if as_json:
        click.echo(json.dumps([{"what": f.what, "state": f.state, "said": f.said} for f in found], ensure_ascii=False))
    else:
        for finding in found:
            click.echo(f"{MARKS[finding.state]}  {finding.what:<12} {finding.said}")
    if any(finding.state == "bad" for finding in found):
        sys.exit(1)


def examine(settings: Settings, now: datetime) -> list[Finding]:
    """Every examination, in order; one that fails does not keep the others from being made."""
    return [*_examine_database(settings, now), *examine_broker(settings), examine_secret(settings)]


def _examine_database(settings: Settings, now: datetime) -> list[Finding]:
    url = settings.database_url or settings.owner_url
    if not url:
        return [Finding("database", "bad", "DHO_DATABASE_URL is not set.")]
    found: list[Finding] = []
    try:
        database = Database(url, "owner", size=1)
    except DhoError as error:
        return [Finding("database", "bad", str(error))]
    try:
        for check in DATABASE_CHECKS:
            try:
                with database.transaction(OPERATOR, "doctor", now) as tx:
                    found += check(tx, now)
            except TransientDatabaseError:
                return [*found, Finding("database", "bad", "It cannot be reached.")]
            except Exception as error:
                found.append(Finding(check.__name__.removeprefix("examine_"), "warn", f"This log-in cannot look ({type(error).__name__})."))
    finally:
        database.close()
    return found
