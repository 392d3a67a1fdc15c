"""On whose behalf something is done: journalled with it, and told to the database by every transaction."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, or a part of the service (`person` None)."""

    kind: Literal["person", "plan", "watch", "patient"]
    person: UUID | None = None


INGEST = Actor("plan")
WATCH = Actor("watch")
