"""The role `dho watch`: APScheduler is only the clock that asks "what is past due?"; no timer in memory ever holds a patient."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from alerts.deadlines import tick, tidy
from alerts.judging import Judge
from alerts.outbox import send_waiting
from devices.publisher import Publisher
from dho import clock
from dho.db import Database, TransientDatabaseError
from dho.log import Log
from dho.settings import Settings

log = Log(__name__)
TICK = timedelta(seconds=1)


def run(settings: Settings, stop: threading.Event) -> None:
    """The role `dho watch`, until `stop` is set."""
    database = Database(settings.database_url, "watch")
    publisher = Publisher(settings, "dho-watch")
    judge = Judge()
    scheduler = BackgroundScheduler(timezone="UTC")
    jobs: list[tuple[str, timedelta, Callable[[], Any]]] = [
        ("deadlines", TICK, lambda: tick(database, judge, clock.now())),
        ("outbox", TICK, lambda: send_waiting(database, publisher, clock.now())),
        ("tidy", timedelta(hours=1), lambda: tidy(database, clock.now())),
    ]
    for name, every, work in jobs:
        scheduler.add_job(
            _guarded(name, work),
            "interval",
            seconds=every.total_seconds(),
            id=name,
            coalesce=True,
            misfire_grace_time=None,
            max_instances=1,
        )
    scheduler.start()
    log.info("ready")
    try:
        stop.wait()
    finally:
        scheduler.shutdown(wait=True)
        publisher.close()
        database.close()


def _guarded(name: str, work: Callable[[], Any]) -> Callable[[], None]:
    """One failed tick must not end the watch: the rows stay past due and the next tick finds them."""

    def once() -> None:
        try:
            work()
        except TransientDatabaseError:
            log.warning("the database is away", what=name)
        except Exception:
            log.error("a tick failed", what=name)

    return once
