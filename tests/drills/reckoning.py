"""The reckoning after a drill: what was sent, against what is stored, counted, answered and alerted. Exact, and told by `dho trace`."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from dho import clock
from dho.db import WATCH, Database
from tests.cast import SECRET_KEY
from tests.drills.fleet import Fleet
from tests.drills.homes import RED, Measurement

MOST_TRACED = 2
MOST_NAMED = 5
COUNTED = """SELECT name, sum(value) AS value, NULL AS id FROM ingest_counter GROUP BY name
    UNION ALL SELECT NULL, NULL, convert_from(payload, 'UTF8')::json ->> 'id' FROM quarantine WHERE counted"""


@dataclass(slots=True)
class Account:
    """Everything that was sent into one database, and every receipt that came back."""

    url: str
    sent: list[Measurement] = field(default_factory=list)
    told: dict[str, list[str]] = field(default_factory=dict)

    def hand_over(self, fleet: Fleet, measurements: Sequence[Measurement]) -> None:
        """Into the outboxes, in the order given."""
        self.sent += measurements
        by_gateway: dict[str, list[tuple[str, bytes]]] = {}
        for one in measurements:
            by_gateway.setdefault(one.home.gateway, []).append(one.kept)
        for gateway, kept in by_gateway.items():
            fleet.put(gateway, kept)

    def hear(self, fleet: Fleet) -> None:
        """Take down the receipts that a fleet was given."""
        for id_, statuses in fleet.receipts.items():
            self.told.setdefault(id_, []).extend(statuses)

    def settle(self) -> dict[str, int]:
        """Compare everything exactly; the counters, and how many receipts came. AssertionError, with traces, for any difference."""
        database = Database(self.url, "owner", size=1)
        try:
            with database.transaction(WATCH, "drill", clock.now()) as tx:
                faults, counted = self._stored(tx), self._counted(tx)
                faults += counted[0] + self._alerted(tx) + _journal(tx)
        finally:
            database.close()
        faults += self._answered()
        assert not faults, "\n".join(["", *(fault.told for fault in faults), *traces(self.url, faults)])
        return counted[1] | {"receipts": sum(len(told) for told in self.told.values())}

    def _stored(self, tx: Any) -> list["Fault"]:
        good = {(one.home.patient, one.id) for one in self.sent if not one.reason}
        rows = Counter((row.patient, row.uplink) for row in tx.rows("SELECT patient, uplink FROM inbox"))
        expected = Counter(
            (one.home.patient, one.id, place, code, float(value))
            for one in {m.id: m for m in self.sent if not m.reason}.values()
            for place, (code, value, _) in enumerate(one.values)
        )
        statement = "SELECT patient, uplink, position, code, value::float8 AS value FROM observation"
        observed = Counter(tuple(row) for row in tx.rows(statement))
        return [
            *_faults("acknowledged, then lost", [key[1] for key in good - rows.keys()]),
            *_faults("stored, but nobody sent it", [key[1] for key in rows.keys() - good]),
            *_faults("values that are not there", [key[1] for key in (expected - observed)]),
            *_faults("values twice, or other ones", [key[1] for key in (observed - expected)]),
        ]

    def _counted(self, tx: Any) -> tuple[list["Fault"], dict[str, int]]:
        found = tx.rows(COUNTED)  # one statement, one snapshot: repetitions may still be coming in
        totals = Counter({row.name: int(row.value) for row in found if row.name})
        quarantined = [UUID(row.id) for row in found if row.id]
        good, bad = ({m.id for m in self.sent if bool(m.reason) is is_bad} for is_bad in (False, True))
        faults = _faults("refused for nothing", [id_ for id_ in quarantined if id_ not in bad])
        faults += _faults("refused without a trace", bad - set(quarantined))
        if totals["received"] != totals["stored"] + totals["duplicate"] + totals["quarantined"]:
            faults.append(Fault(f"not conserved: {dict(totals)}", []))
        if (totals["stored"], totals["quarantined"]) != (len(good), len(quarantined)):
            faults.append(Fault(f"counted {dict(totals)}, but {len(good)} were to be stored and {len(quarantined)} are in quarantine", []))
        return faults, dict(totals)

    def _answered(self) -> list["Fault"]:
        told = {UUID(id_): set(statuses) for id_, statuses in self.told.items()}
        good, bad = ({m.id for m in self.sent if bool(m.reason) is is_bad} for is_bad in (False, True))
        return [
            *_faults("never answered", (good | bad) - told.keys()),
            *_faults("stored, but told otherwise", [id_ for id_ in good & told.keys() if not told[id_] <= {"stored", "duplicate"}]),
            *_faults("refused, but told otherwise", [id_ for id_ in bad & told.keys() if told[id_] != {"rejected"}]),
        ]

    def _alerted(self, tx: Any) -> list["Fault"]:
        """One open red alert a patient with a red saturation, no more breaches than readings, and none for anybody else."""
        reds: dict[UUID, set[UUID]] = {}
        for one in self.sent:
            if not one.reason and ("59408-5", RED) in {value[:2] for value in one.values}:
                reds.setdefault(one.home.patient, set()).add(one.id)
        alerts = tx.rows("SELECT patient, breaches FROM alert WHERE zone = 'red' AND supported AND state <> 'pending_confirm'")
        count = Counter(row.patient for row in alerts)
        return [
            *_faults("red without an alert", [min(reds[patient]) for patient in reds.keys() - count.keys()]),
            *_faults("an alert for nothing", [], list(count.keys() - reds.keys())),
            *_faults("two alerts for one thing", [min(reds[patient]) for patient, n in count.items() if n > 1 and patient in reds]),
            *_faults("one reading counted twice", [min(reds[r.patient]) for r in alerts if r.breaches > len(reds.get(r.patient, ()))]),
        ]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that is not as it must be, and the measurements it shows in."""

    told: str
    ids: Sequence[UUID]


def _faults(what: str, ids: Iterable[UUID], others: Iterable[UUID] = ()) -> list[Fault]:
    found, named = sorted(ids), sorted(others)
    if not found and not named:
        return []
    shown = ", ".join(str(id_) for id_ in [*found, *named][:MOST_NAMED])
    return [Fault(f"{what}: {len(found) + len(named)}, such as {shown}", found)]


def _journal(tx: Any) -> list[Fault]:
    """Every alert has versions 1, 2, 3 … that end in its row and was raised once; the feed counts without gaps."""
    faults = []
    statement = """SELECT a.id FROM alert a JOIN alert_event e ON e.alert = a.id GROUP BY a.id, a.version
        HAVING max(e.version) <> a.version OR count(*) <> a.version OR count(*) FILTER (WHERE e.type = 'alert.raised') > 1"""
    broken = [row.id for row in tx.rows(statement)]
    faults += _faults("a journal with gaps or repetitions", [], broken)
    feed = tx.row("SELECT count(*) AS events, coalesce(max(seq), 0) AS newest, (SELECT seq FROM feed_head) AS head FROM feed_event")
    if not feed.events == feed.newest == feed.head:
        faults.append(Fault(f"the feed has gaps: {feed.events} events, newest {feed.newest}, head {feed.head}", []))
    return faults


def traces(url: str, faults: Iterable[Fault]) -> list[str]:
    """What `dho trace` tells about the first measurements of each fault."""
    ids = list(dict.fromkeys(id_ for fault in faults for id_ in fault.ids[:1]))[:MOST_TRACED]
    return [trace(url, id_) for id_ in ids]


def trace(url: str, identity: UUID) -> str:
    """`dho trace ID`, as an operator would run it."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("DHO_")}
    settings |= {"DHO_DATABASE_URL": url, "DHO_SECRET_KEY": SECRET_KEY}
    done = subprocess.run(
        [sys.executable, "-m", "dho", "trace", str(identity)], env=settings, capture_output=True, text=True, check=False, timeout=60
    )
    return f"$ dho trace {identity}\n{done.stdout}{done.stderr}"
