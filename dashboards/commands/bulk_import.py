"""`dho admin import`: thousands of patients with their tablets from one CSV file, in one transaction."""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hmac import compare_digest
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import click
from tqdm import tqdm

from dashboards.commands.enrolment import Enrolment, enrol
from dashboards.commands.operator import SQL, as_owner, here
from dashboards.commands.plan_templates import template_names, template_text
from devices import provisioning, topics
from dho.db import Tx
from dho.errors import Invalid
from dho.settings import Settings

COLUMNS = ("centre", "patient", "gateway", "password", "template")

A_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Tablet:
    """One line: a patient (a label, or the id they have or shall have) with a gateway. `made` says that we chose the password."""

    line: int
    centre: str
    patient: str
    gateway: str
    password: str
    template: str
    made: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line that cannot be taken, and why."""

    line: int
    detail: str


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was made as JSON, one object a line.")
def bulk_import(file: Path, as_json: bool) -> None:
    """Enrol patients with their tablets from FILE: CSV with the columns centre,patient,gateway,password,template.

    CENTRE is a name or id. PATIENT is a label that becomes the patient's name: the same label at the same centre is one patient within
    the file; a UUID is a patient's own id. An empty gateway or password is made here and printed. A TEMPLATE's plan is active at once;
    empty gives none. Prints the ids as CSV. Lines that cannot be taken are told with their number, the rest goes in; the exit status
    is then 1. Everything is one transaction. Running it again changes nothing for lines that name their gateway; a line that leaves
    it empty enrols somebody new each time.
    """
    settings = here().require("secret_key")
    refusals: list[Refusal] = []
    tablets = list(_kept(read_tablets(file), refusals))
    with as_owner(settings, "import tablets") as tx:
        made = _enrol(tx, settings, tablets, refusals)
    _print(made, as_json)
    for refusal in sorted(refusals, key=lambda r: r.line):
        tqdm.write(f"line {refusal.line}: {refusal.detail}", file=sys.stderr)
    if refusals:
        sys.exit(1)


def read_tablets(file: Path) -> Iterator[Tablet | Refusal]:
    """Each line of the file, or why it cannot be taken for what it says itself. `Invalid` if the file is no such file."""
    seen: dict[str, Tablet] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise Invalid(f"The first line must be {','.join(COLUMNS)}.")
            for row in reader:
                if any(row.values()):
                    yield _tablet(reader.line_num, row, seen)
    except (UnicodeDecodeError, csv.Error):
        raise Invalid(f"{file} is no CSV in UTF-8.") from None


def _tablet(line: int, row: dict[str | Any, Any], seen: dict[str, Tablet]) -> Tablet | Refusal:
    if None in row or None in row.values():
        return Refusal(line, f"it does not have {len(COLUMNS)} columns.")
    cells = {name: str(row[name]).strip() for name in COLUMNS}
    for name in ("centre", "patient"):
        if not cells[name]:
            return Refusal(line, f"the {name} is empty.")
    gateway = cells["gateway"] or f"tablet-{uuid4().hex[:12]}"
    if not topics.is_gateway_id(gateway):
        return Refusal(line, "the gateway's id may have letters, digits, dots, dashes and underscores, 1 to 64 of them.")
    before = seen.get(gateway)
    password = cells["password"] or (before.password if before else provisioning.new_secret())
    if len(password) < provisioning.SHORTEST_IMPORTED:
        return Refusal(line, f"the password is weak: {provisioning.SHORTEST_IMPORTED} characters or more.")
    if before and (before.password, before.centre) != (password, cells["centre"]):
        return Refusal(line, f"gateway {gateway} stands on line {before.line} with another password or centre.")
    tablet = Tablet(line, cells["centre"], cells["patient"], gateway, password, cells["template"], not cells["password"] and before is None)
    seen.setdefault(gateway, tablet)
    return tablet


def _kept(lines: Iterator[Tablet | Refusal], refusals: list[Refusal]) -> Iterator[Tablet]:
    for line in lines:
        if isinstance(line, Refusal):
            refusals.append(line)
        else:
            yield line


def _enrol(tx: Tx, settings: Settings, tablets: Sequence[Tablet], refusals: list[Refusal]) -> list[tuple[Tablet, UUID]]:
    """Everything that can be taken; (line, patient's id) for each."""
    centres = {key: row.id for row in tx.rows(SQL["centres"]) for key in (row.name.casefold(), str(row.id))}
    names = set(template_names())
    there = {row.id: row for row in tx.rows(SQL["known_gateways"], {"gateways": [t.gateway for t in tablets]})}
    labels: dict[tuple[UUID, str], UUID] = {}
    enrolments: list[Enrolment] = []
    made: list[tuple[Tablet, UUID]] = []
    secrets: dict[str, str] = {}
    for tablet in tablets:
        centre = centres.get(tablet.centre.casefold())
        if centre is None:
            refusals.append(Refusal(tablet.line, f"there is no centre {tablet.centre}."))
            continue
        if tablet.template and tablet.template not in names:
            refusals.append(Refusal(tablet.line, f"there is no template {tablet.template}; there are {', '.join(sorted(names))}."))
            continue
        secret_hash = provisioning.secret_hash(settings.secret_key, tablet.password)
        known = there.get(tablet.gateway)
        if known is not None:
            if known.revoked_at is not None or (not tablet.made and not compare_digest(bytes(known.secret_hash), secret_hash)):
                refusals.append(Refusal(tablet.line, f"gateway {tablet.gateway} is registered already, with another password or revoked."))
                continue
            if tablet.patient in known.patients:
                made.append((replace(tablet, made=False), UUID(known.patients[tablet.patient])))
                continue
        patient = labels.setdefault((centre, tablet.patient), _uuid(tablet.patient) or uuid4())
        enrolments.append(Enrolment(patient, centre, tablet.patient, tablet.gateway, secret_hash, tablet.template or None))
        made.append((replace(tablet, made=tablet.made and known is None), patient))
        if known is None:
            secrets[tablet.gateway] = tablet.password
    if enrolments:
        documents = {name: template_text(name) for name in sorted({e.plan for e in enrolments if e.plan})}
        enrol(tx, enrolments, documents, since=tx.now - A_YEAR, judge_at=tx.now)
        provisioning.open_accounts(settings, secrets)
    return made


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _print(made: Sequence[tuple[Tablet, UUID]], as_json: bool) -> None:
    if as_json:
        for tablet, patient in made:
            told = {"line": tablet.line, "label": tablet.patient, "patient": str(patient), "gateway": tablet.gateway}
            click.echo(json.dumps(told | ({"password": tablet.password} if tablet.made else {}), ensure_ascii=False))
        return
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("line", "label", "patient", "gateway", "password"))
    for tablet, patient in made:
        writer.writerow((tablet.line, tablet.patient, patient, tablet.gateway, tablet.password if tablet.made else ""))
