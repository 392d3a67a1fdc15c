"""`dho up`: the three roles against configured services, in one supervised process group."""

import json
import os
from urllib.parse import urlsplit

import click

from dashboards.commands.operator import DEMO_FILE, SQL
from dashboards.commands.roles import until_told_to_stop
from dashboards.commands.supervision import Child, Supervisor
from dho import clock
from dho import log as logs
from dho.db import Actor, Database
from dho.errors import SettingsError
from dho.settings import Settings, load


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many ingest workers.")
def up(workers: int) -> None:
    """Run ingest, watch and serve against the configured database and broker, and start again whichever dies.

    Everything ends with this command. It refuses the demo's database and broker, which are not made to be relied on.
    """
    settings = load().require("database_url", "mqtt_url", "secret_key")
    logs.configure(settings.log_level)
    refuse_demo(settings)
    children = [Child(f"ingest-{n}", ["ingest", "--worker", str(n), "--workers", str(workers)]) for n in range(workers)]
    supervisor = Supervisor([*children, Child("watch", ["watch"]), Child("serve", ["serve"])])
    stop = until_told_to_stop()
    try:
        supervisor.start()
        supervisor.run(stop)
    finally:
        supervisor.stop()


def refuse_demo(settings: Settings) -> None:
    """`SettingsError` if the settings lead to what `dho demo` runs, or if time is read from a test's clock on real data."""
    database = Database(settings.database_url, "watch", size=1)
    try:
        with database.transaction(Actor("watch"), "start", clock.now()) as tx:
            is_demo = bool(tx.row(SQL["installation"]).simulation)
    finally:
        database.close()
    if is_demo:
        raise SettingsError("DHO_DATABASE_URL leads to a demo's database: `dho up` runs against configured services only.")
    if _is_embedded(settings):
        raise SettingsError("DHO_MQTT_URL leads to the demo's embedded broker, which has no access list: configure a real one.")


def _is_embedded(settings: Settings) -> bool:
    """Whether a demo runs here whose broker has that port."""
    facts = settings.data_dir / DEMO_FILE
    if not facts.exists() or not os.access(facts, os.R_OK):
        return False
    mqtt = json.loads(facts.read_text(encoding="utf-8"))["mqtt"]
    url = urlsplit(settings.mqtt_url)
    return url.hostname in ("127.0.0.1", "localhost", "::1") and url.port in (mqtt["port"], mqtt["port_v5"])
