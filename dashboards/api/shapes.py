"""The shapes of what goes in and out of the API, for its document and for reading bodies. Unknown members are allowed everywhere."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from alerts.alert import State, Zone

ShownZone = Literal["green", "not_reported", "yellow", "red"]


class Shape(BaseModel):
    """Something that may carry more than is named here."""

    model_config = ConfigDict(extra="allow")


class Text(Shape):
    """A sentence with its key and arguments, from which pages render it in the reader's language."""

    text: str
    key: str
    args: dict[str, Any]


class Quoted(Shape):
    """A value that an alert rests on. `measurement` is the sender's id of the measurement."""

    measurement: UUID
    code: str
    value: float | str
    unit: str
    measured_at: datetime


class Because(Shape):
    """Why a rule fired."""

    rule: str
    observations: list[Quoted]
    explanation: str
    key: str
    args: dict[str, Any]


class AlertShape(Shape):
    """An alert, as in the live feed."""

    id: UUID
    version: int
    patient: UUID
    family: str
    zone: Zone
    state: State
    level: int
    plan_version: int
    raised_at: datetime
    updated_at: datetime
    late: bool
    supported: bool
    owner: UUID | None
    due_at: datetime | None
    escalate_at: datetime | None
    outcome: str | None
    former: UUID | None
    text: str
    key: str
    args: dict[str, Any]
    because: list[Because]


class JournalLine(Shape):
    """One line of an alert's journal."""

    version: int
    type: str
    at: datetime
    actor: UUID | None
    actor_kind: str
    reason: str | None


class AlertWithJournal(AlertShape):
    """An alert with its whole life."""

    journal: list[JournalLine]
    you_see_this_because: list[Text]


class AlertList(Shape):
    """One page of alerts, newest first."""

    items: list[AlertShape]
    next: str | None


class Act(Shape):
    """What somebody does with an alert; which members count depends on the verb."""

    expected_version: StrictInt | None = Field(None, ge=1, description="The version that was seen, unless If-Match says it.")
    reason: Annotated[StrictStr, Field(max_length=500)] | None = None
    outcome: Annotated[StrictStr, Field(max_length=50)] | None = None
    until: AwareDatetime | None = None
    note: Annotated[StrictStr, Field(max_length=4000)] | None = None
    party: Literal["patient", "other"] | None = None


class PatientLine(Shape):
    """One patient in a list. Without a valid plan there is no zone: no data is never green."""

    id: UUID
    name: str
    born: date | None
    zone: ShownZone | None
    zone_since: datetime | None
    valid_plan: bool
    plan_version: int | None
    review_due: date | None
    last_heard_at: datetime | None
    open_alerts: dict[str, int]


class PatientList(Shape):
    """One page of patients."""

    items: list[PatientLine]
    next: str | None


class CareTeamMember(Shape):
    """Who else has a part in the patient's care."""

    person: UUID
    name: str
    role: str


class PatientPage(PatientLine):
    """One patient, and why the caller sees them."""

    language: str
    phone: str
    centre: dict[str, Any] | None
    plan: dict[str, Any] | None
    care_team: list[CareTeamMember]
    rights: list[str]
    you_see_this_because: list[Text]


class Value(Shape):
    """One value of a measurement, canonical and as it was sent."""

    measurement: UUID
    position: int
    name: str
    code: str
    value: float | str
    unit: str
    sent: dict[str, str]
    measured_at: datetime
    received_at: datetime
    source: str | None
    device: str | None
    note: str | None
    late: bool
    clock_suspect: bool
    invalid: str | None


class ValueList(Shape):
    """One page of values, newest first."""

    items: list[Value]
    next: str | None


class Receipt(Shape):
    """What became of one element."""

    id: str | None
    status: Literal["stored", "duplicate", "rejected"]
    received_at: datetime


class Invalid(Shape):
    """Why a measurement does not count. `patient` where several have one with this id."""

    reason: Annotated[StrictStr, Field(min_length=1, max_length=500)]
    patient: UUID | None = None


class Invalidated(Shape):
    """A measurement that no longer counts."""

    measurement: UUID
    patient: UUID
    reason: str
    at: datetime


class Step(Shape):
    """A step in a plan's life."""

    expected_version: StrictInt | None = Field(None, ge=1, description="The version that was seen, unless If-Match says it.")


class PlanStep(Step):
    """A step in a plan's life; `party` with an approval."""

    party: Literal["patient", "nurse", "gp", "specialist"] | None = Field(None, description="Whose approval it is, if not the caller's.")


class PlanShape(Shape):
    """One plan version. `number` is the plan's own, `version` counts the steps of its life."""

    id: UUID
    patient: UUID
    number: int
    state: Literal["draft", "proposed", "active", "superseded", "ended"]
    version: int
    document: dict[str, Any]
    active_from: datetime | None
    active_until: datetime | None
    review_due: date | None
    created_at: datetime
    created_by: UUID | None
    approvals: list[dict[str, Any]]
    restored_from: UUID | None = None


class PlanList(Shape):
    """One page of plan versions, newest first."""

    items: list[PlanShape]
    next: str | None


class NewMessage(Shape):
    """A message to the patient."""

    text: Annotated[StrictStr, Field(min_length=1, max_length=4000)]


class MessageShape(Shape):
    """A message that is on its way."""

    id: UUID
    patient: UUID
    at: datetime
    text: str


class Look(Shape):
    """Somebody's look at the patient's data."""

    at: datetime
    who: str | None
    role: str
    relation: str
    purpose: str
    what: str


class LookList(Shape):
    """One page of looks, newest first."""

    items: list[Look]
    next: str | None


class Events(Shape):
    """What happened in the caller's scope after a position; `next` is where to go on."""

    epoch: str
    events: list[dict[str, Any]]
    next: int
    head: int


class LogIn(Shape):
    """A local log-in."""

    user: Annotated[StrictStr, Field(min_length=1, max_length=200)]
    password: Annotated[StrictStr, Field(min_length=1, max_length=1024)]


class LoggedIn(Shape):
    """Who is logged in."""

    person: UUID
    name: str
    language: str
    roles: list[dict[str, Any]]
    expires_at: datetime | None


class Ready(Shape):
    """Each part and how it is."""

    ready: bool
    database: str
    migrations: str
    broker: str
