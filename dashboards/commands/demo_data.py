"""The demo's secrets and its contents: made once in a data directory, found again by the next `dho demo` there."""

import json
import os
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from dashboards.commands.demo_people import CENTRES, ORGANISATIONS, STAFF, WEEKDAYS, DemoCentre, DemoPatient, patients, related
from dashboards.commands.enrolment import Enrolment, enrol
from dashboards.commands.operator import OPERATOR, SQL
from dashboards.commands.plan_templates import checked_text, template
from dashboards.passwords import hash_password
from dashboards.sessions import hash_token
from devices import provisioning
from devices.simulated_days import profile
from devices.simulator import Simulator
from dho.db import Database, Tx
from dho.errors import DhoError
from dho.people import CareRelation, Centre, Membership, Organisation, Person, since
from dho.settings import new_secret

TIMEZONE = "Europe/Oslo"
A_YEAR = timedelta(days=365)
LIVE_PLAN = timedelta(days=4)
"""How long the plans of live tablets have been active: past the late horizon of 72 hours, and not so long that much is missed."""

EASY_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
TOKENS = {"nurse": "ada", "specialist": "dag", "gp": "gro", "admin": "admin"}


class SecretsLost(DhoError):
    """The data directory holds a demo's database without its secrets."""

    code = "secrets_lost"


@dataclass(slots=True)
class DemoSecrets:
    """Everything generated: the server key, passwords of people and of gateways, tokens by role, and the service's way to the broker."""

    secret_key: str
    logins: dict[str, str]
    tokens: dict[str, str]
    gateways: dict[str, str]
    mqtt_url: str = ""

    @classmethod
    def make(cls, count: int) -> "DemoSecrets":
        """New ones for a demo with `count` patients."""
        return cls(
            secret_key=new_secret(),
            logins={staff.user: "".join(secrets.choice(EASY_LETTERS) for _ in range(12)) for staff in STAFF},
            tokens={role: new_secret() for role in TOKENS},
            gateways={patient.gateway: provisioning.new_secret() for patient in patients(count)},
        )

    @classmethod
    def load(cls, path: Path) -> "DemoSecrets":
        """Those that `save` wrote. `SecretsLost` if they cannot be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise SecretsLost(f"{path} is missing or damaged: start anew with `dho demo --fresh`.") from None

    def save(self, path: Path) -> None:
        """Keep them, readable by us alone."""
        write_private(path, asdict(self))


def write_private(path: Path, told: Mapping[str, Any]) -> None:
    """Write JSON whole and at once, mode 0600."""
    growing = path.with_name(f".{path.name}.new")
    growing.unlink(missing_ok=True)
    handle = os.open(growing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(told, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    growing.replace(path)


def is_populated(database: Database, now: datetime) -> bool:
    """Whether a former `dho demo` has filled this database."""
    with database.transaction(OPERATOR, "demo", now) as tx:
        return bool(tx.rows(SQL["centres"]))


def populate(database: Database, kept: DemoSecrets, count: int, past: timedelta, now: datetime) -> None:
    """Two centres with their people, and `count` patients whose plans have been active for `past`. One transaction."""
    with ThreadPoolExecutor(2) as pool:
        hashes = dict(zip(kept.logins, pool.map(hash_password, kept.logins.values()), strict=True))
    with database.transaction(OPERATOR, "demo", now) as tx:
        places = _organisations(tx)
        people = _people(tx, hashes, places)
        for role, token in kept.tokens.items():
            params = {"hash": hash_token(kept.secret_key, token), "person": people[TOKENS[role]], "now": now, "expires_at": None}
            tx.execute(SQL["add_token"], params)
        _enrol(tx, kept, list(patients(count)), places, people, past)


def _organisations(tx: Tx) -> dict[str, UUID]:
    """Centres by key, other organisations by name."""
    places: dict[str, UUID] = {}
    for centre in CENTRES:
        municipality = Organisation(kind="municipality", name=centre.municipality, org_number=centre.org_number)
        tx.records.add(municipality)
        tx.records.flush()
        record = Centre(
            organisation=municipality.id,
            name=centre.name,
            timezone=TIMEZONE,
            phone=centre.phone,
            always_open=centre.hours is None,
            opening_hours={day: [list(centre.hours)] for day in WEEKDAYS} if centre.hours else {},
        )
        tx.records.add(record)
        places[centre.key] = record.id
    for name, kind, number in ORGANISATIONS:
        organisation = Organisation(kind=kind, name=name, org_number=number)
        tx.records.add(organisation)
        places[name] = organisation.id
    tx.records.flush()
    return places


def _people(tx: Tx, hashes: Mapping[str, str], places: Mapping[str, UUID]) -> dict[str, UUID]:
    people: dict[str, UUID] = {}
    keys = {centre.key for centre in CENTRES}
    for staff in STAFF:
        person = Person(user_name=staff.user, name=staff.name, password_hash=hashes[staff.user])
        tx.records.add(person)
        people[staff.user] = person.id
    tx.records.flush()
    for staff in STAFF:
        place = places[staff.place] if staff.place else None
        at_centre = staff.place in keys
        tx.records.add(
            Membership(
                person=people[staff.user],
                role=staff.role,
                centre=place if at_centre else None,
                organisation=None if at_centre else place,
                during=since(tx.now - A_YEAR),
            )
        )
    tx.records.flush()
    return people


def _enrol(
    tx: Tx, kept: DemoSecrets, cast: Sequence[DemoPatient], places: Mapping[str, UUID], people: Mapping[str, UUID], past: timedelta
) -> None:
    documents = {f"{p.condition} {c.key}": _plan(p.condition, c) for p in cast for c in CENTRES if c.key == p.centre}
    enrolments = [
        Enrolment(
            uuid4(),
            places[p.centre],
            p.name,
            p.gateway,
            provisioning.secret_hash(kept.secret_key, kept.gateways[p.gateway]),
            f"{p.condition} {p.centre}",
            simulated=not p.live,
            born=p.born,
            language=p.language,
            phone=p.phone,
        )
        for p in cast
    ]
    simulated = [e for e in enrolments if e.simulated]
    enrol(tx, simulated, documents, since=tx.now - A_YEAR, plan_from=tx.now - past)
    live = [e for e in enrolments if not e.simulated]
    enrol(tx, live, documents, since=tx.now - A_YEAR, plan_from=tx.now - LIVE_PLAN, judge_at=tx.now)
    for staff in STAFF:
        if staff.role in ("hospital_specialist", "gp"):
            for p, e in zip(cast, enrolments, strict=True):
                if related(staff.role, p.condition, p.centre):
                    relation = CareRelation(patient=e.patient, person=people[staff.user], role=staff.role, during=since(tx.now - A_YEAR))
                    tx.records.add(relation)
    tx.records.flush()


def _plan(condition: str, centre: DemoCentre) -> str:
    """The template of the condition, with the centre's own telephone number."""
    document = template(condition)
    first, *others = document["contacts"]
    when = "Hele døgnet" if centre.hours is None else f"Hverdager {centre.hours[0]}–{centre.hours[1]}"
    document["contacts"] = [{**first, "phone": centre.phone, "when": when}, *others]
    if centre.hours is None:
        document["out_of_hours"] = "Oppfølgingssenteret er bemannet hele døgnet. Ring 113 ved akutt fare for liv."
    return checked_text(document, TIMEZONE)


def simulator_of(kept: DemoSecrets, begun: datetime, port: int) -> Simulator:
    """The tablets that are not live, each with the course that it has had since the demo began."""
    zone = ZoneInfo(TIMEZONE)
    numbers: Counter[str] = Counter()
    profiles = []
    for patient in patients(len(kept.gateways)):
        if not patient.live:
            profiles.append(profile(patient.gateway, patient.condition, numbers[patient.condition], begun.astimezone(zone).date(), zone))
            numbers[patient.condition] += 1
    return Simulator(profiles, kept.gateways, port)


def gateway_facts(tx: Tx, kept: DemoSecrets) -> list[dict[str, Any]]:
    """The gateways as demo.json tells them, live ones first."""
    rows = tx.rows(SQL["demo_gateways"], {"gateways": list(kept.gateways)})
    return [
        {
            "id": row.id,
            "password": kept.gateways[row.id],
            "patient": str(row.patient),
            "centre": str(row.centre),
            "simulated": row.simulated,
        }
        for row in rows
    ]
