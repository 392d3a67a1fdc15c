"""What `dho doctor` looks at: one function an examination, each with findings that a tired person understands at night."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dashboards.commands.operator import SQL
from devices.counters import totals
from dho import clock
from dho.db import Tx
from dho.migrate import pending
from dho.settings import SHORTEST_SECRET, Settings

GROUNDS = {
    "timescaledb-community": "TimescaleDB, Community licence (hypertable, columnstore, policies)",
    "timescaledb-apache": "TimescaleDB, Apache-2 licence (hypertable)",
    "postgresql": "plain PostgreSQL (ordinary tables)",
}
CLOCK_WARN, CLOCK_BAD = timedelta(seconds=1), timedelta(seconds=30)
LATE_DEADLINE, LATE_OUTBOX = timedelta(seconds=30), timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: ok, worth a look (`warn`), or bad, and the sentence."""

    what: str
    state: Literal["ok", "warn", "bad"]
    said: str


def examine_ground(tx: Tx, now: datetime) -> list[Finding]:
    """Which server and edition, and whether the schema is up to date."""
    version = tx.raw.info.server_version
    said = f"PostgreSQL {version // 10000}.{version % 10000} answers"
    behind = pending(tx.raw)
    if behind:
        return [
            Finding("database", "ok", f"{said}."),
            Finding("schema", "bad", f"{len(behind)} migrations are pending, {behind[0]} first: run `dho migrate`."),
        ]
    row = tx.row(SQL["installation"])
    findings = [Finding("database", "ok", f"{said}: {GROUNDS[row.ground]}."), Finding("schema", "ok", "It is up to date.")]
    if row.ground.startswith("timescaledb"):
        extension = tx.row(SQL["timescaledb"])
        state: Literal["ok", "bad"] = "ok" if extension.version else "bad"
        present = f"timescaledb {extension.version}, licence {extension.licence}." if extension.version else ""
        findings.append(Finding("extension", state, present or "timescaledb is gone, but the schema was made with it."))
    if row.simulation or row.is_test:
        kind = "demo database: the simulator's arrival times count" if row.simulation else "test database: a test clock is accepted"
        findings.append(Finding("purpose", "warn", f"This is a {kind}; never use it for real patients."))
    return findings


def examine_clock(tx: Tx, now: datetime) -> list[Finding]:
    """The difference between this machine's clock and the database server's; deadlines are judged by the former."""
    off = tx.row(SQL["server_clock"]).at - clock.now()
    size = abs(off)
    said = f"{off.total_seconds():+.3f} s from the database server's."
    return [Finding("clock", "bad" if size > CLOCK_BAD else "warn" if size > CLOCK_WARN else "ok", said)]


def examine_work(tx: Tx, now: datetime) -> list[Finding]:
    """Whether `watch` keeps up: deadlines past due and what waits to be sent."""
    row = tx.row(SQL["work_waiting"], {"now": now})
    late = now - row.oldest_deadline if row.oldest_deadline else timedelta(0)
    bad = late > LATE_DEADLINE
    said = f"{row.deadlines} patients past their deadline" + (f", the oldest for {_span(late)}: is `dho watch` running?" if bad else ".")
    findings = [Finding("watch", "bad" if bad else "ok", said)]
    waits = now - row.oldest_outbox if row.oldest_outbox else timedelta(0)
    said = f"{row.outbox} messages wait to be sent" + (f", the oldest for {_span(waits)}." if row.outbox else ".")
    return [*findings, Finding("outbox", "warn" if waits > LATE_OUTBOX else "ok", said)]


def examine_intake(tx: Tx, now: datetime) -> list[Finding]:
    """When gateways were last heard, whether the conservation sum holds, and what waits in quarantine."""
    heard = tx.row(SQL["last_heard"])
    said = f"Last heard a gateway {_span(now - heard.at)} ago" if heard.at else "No gateway has been heard yet"
    findings = [Finding("gateways", "ok", f"{said}; {heard.registered} are registered.")]
    sums = totals(tx)
    count = {
        name: sum(value for (of, _), value in sums.items() if of == name) for name in ("received", "stored", "duplicate", "quarantined")
    }
    whole = count["received"] == count["stored"] + count["duplicate"] + count["quarantined"]
    told = f"{count['received']} received = {count['stored']} stored + {count['duplicate']} duplicates + {count['quarantined']} quarantined"
    findings.append(Finding("conservation", "ok" if whole else "bad", f"{told}{'' if whole else ': THE SUM DOES NOT HOLD'}."))
    waiting = tx.row(SQL["quarantine_waiting"])
    return [*findings, Finding("quarantine", "warn" if waiting.count else "ok", f"{waiting.count} messages wait (`dho quarantine list`).")]


DATABASE_CHECKS: tuple[Callable[[Tx, datetime], list[Finding]], ...] = (examine_ground, examine_clock, examine_work, examine_intake)


def examine_secret(settings: Settings) -> Finding:
    """Whether the server key is there and long enough."""
    if not settings.secret_key:
        return Finding("secret", "warn", "DHO_SECRET_KEY is not set for this command; ingest and serve need it.")
    if len(settings.secret_key) < SHORTEST_SECRET or len(set(settings.secret_key)) < 8:
        return Finding("secret", "bad", f"DHO_SECRET_KEY is weak: give it {SHORTEST_SECRET} random characters or more.")
    return Finding("secret", "ok", "DHO_SECRET_KEY is long enough.")


def _span(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name}"
    return f"{max(0, seconds)} s"
