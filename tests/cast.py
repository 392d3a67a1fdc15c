"""The cast of every story: Ada and Bjørn (nurses at the patient's centre), Cecilie (nurse elsewhere, must never see), Dag (hospital
specialist), Eva (the patient), and her tablet.

`cast(url, now)` writes them into a migrated, empty database and returns who they are. A test adds only what it is about.
"""

import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from dashboards.commands.enrolment import Enrolment, enrol
from devices.message import Message
from dho.db import WATCH, Database, Tx
from dho.people import CareRelation, Centre, Device, Membership, Organisation, Person, since

SECRET_KEY = "a-key-for-tests-only-" + "0" * 32
SECRET = "a-tablets-own-secret-123"
WEEKDAYS = {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")}
FEVER = {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": 38.0, "unit": "Cel", "zone": "red", "no_confirm": True}
LOW_SPO2 = {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"}
LOWISH_SPO2 = {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow"}
ZONES = [
    {"level": "green", "condition": "Som vanlig", "action": "Fortsett som før."},
    {"level": "yellow", "condition": "Dårligere enn vanlig", "action": "Hvil, og mål på nytt i kveld."},
    {"level": "red", "condition": "Mye dårligere", "action": "Ring oppfølgingssenteret nå."},
]
_number = count(1)


def plan(*rules: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A plan with these rules; low oxygen saturation (yellow, red) and fever if none are given."""
    return {"title": "KOLS", "rules": list(rules or (LOWISH_SPO2, LOW_SPO2, FEVER)), "zones": ZONES, **parts}


@dataclass(slots=True)
class Cast:
    """Who they are. `centre` is open round the clock unless the test says otherwise."""

    url: str
    now: datetime
    municipality: UUID = field(default_factory=uuid4)
    hospital: UUID = field(default_factory=uuid4)
    centre: UUID = field(default_factory=uuid4)
    other_centre: UUID = field(default_factory=uuid4)
    ada: UUID = field(default_factory=uuid4)
    bjorn: UUID = field(default_factory=uuid4)
    cecilie: UUID = field(default_factory=uuid4)
    dag: UUID = field(default_factory=uuid4)
    eva: UUID = field(default_factory=uuid4)
    tablet: str = ""

    def patient(
        self, document: Mapping[str, Any] | None, *, centre: UUID | None = None, plan_from: datetime | None = None
    ) -> tuple[UUID, str]:
        """One more patient with a tablet of their own: (patient, gateway id)."""
        patient, gateway = uuid4(), f"tablet-{next(_number)}-{uuid4().hex[:6]}"
        documents = {"plan": json.dumps(document)} if document else {}
        one = Enrolment(
            patient,
            centre or self.centre,
            "Fiktiv Pasient",
            gateway,
            hmac.digest(SECRET_KEY.encode(), SECRET.encode(), "sha256"),
            "plan" if document else None,
        )
        with Database(self.url, "owner", size=1).transaction(WATCH, "cast", self.now) as tx:
            enrol(
                tx,
                [one],
                documents,
                since=self.now - timedelta(days=365),
                plan_from=plan_from or self.now - timedelta(days=365),
                judge_at=self.now,
            )
        return patient, gateway

    def device(self, serial: str, patient: UUID, start: datetime, end: datetime | None = None) -> None:
        """Lend a registered device to a patient for a time."""
        with Database(self.url, "owner", size=1).transaction(WATCH, "cast", self.now) as tx:
            if tx.records.get(Device, serial) is None:
                tx.records.add(Device(id=serial, kind="oximeter", centre=self.centre))
                tx.records.flush()
            tx.execute(
                "INSERT INTO assignment (id, patient, device, during) VALUES (%s, %s, %s, tstzrange(%s, %s))",
                (uuid4(), patient, serial, start, end),
            )


def cast(url: str, now: datetime, document: Mapping[str, Any] | None = None, *, opening_hours: Mapping[str, Any] | None = None) -> Cast:
    """Ada, Bjørn, Cecilie, Dag and Eva, who has `document` as her active plan (the default plan if None)."""
    who = Cast(url, now)
    with Database(url, "owner", size=1).transaction(WATCH, "cast", now) as tx:
        _organisations(tx, who, opening_hours)
        _staff(tx, who)
    who.eva, who.tablet = who.patient(document or plan())
    with Database(url, "owner", size=1).transaction(WATCH, "cast", now) as tx:
        tx.records.add(CareRelation(patient=who.eva, person=who.dag, role="hospital_specialist", during=since(now - timedelta(days=30))))
    return who


def _organisations(tx: Tx, who: Cast, opening_hours: Mapping[str, Any] | None) -> None:
    tx.records.add(Organisation(id=who.municipality, kind="municipality", name="Fjordvik kommune"))
    tx.records.add(Organisation(id=who.hospital, kind="hospital", name="Fjordvik sjukehus"))
    tx.records.flush()
    for centre, name in ((who.centre, "Oppfølgingssenteret"), (who.other_centre, "Et annet senter")):
        tx.records.add(
            Centre(
                id=centre,
                organisation=who.municipality,
                name=f"{name} {centre.hex[:4]}",
                timezone="Europe/Oslo",
                always_open=opening_hours is None,
                opening_hours=dict(opening_hours or {}),
            )
        )
    tx.records.flush()


def _staff(tx: Tx, who: Cast) -> None:
    started = since(who.now - timedelta(days=365))
    people = ((who.ada, "Ada"), (who.bjorn, "Bjørn"), (who.cecilie, "Cecilie"), (who.dag, "Dag"))
    for person, name in people:
        tx.records.add(Person(id=person, user_name=f"{name.lower()}-{person.hex[:6]}", name=name))
    tx.records.flush()
    for person, centre in ((who.ada, who.centre), (who.bjorn, who.centre), (who.cecilie, who.other_centre)):
        tx.records.add(Membership(person=person, role="follow_up_nurse", centre=centre, during=started))
    tx.records.add(Membership(person=who.dag, role="hospital_specialist", organisation=who.hospital, during=started))


def measured(
    gateway: str,
    taken_at: datetime,
    *values: tuple[str, float, str],
    id: UUID | None = None,
    received_at: datetime | None = None,
    **members: Any,
) -> Message:
    """A message as the listener hands it over: `measured(tablet, at, ("spo2", 85, "%"))`."""
    body = {
        "id": str(id or uuid4()),
        "taken_at": taken_at.isoformat(),
        "source": "device",
        "values": [{"code": code, "value": value, "unit": unit} for code, value, unit in values],
        **members,
    }
    return raw(gateway, json.dumps(body).encode(), received_at or taken_at)


def raw(gateway: str, payload: bytes, received_at: datetime, leaf: str = "measurements") -> Message:
    """Any bytes on one of a gateway's topics."""
    return Message(f"dho/v1/{gateway}/{leaf}", payload, gateway, leaf, 1, False, received_at, 1, 1)


def answers(receipts: Sequence[Any]) -> list[dict[str, Any]]:
    """Receipts as their readers see them."""
    return [json.loads(receipt.body) for receipt in receipts]
