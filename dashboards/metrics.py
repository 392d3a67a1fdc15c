"""Figures for Prometheus, from the database: true at every instant, whichever process is asked."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from dashboards.house import House
from dho.db import Actor
from dho.sql import queries

SQL = queries("dashboards")
WHOLE = {"received": "Elements received.", "stored": "Elements stored.", "duplicate": "Elements that had been stored before."}
BY_REASON = {"quarantined": "Elements refused, each one row of the quarantine.", "ignored": "Messages that were nothing to take."}


def exposition(house: House, now: datetime) -> tuple[bytes, str]:
    """The text and its media type. received = stored + duplicate + quarantined in every one of them."""
    with house.database.transaction(Actor("person"), "metrics", now) as tx:
        counters = tx.rows(SQL["ingest_counters"])
        figures = tx.row(SQL["figures"], {"now": now})
        open_alerts = tx.rows(SQL["open_alert_counts"])
    registry = CollectorRegistry()
    registry.register(_Fixed([*_ingest(counters), *_standing(figures, open_alerts, len(house.feed.subscribers))]))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class _Fixed:
    """Metrics that were read already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _ingest(counters: list[Any]) -> Iterator[Metric]:
    for name, meaning in WHOLE.items():
        yield CounterMetricFamily(f"dho_ingest_{name}", meaning, sum(row.value for row in counters if row.name == name))
    for name, meaning in BY_REASON.items():
        family = CounterMetricFamily(f"dho_ingest_{name}", meaning, labels=["reason"])
        for row in counters:
            if row.name == name:
                family.add_metric([row.reason], row.value)
        yield family


def _standing(figures: Any, open_alerts: list[Any], connected: int) -> Iterator[Metric]:
    alerts = GaugeMetricFamily("dho_alerts_open", "Alerts that somebody still has to answer for.", labels=["zone", "state"])
    for row in open_alerts:
        alerts.add_metric([row.zone, row.state], row.count)
    yield alerts
    yield GaugeMetricFamily("dho_feed_head", "The last number of the live feed.", figures.head)
    yield GaugeMetricFamily("dho_feed_subscribers", "Connections to the live feed of this process.", connected)
    yield GaugeMetricFamily("dho_outbox_waiting", "Messages that wait to leave.", figures.outbox)
    yield GaugeMetricFamily("dho_outbox_oldest_seconds", "How long the oldest of them has been due.", figures.outbox_age)
    yield GaugeMetricFamily("dho_judgements_overdue", "Patients whom time alone should have changed by now.", figures.overdue)
    yield GaugeMetricFamily("dho_judgements_oldest_seconds", "How long the oldest of them has been due.", figures.overdue_age)
    yield GaugeMetricFamily("dho_gateways_silent", "Registered gateways that were not heard for a day.", figures.silent)
