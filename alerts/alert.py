"""An alert, and one line of its journal. Both are frozen values: the alert row is the fold of its events."""

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from dho.actor import Actor
from dho.texts import render

Zone = Literal["yellow", "red"]
State = Literal[
    "pending_confirm",
    "open",
    "claimed",
    "in_progress",
    "waiting_patient",
    "waiting_party",
    "snoozed",
    "auto_cleared",
    "closed",
]
EventType = Literal[
    "alert.pending",
    "alert.raised",
    "alert.updated",
    "alert.worsened",
    "alert.eased",
    "alert.late",
    "alert.claimed",
    "alert.released",
    "alert.started",
    "alert.waiting",
    "alert.snoozed",
    "alert.unsnoozed",
    "alert.escalated",
    "alert.auto_cleared",
    "alert.closed",
]
RANK = {"green": 0, "not_reported": 1, "yellow": 2, "red": 3}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as it is at one version. Columns of table `alert`.

    `zone` is the worst it has been and never falls; `standing` is what the family's rules say now. `basis` names the firing verdicts at
    `zone` that still hold: with none left the alert is no longer `supported`. `because` has one entry for each rule that took part,
    newest judgement, quoting the values. `text` is {"text", "key", "args"}, in the centre's language.
    """

    id: UUID
    version: int
    patient: UUID
    centre: UUID
    organisation: UUID
    family: str
    zone: Zone
    standing: str
    state: State
    plan_version: UUID
    plan_number: int
    raised_at: datetime
    updated_at: datetime
    late: bool
    supported: bool
    text: dict[str, Any]
    because: list[dict[str, Any]]
    basis: list[str]
    level: int = 0
    breaches: int = 1
    basis_withdrawn: bool = False
    owner: UUID | None = None
    due_at: datetime | None = None
    escalate_at: datetime | None = None
    confirm_until: datetime | None = None
    ack_expires_at: datetime | None = None
    snoozed_until: datetime | None = None
    outcome: str | None = None
    former: UUID | None = None
    closed_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Somebody still has to answer for it."""
        return self.closed_at is None

    def told(self) -> dict[str, Any]:
        """The alert as clients meet it (contract, section 4); absent means absent, times are RFC 3339 in UTC."""
        return {
            "id": str(self.id),
            "version": self.version,
            "patient": str(self.patient),
            "family": self.family,
            "zone": self.zone,
            "standing": self.standing,
            "state": self.state,
            "level": self.level,
            "plan_version": self.plan_number,
            "raised_at": instant(self.raised_at),
            "updated_at": instant(self.updated_at),
            "late": self.late,
            "supported": self.supported,
            "basis_withdrawn": self.basis_withdrawn,
            "owner": str(self.owner) if self.owner else None,
            "due_at": instant(self.due_at),
            "escalate_at": instant(self.escalate_at),
            "confirm_until": instant(self.confirm_until),
            "snoozed_until": instant(self.snoozed_until),
            "outcome": self.outcome,
            "former": str(self.former) if self.former else None,
            "breaches": self.breaches,
            **self.text,
            "because": self.because,
        }


COLUMNS = tuple(f.name for f in fields(Alert))


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """One line of the journal: the alert as it became, who made it so, and why."""

    type: EventType
    alert: Alert
    at: datetime
    actor: Actor
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with `Z`."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def sentence(key: str, args: dict[str, Any], language: str) -> dict[str, Any]:
    """A text with its key and arguments beside it, so that a page can render it in the reader's own language. No language: no text yet."""
    return {"text": render(key, args, language) if language else "", "key": key, "args": args}
