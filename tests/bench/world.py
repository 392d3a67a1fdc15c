"""Who the load comes from: patients with a tablet and a lent oximeter each, one centre, a plan of six threshold rules and a schedule."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from dashboards.commands.enrolment import Enrolment, enrol
from dho.db import WATCH, Database, Tx
from dho.people import Centre, Membership, Organisation, Person, since
from tests.bench import limits
from tests.bench.ground import Ground
from tests.bench.load import APART, TABLET_SECRET, Tablet

OSLO = "Europe/Oslo"
FOLLOWED = timedelta(hours=4)


def plan(now: datetime) -> dict[str, Any]:
    """Seven rules, six of which look at every message; the scheduled measurement is due later than the benchmark lasts."""
    soon = (now + timedelta(hours=6)).astimezone(ZoneInfo(OSLO))
    return {
        "title": "KOLS",
        "background": {"spo2_scale": 1, "oxygen": False},
        "schedule": [
            {"id": "spo2-daily", "code": "59408-5", "times": [f"{soon:%H}:00"], "days": "daily", "early": "PT2H", "window": "PT3H",
             "grace": "PT1H", "required": True},
        ],
        "rules": [
            {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow",
             "persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}},
            {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"},
            {"id": "pulse-fast", "kind": "threshold", "code": "8867-4", "above": 110, "unit": "/min", "zone": "yellow"},
            {"id": "pulse-very-fast", "kind": "threshold", "code": "8867-4", "above": 130, "unit": "/min", "zone": "red"},
            {"id": "pulse-slow", "kind": "threshold", "code": "8867-4", "below": 50, "unit": "/min", "zone": "yellow"},
            {"id": "pulse-very-slow", "kind": "threshold", "code": "8867-4", "below": 40, "unit": "/min", "zone": "red"},
            {"id": "silent", "kind": "missing", "item": "spo2-daily", "zone": "not_reported"},
        ],
        "zones": [
            {"level": "green", "condition": "Som vanlig", "action": "Fortsett som før."},
            {"level": "yellow", "condition": "Dårligere enn vanlig", "action": "Hvil, og mål på nytt i kveld."},
            {"level": "red", "condition": "Mye dårligere", "action": "Ring oppfølgingssenteret nå."},
        ],
        "contacts": [{"who": "Oppfølgingssenteret", "phone": "+47 55 50 00 10", "when": "Alltid"}],
        "out_of_hours": "Ring 116117.",
    }  # fmt: skip


@dataclass(slots=True)
class World:
    """A database with its people. `read_until` is how far its tablets have measured: the next reading comes after it."""

    url: str
    tablets: list[Tablet]
    nurse: UUID
    read_until: datetime

    def next_readings(self, messages: int) -> datetime:
        """When the first of so many readings, the tablets in turn, is measured, so that none is older than one sent before."""
        since = self.read_until + APART
        self.read_until = since + (messages // len(self.tablets) + 1) * APART
        return since


def make(ground: Ground, patients: int) -> World:
    """A new database with its people; the limits' two tables stand in it too."""
    url, now = ground.new_database(), datetime.now(UTC)
    limits.make_tables(url)
    tablets, nurse = people(url, patients, now)
    return World(url, tablets, nurse, now - FOLLOWED + timedelta(minutes=5))


def people(url: str, count: int, now: datetime) -> tuple[list[Tablet], UUID]:
    """Write `count` patients with what belongs to them; their tablets, and a nurse of their centre."""
    centre, nurse, nobody_asks = uuid4(), uuid4(), bytes(32)
    tablets = [Tablet(f"tablet-{n:05d}", TABLET_SECRET, str(uuid4()), f"A4C138-{n:05d}") for n in range(count)]
    enrolments = [Enrolment(UUID(t.patient), centre, "Fiktiv Pasient", t.gateway, nobody_asks, "plan") for t in tablets]
    database = Database(url, "owner", size=1)
    with database.transaction(WATCH, "bench", now) as tx:
        _staff(tx, centre, nurse, now)
        documents = {"plan": json.dumps(plan(now), ensure_ascii=False)}
        enrol(tx, enrolments, documents, since=now - timedelta(days=1200), plan_from=now - FOLLOWED)
        _lend(tx, tablets, centre, now - timedelta(days=1200))
    with database.transaction(WATCH, "bench", now) as tx:
        tx.execute("ANALYZE")
    database.close()
    return tablets, nurse


def _staff(tx: Tx, centre: UUID, nurse: UUID, now: datetime) -> None:
    municipality = uuid4()
    tx.records.add(Organisation(id=municipality, kind="municipality", name="Fjordvik kommune"))
    tx.records.add(Person(id=nurse, user_name="ada", name="Ada"))
    tx.records.flush()
    tx.records.add(Centre(id=centre, organisation=municipality, name="Oppfølgingssenteret", timezone=OSLO, always_open=True))
    tx.records.flush()
    tx.records.add(Membership(person=nurse, role="follow_up_nurse", centre=centre, during=since(now - timedelta(days=365))))
    tx.records.flush()


def _lend(tx: Tx, tablets: list[Tablet], centre: UUID, start: datetime) -> None:
    devices, patients = [t.device for t in tablets], [t.patient for t in tablets]
    tx.execute("INSERT INTO device (id, kind, centre) SELECT unnest(%s::text[]), 'oximeter', %s", (devices, centre))
    tx.execute(
        "INSERT INTO assignment (id, patient, device, during) SELECT gen_random_uuid(), l.patient, l.device, tstzrange(%s, NULL)"
        " FROM unnest(%s::uuid[], %s::text[]) AS l (patient, device)",
        (start, patients, devices),
    )
