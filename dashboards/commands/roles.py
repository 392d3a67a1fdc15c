"""`dho ingest`, `dho watch`, `dho serve`, one role of the service each, and `dho migrate`."""

import signal
import threading
from types import FrameType

import click

from dho.settings import load

READY_LINE = "ready"


def _until_told_to_stop() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set: the role finishes the batch in hand and leaves with status 0."""
    stop = threading.Event()

    def tell(signal_number: int, frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
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
