"""`dho ingest`, `dho watch`, `dho serve`, one role of the service each, and `dho migrate`."""

import gc
import signal
import threading
from types import FrameType

import click

from dho import log as logs
from dho.settings import Settings, load


def until_told_to_stop() -> threading.Event:
    """An event that SIGTERM, Ctrl-C and a closed terminal set: the role finishes the batch in hand and leaves with status 0."""
    stop = threading.Event()

    def tell(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    for asking in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(asking, tell)
    return stop


@click.command()
@click.option("--mark-test", is_flag=True, help="Mark a new database as a test database, so that a test clock is accepted.")
def migrate(mark_test: bool) -> None:
    """Bring the database schema up to date.

    Safe to run at any time and from several hosts at once. Uses DHO_DATABASE_MIGRATE_URL, else DHO_DATABASE_URL.
    """
    from dho.migrate import migrate as bring_up_to_date

    settings = load()
    if not settings.owner_url:
        settings.require("database_url")
    ground = bring_up_to_date(settings.owner_url, test_database=mark_test)
    click.echo(f"The schema is up to date, on {ground}.")


@click.command()
@click.option("--worker", type=click.IntRange(0), default=0, show_default=True, help="This worker's number, from 0; each its own.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="How many workers share the load.")
def ingest(worker: int, workers: int) -> None:
    """Take what gateways send: store, judge, acknowledge, answer. Ends cleanly at SIGTERM."""
    from alerts.intake import Intake
    from dashboards.commands.operator import SQL
    from devices.listener import Listener
    from dho import clock
    from dho.db import INGEST, Database

    if worker >= workers:
        raise click.UsageError(f"--worker {worker} needs --workers {worker + 1} or more")
    settings = _role("database_url", "mqtt_url", "secret_key")
    stop = until_told_to_stop()
    database = Database(settings.database_url, "ingest", size=2)
    with database.transaction(INGEST, "start", clock.now()) as tx:
        simulation = bool(tx.row(SQL["installation"]).simulation)
    intake = Intake(database, f"ingest-{worker}", simulation=simulation)
    # A batch makes thousands of short-lived values beside thousands of compiled plans that stay: Python's defaults would look through
    # all of them several times a batch for cycles, of which there are hardly any.
    gc.set_threshold(20_000, 20, 50)
    gc.freeze()
    try:
        Listener(settings, worker=worker, workers=workers, take=lambda messages: intake.take(messages, clock.now())).run(stop)
    finally:
        database.close()


@click.command()
def watch() -> None:
    """Do what time alone brings: missed measurements, escalation, what waits to be sent. Any number may run. Ends cleanly at SIGTERM."""
    from alerts.watch import run

    settings = _role("database_url", "mqtt_url", "secret_key")
    run(settings, until_told_to_stop())


@click.command()
@click.option("--only", type=click.Choice(["patient", "staff", "ops"]), help="Serve one network zone alone; metrics are on ops.")
def serve(only: str | None) -> None:
    """Serve pages, the API and the live feed on DHO_HTTP_HOST and DHO_HTTP_PORT. Ends cleanly at SIGTERM."""
    from dashboards.app import serve as serve_app

    serve_app(_role("database_url", "secret_key"), only)  # type: ignore[arg-type]


def _role(*needed: str) -> Settings:
    """The settings of a role, and its log on standard error."""
    settings = load().require(*needed)
    logs.configure(settings.log_level)
    return settings
