"""How an operator's command reaches the installation: the configured one, or the demo that runs in the data directory."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dho import clock
from dho.db import Actor, Database, Tx
from dho.settings import Settings, load
from dho.sql import queries

SQL = queries("dashboards/commands")
OPERATOR = Actor("person")
DEMO_FILE = "demo.json"
SECRETS_FILE = "secrets.json"


def here() -> Settings:
    """The settings; where no database is configured and a demo runs from this data directory, those of the demo."""
    settings = load()
    facts = settings.data_dir / DEMO_FILE
    if settings.database_url or not facts.exists():
        return settings
    demo, secrets = _read(facts), _read(settings.data_dir / SECRETS_FILE)
    return settings.model_copy(
        update={
            "database_url": demo["database"]["url"],
            "mqtt_url": secrets["mqtt_url"],
            "secret_key": secrets["secret_key"],
            "public_url": demo["http"]["url"],
        }
    )


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@contextmanager
def owner_database(settings: Settings) -> Iterator[Database]:
    """The database as its owner, for one command."""
    if not settings.owner_url:
        settings.require("database_url")
    database = Database(settings.owner_url, "owner", size=1)
    try:
        yield database
    finally:
        database.close()


@contextmanager
def as_owner(settings: Settings, purpose: str) -> Iterator[Tx]:
    """One transaction as the owner, at the present instant."""
    with owner_database(settings) as database, database.transaction(OPERATOR, purpose, clock.now()) as tx:
        yield tx
