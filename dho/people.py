"""Who there is: the records that have only a present (their history lies in validity ranges and in the access log).

The tables stand in `migrations/0001_people.sql`; these classes are how plain queries read and write them. SQLModel tables do not
validate on construction: what comes from outside is parsed elsewhere, never into one of these.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

from psycopg.types.range import TimestamptzRange
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TSTZRANGE
from sqlmodel import Field, SQLModel

PersonRole = Literal[
    "follow_up_nurse", "centre_lead", "hospital_specialist", "gp", "device_logistics", "system_admin", "auditor", "patient", "next_of_kin"
]


def since(start: datetime, end: datetime | None = None) -> Any:
    """A validity range from `start`, open-ended unless `end` is given."""
    return TimestamptzRange(start, end, "[)")


def _during() -> Any:
    return Field(sa_column=Column(TSTZRANGE, nullable=False))


class Organisation(SQLModel, table=True):
    """A municipality (data controller), a hospital or a GP practice."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str
    name: str
    org_number: str | None = None


class Centre(SQLModel, table=True):
    """A follow-up centre with its own time zone, language and opening hours ({"mon": [["08:00", "15:30"]], …}, local)."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    organisation: UUID
    name: str
    timezone: str
    language: str = "nb"
    phone: str = ""
    always_open: bool = False
    opening_hours: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))


class Person(SQLModel, table=True):
    """Someone who logs in."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_name: str
    name: str
    language: str = "nb"
    password_hash: str | None = None
    active: bool = True


class Membership(SQLModel, table=True):
    """A role at a centre or an organisation, for a time."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    person: UUID
    role: str
    centre: UUID | None = None
    organisation: UUID | None = None
    during: Any = _during()


class Patient(SQLModel, table=True):
    """`id` is opaque; `kind` is real, simulated or canary; `municipality` is the data controller."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    kind: str = "real"
    municipality: UUID
    name: str
    born: date | None = None
    language: str = "nb"
    phone: str = ""
    registered_at: datetime
    ended_at: datetime | None = None


class CareRelation(SQLModel, table=True):
    """One member of a patient's care team, for a time."""

    __tablename__ = "care_relation"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    patient: UUID
    person: UUID
    role: str
    during: Any = _during()


class Gateway(SQLModel, table=True):
    """A registered home tablet or hub; `secret_hash` is HMAC-SHA-256 of its secret under the server key."""

    id: str = Field(primary_key=True)
    centre: UUID
    secret_hash: bytes
    simulated: bool = False
    registered_at: datetime
    revoked_at: datetime | None = None


class Device(SQLModel, table=True):
    """A thing that measures, by its serial."""

    id: str = Field(primary_key=True)
    kind: str
    centre: UUID


class Assignment(SQLModel, table=True):
    """A gateway that serves a patient, or a device that measures one, for a time."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    patient: UUID
    gateway: str | None = None
    device: str | None = None
    during: Any = _during()
