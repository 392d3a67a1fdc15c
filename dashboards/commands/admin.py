"""`dho admin`: centres, people, memberships and tokens. Patients, gateways and plans are in `admin_patients.py`."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import click
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError

from dashboards.commands.admin_gateways import gateway
from dashboards.commands.admin_patients import care, patient
from dashboards.commands.admin_plans import plan
from dashboards.commands.admin_questionnaires import questionnaire
from dashboards.commands.bulk_import import bulk_import
from dashboards.commands.lookups import find_person, place
from dashboards.commands.lookups import municipality as municipality_id
from dashboards.commands.operator import SQL, as_owner, here
from dashboards.commands.secrets_asked import ask_password
from dashboards.passwords import hash_password
from dashboards.sessions import hash_token
from dho.calendar import WEEKDAYS
from dho.db import Tx
from dho.errors import DhoError, Invalid, NotFound
from dho.people import Centre, Membership, Organisation, Person, since
from dho.settings import new_secret

ROLES = ("follow_up_nurse", "centre_lead", "hospital_specialist", "gp", "device_logistics", "system_admin", "auditor")
LANGUAGE = click.Choice(["nb", "nn", "en"])


class AlreadyThere(DhoError):
    """It exists already."""

    code = "already_there"


@click.group()
def admin() -> None:
    """Centres, people, gateways, patients, plans."""


@admin.group()
def organisation() -> None:
    """Municipalities, hospitals, GP practices."""


@organisation.command("add")
@click.argument("name")
@click.option("--kind", type=click.Choice(["municipality", "hospital", "gp_practice"]), required=True)
@click.option("--org-number", help="The national organisation number.")
def add_organisation(name: str, kind: str, org_number: str | None) -> None:
    """Add an organisation; prints its id."""
    with as_owner(here(), "add organisation") as tx:
        record = Organisation(kind=kind, name=name, org_number=org_number)
        _insert(tx, record, f"An organisation with number {org_number} is there already.")
        click.echo(record.id)


@admin.group()
def centre() -> None:
    """Follow-up centres."""


@centre.command("add")
@click.argument("name")
@click.option("--municipality", required=True, help="The municipality that runs it, by name or id; made if there is none.")
@click.option("--timezone", help="IANA time zone; by default DHO_TIMEZONE.")
@click.option("--language", type=LANGUAGE, default="nb", show_default=True)
@click.option("--phone", default="")
@click.option("--always-open", is_flag=True, help="Staffed round the clock.")
@click.option("--hours", multiple=True, metavar="DAYS=HH:MM-HH:MM", help="Opening hours, such as mon-fri=08:00-15:30; may be repeated.")
def add_centre(
    name: str, municipality: str, timezone: str | None, language: str, phone: str, always_open: bool, hours: tuple[str, ...]
) -> None:
    """Add a follow-up centre; prints its id."""
    if always_open == bool(hours):
        raise click.UsageError("Say either --always-open or the opening --hours")
    settings = here()
    zone = _zone(timezone or settings.timezone)
    with as_owner(settings, "add centre") as tx:
        record = Centre(
            organisation=municipality_id(tx, municipality),
            name=name,
            timezone=zone,
            language=language,
            phone=phone,
            always_open=always_open,
            opening_hours=opening_hours(hours),
        )
        _insert(tx, record, f"A centre called {name} is there already.")
        click.echo(record.id)


@centre.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_centres(as_json: bool) -> None:
    """All follow-up centres."""
    with as_owner(here(), "list centres") as tx:
        found = tx.dicts(SQL["centres"])
    if as_json:
        click.echo(json.dumps(found, default=str, ensure_ascii=False))
        return
    for row in found:
        click.echo(f"{row['id']}  {row['name']} ({row['municipality']}, {row['timezone']})")


@admin.group()
def person() -> None:
    """People who log in."""


@person.command("add")
@click.argument("user")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(ROLES), help="Give them a membership at once.")
@click.option("--at", "where", help="The centre or organisation of --role, by name or id.")
@click.option("--language", type=LANGUAGE, default="nb", show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input; otherwise one is made and printed once.")
def add_person(user: str, name: str, role: str | None, where: str | None, language: str, password_stdin: bool) -> None:
    """Add someone who logs in as USER; prints the password that was made for them."""
    given = ask_password() if password_stdin else None
    password = given or new_secret()[:20]
    with as_owner(here(), "add person") as tx:
        record = Person(user_name=user, name=name, language=language, password_hash=hash_password(password))
        _insert(tx, record, f"{user} is there already.")
        if role:
            tx.records.add(_membership(tx, record.id, role, where, tx.now, None))
            tx.records.flush()
    if given is None:
        click.echo(password)


@person.command("password")
@click.argument("user")
@click.option("--password-stdin", is_flag=True, help="Read it from standard input; otherwise one is made and printed once.")
def set_password(user: str, password_stdin: bool) -> None:
    """Give USER another password; all their sessions end."""
    given = ask_password() if password_stdin else None
    password = given or new_secret()[:20]
    with as_owner(here(), "set password") as tx:
        found = find_person(tx, user)
        found.password_hash = hash_password(password)
        tx.records.flush()
        tx.execute(SQL["end_sessions"], {"person": found.id, "now": tx.now})
    if given is None:
        click.echo(password)


@person.command("end")
@click.argument("user")
def end_person(user: str) -> None:
    """USER has left: no log-in, and every session, token and membership ends now."""
    with as_owner(here(), "end person") as tx:
        found = find_person(tx, user)
        found.active = False
        tx.records.flush()
        for statement in ("end_sessions", "end_tokens", "end_memberships", "end_care_relations"):
            tx.execute(SQL[statement], {"person": found.id, "now": tx.now})


@admin.group()
def membership() -> None:
    """Who works where, in which role, from when to when."""


@membership.command("add")
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
@click.option("--at", "where", help="The centre or organisation, by name or id.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day; open-ended without.")
def add_membership(user: str, role: str, where: str | None, until: datetime | None) -> None:
    """Give USER a ROLE from now on."""
    settings = here()
    with as_owner(settings, "add membership") as tx:
        end = _end_of_day(until.date(), settings.timezone) if until else None
        tx.records.add(_membership(tx, find_person(tx, user).id, role, where, tx.now, end))
        tx.records.flush()


@membership.command("end")
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
def end_membership(user: str, role: str) -> None:
    """USER no longer has this ROLE anywhere."""
    with as_owner(here(), "end membership") as tx:
        ended = tx.execute(SQL["end_memberships_of_role"], {"person": find_person(tx, user).id, "role": role, "now": tx.now})
        if not ended.rowcount:
            raise NotFound(f"{user} has no such membership now.")


@admin.command()
@click.argument("user")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
def token(user: str, days: int) -> None:
    """Print a bearer token for USER, once: only a hash of it is kept."""
    settings = here().require("secret_key")
    made = new_secret()
    with as_owner(settings, "make token") as tx:
        params = {"hash": hash_token(settings.secret_key, made), "person": find_person(tx, user).id, "now": tx.now}
        tx.execute(SQL["add_token"], {**params, "expires_at": tx.now + timedelta(days=days)})
    click.echo(made)


for part in (gateway, patient, care, plan, questionnaire, bulk_import):
    admin.add_command(part)


def opening_hours(given: tuple[str, ...]) -> dict[str, list[list[str]]]:
    """`("mon-fri=08:00-15:30",)` as the column of a centre has it. `Invalid` with a sentence otherwise."""
    found: dict[str, list[list[str]]] = {}
    for text in given:
        try:
            days, period = text.split("=")
            opens, closes = period.split("-")
            first, _, last = days.partition("-")
            named = WEEKDAYS[WEEKDAYS.index(first) : WEEKDAYS.index(last or first) + 1]
            is_forward = datetime.strptime(opens, "%H:%M").time() < datetime.strptime(closes, "%H:%M").time()  # noqa: DTZ007
        except ValueError:
            is_forward, named = False, ()
        if not (is_forward and named):
            raise Invalid(f"“{text}” are no opening hours: write them as mon-fri=08:00-15:30.")
        for day in named:
            found.setdefault(day, []).append([opens, closes])
    return found


def _membership(tx: Tx, whom: UUID, role: str, where: str | None, start: datetime, end: datetime | None) -> Membership:
    if where is None and role not in ("system_admin", "auditor"):
        raise click.UsageError(f"A {role} works somewhere: say --at with a centre or an organisation")
    centre_id, organisation_id = place(tx, where) if where else (None, None)
    return Membership(person=whom, role=role, centre=centre_id, organisation=organisation_id, during=since(start, end))


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise click.UsageError(f"{name} is no IANA time zone") from None
    return name


def _end_of_day(day: date, timezone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone)) + timedelta(days=1)


def _insert(tx: Tx, record: Any, already_there: str) -> None:
    tx.records.add(record)
    try:
        tx.records.flush()
    except IntegrityError as error:
        if isinstance(error.orig, UniqueViolation):
            raise AlreadyThere(already_there) from None
        raise
