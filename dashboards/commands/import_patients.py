"""Whom a file is about: what it calls a patient, and which patient that is."""

import csv
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import UUID

from dashboards.commands.enrolment import Enrolment, enrol
from dashboards.commands.lookups import centre_id
from dashboards.commands.operator import SQL, as_owner
from dho.db import Tx
from dho.errors import Invalid, NotFound
from dho.settings import Settings


@dataclass(frozen=True, slots=True)
class Creation:
    """How to make patients for names that are no ids: at which centre, and with which plan (JSON text), if any."""

    centre: str
    plan: str | None


@dataclass(frozen=True, slots=True)
class Naming:
    """How names become patients: all lines are about `one`, or `book` maps names to ids, or a name is an id itself."""

    one: UUID | None = None
    book: Mapping[str, UUID] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NamedPatients:
    """Patients by what the file calls them. `unknown` are names that are nobody; `gateways` is by whom imports about each come in."""

    found: Mapping[str, UUID]
    made: Mapping[str, UUID]
    judged_at: Mapping[UUID, datetime | None]
    gateways: Mapping[UUID, str]

    def of(self, name: str) -> UUID | None:
        """The patient of that name in the file, or None."""
        return self.found.get(name)


def named_patients(settings: Settings, names: Mapping[str, datetime], naming: Naming, creation: Creation | None) -> NamedPatients:
    """Find, or make, everyone that the file names. `names` maps each to the instant of its first line."""
    wanted = {name: patient for name in names if (patient := _by_name(name, naming)) is not None}
    unnamed = [name for name in names if name not in wanted]
    if creation:
        settings.require("secret_key")
    with as_owner(settings, "import measurements") as tx:
        made = _make(tx, settings, creation, {name: names[name] for name in unnamed}) if creation and unnamed else {}
        everybody = list({*wanted.values(), *made.values()})
        rows = tx.rows(SQL["patients_of_file"], {"patients": everybody, "now": tx.now})
        centres = {row.id: row.centre for row in rows if row.centre is not None}
        _open_door(tx, centres)
    known = {name: patient for name, patient in {**wanted, **made}.items() if patient in centres}
    if not known:
        raise NotFound("The file names no patient that is followed up here: say --patient, --patients or --create-patients.")
    gateways = {patient: f"import-{centre}" for patient, centre in centres.items()}
    return NamedPatients(known, made, {row.id: row.judged_at for row in rows}, gateways)


def read_book(path: Path) -> dict[str, UUID]:
    """A mapping file: name, patient id. `Invalid` with the line's number if a line is not that."""
    book = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, cells in enumerate(csv.reader(file), 1):
            if not cells:
                continue
            try:
                name, patient = cells
                book[name.strip()] = UUID(patient.strip())
            except ValueError:
                if number > 1:  # the first line may be a heading
                    raise Invalid(f"Line {number} of {path.name} is not “name,patient id”.") from None
    return book


def _by_name(name: str, naming: Naming) -> UUID | None:
    if naming.one is not None:
        return naming.one
    if name in naming.book:
        return naming.book[name]
    try:
        return UUID(name)
    except ValueError:
        return None


def _make(tx: Tx, settings: Settings, creation: Creation, names: Mapping[str, datetime]) -> dict[str, UUID]:
    """Patients for these names, the same ones when asked again: the id is a keyed hash, so that it tells nobody the name."""
    centre = centre_id(tx, creation.centre)
    made = {name: _opaque_id(settings.secret_key, centre, name) for name in names}
    there = {row.id for row in tx.rows(SQL["known_patients"], {"patients": list(made.values()), "now": tx.now})}
    documents = {"import": creation.plan} if creation.plan else {}
    plan = "import" if creation.plan else None
    newcomers = [Enrolment(patient, centre, name, plan=plan) for name, patient in made.items() if patient not in there]
    first = min(names.values())
    if newcomers:
        enrol(tx, newcomers, documents, since=min(first, tx.now), plan_from=first)
    return made


def _opaque_id(secret_key: str, centre: UUID, name: str) -> UUID:
    digest = hmac.new(secret_key.encode(), f"imported patient:{centre}:{name}".encode(), hashlib.sha256).digest()
    return UUID(bytes=digest[:16], version=4)


def _open_door(tx: Tx, centres: Mapping[UUID, UUID]) -> None:
    """A gateway per centre that stands for imports, so that a trace says how a value came."""
    each = sorted(set(centres.values()))
    tx.execute(SQL["import_gateways"], {"centres": each, "secret_hashes": [secrets.token_bytes(32) for _ in each], "now": tx.now})
