"""Who agrees to a plan, and who must before it takes effect. Pure; what is asked for stands with the municipality (`organisation`)."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

from dho.actor import Actor
from dho.errors import InvalidTransition

Party = Literal["patient", "nurse", "gp", "specialist"]
PARTY_OF_ROLE: Mapping[str, Party] = {
    "patient": "patient",
    "follow_up_nurse": "nurse",
    "centre_lead": "nurse",
    "gp": "gp",
    "hospital_specialist": "specialist",
}


class ApprovalsMissing(InvalidTransition):
    """The plan cannot take effect yet; `missing` names the parties that have not approved this document."""

    code = "approvals_missing"

    def __init__(self, missing: tuple[str, ...]) -> None:
        super().__init__(f"Approval is missing from: {', '.join(missing)}.")
        self.missing = missing


class Approved(Protocol):
    """What is approved: a version with the digest of its document."""

    @property
    def document_sha256(self) -> str:
        """SHA-256 of the document's text, in hexadecimal."""


def approval(version: Approved, party: Party, actor: Actor, now: datetime, on_behalf: bool = False) -> dict[str, Any]:
    """One line of a version's approvals. Recorded on behalf of a party, it names who wrote it down and no person who approved."""
    who = {"recorded_by": str(actor.person)} if on_behalf else {"person": str(actor.person)}
    return {"party": party, **who, "at": now, "document_sha256": version.document_sha256}


def refuse_unapproved(approvals: Collection[Mapping[str, Any]], digest: str, needed: Collection[str]) -> None:
    """Raise `ApprovalsMissing` unless every party has approved this very document. Activating is a nurse's act and counts as theirs."""
    given = {line.get("party") for line in approvals if line.get("document_sha256") == digest} | {"nurse"}
    missing = tuple(party for party in ("patient", "nurse", "gp", "specialist") if party in needed and party not in given)
    if missing:
        raise ApprovalsMissing(missing)
