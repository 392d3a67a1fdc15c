"""What an operator names by hand, found in the database, or a sentence that says it is not there."""

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlmodel import select

from dashboards.commands.operator import SQL
from dho.db import Tx
from dho.errors import NotFound
from dho.people import Organisation, Patient, Person


def find_person(tx: Tx, user: str) -> Person:
    """Who logs in as `user`; `NotFound` if nobody who is active does."""
    found = tx.records.exec(select(Person).where(Person.user_name == user, Person.active)).first()
    if found is None:
        raise NotFound(f"Nobody logs in as {user}.")
    return found


def require_patient(tx: Tx, patient: UUID) -> None:
    """`NotFound` unless there is such a patient."""
    if tx.records.get(Patient, patient) is None:
        raise NotFound(f"There is no patient {patient}.")


def place(tx: Tx, text: str) -> tuple[UUID | None, UUID | None]:
    """(centre, organisation) by name or id; a centre brings its organisation along."""
    found = tx.row(SQL["place"], {"text": text})
    if found is None:
        raise NotFound(f"There is no centre or organisation called {text}.")
    return found.centre, found.organisation


def centre_id(tx: Tx, text: str) -> UUID:
    """A follow-up centre by name or id."""
    centre, _ = place(tx, text)
    if centre is None:
        raise NotFound(f"{text} is no follow-up centre.")
    return centre


def municipality(tx: Tx, text: str) -> UUID:
    """A municipality by name or id, made if there is none of that name."""
    found = tx.row(SQL["municipality"], {"text": text})
    if found is not None:
        return UUID(str(found.id))
    record = Organisation(kind="municipality", name=text)
    tx.records.add(record)
    tx.records.flush()
    return record.id


def instant_given(value: datetime, timezone: str) -> datetime:
    """A date or time that an operator wrote, aware: without an offset it is meant in `timezone`."""
    return value if value.tzinfo else value.replace(tzinfo=ZoneInfo(timezone))
