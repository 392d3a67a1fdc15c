"""The shapes of what goes in and out of the API beside a plan itself: differences, proposals, pauses."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictStr

from dashboards.api.shapes import Shape, Text


class NewPause(Shape):
    """A time in which nothing is expected of the patient."""

    start: AwareDatetime = Field(description="At most 30 days ago.")
    end: AwareDatetime | None = Field(None, description="Not part of the pause. Left out: until further notice.")
    kind: Literal["holiday", "hospital", "other"] = "other"
    reason: Annotated[StrictStr, Field(max_length=500)] = ""


class PauseShape(Shape):
    """A time in which nothing is expected of the patient. What arrives is judged all the same."""

    id: UUID
    patient: UUID
    start: datetime
    end: datetime | None
    kind: Literal["holiday", "hospital", "other"]
    reason: str
    created_at: datetime
    created_by: UUID | None
    ended_by: UUID | None
    version: int


class PauseList(Shape):
    """A patient's pauses, newest first."""

    items: list[PauseShape]
    next: str | None


class Change(Text):
    """One difference, in a sentence; `path` is a JSON pointer in which lists are entered by the id of the member."""

    kind: Literal["added", "removed", "changed"]
    path: str


class Difference(Shape):
    """What is other in a version than in one before it."""

    plan: UUID
    number: int
    compared_with: UUID
    compared_with_number: int
    changes: list[Change]


class NationalPlan(Shape):
    """The national plan document; what it has no place for stands in `x-dho`."""

    title: str
    description: str
    zones: list[dict[str, Any]]
    version: int | str


class ProposedRule(Shape):
    """A threshold rule with the limits that the patient's own weeks suggest."""

    rule: str
    zone: Literal["yellow", "red"]
    side: str
    unit: str
    present: float
    proposed: float
    looser: bool
    would_have_fired: int
    fires_at_present: int


class ProposedLimits(Shape):
    """One measurement: how the patient's values lay, and what limits that suggests. Without enough readings there are none."""

    measurement: str
    unit: str
    readings: int
    days: int
    median: float | None
    spread: float | None
    enough: bool
    rules: list[ProposedRule]


class StartUp(Shape):
    """Proposals from the start-up phase, for a nurse to confirm by making `document` a draft."""

    since: date
    until: date
    plan: UUID
    measurements: list[ProposedLimits]
    document: dict[str, Any]
