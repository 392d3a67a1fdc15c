"""What came in, before anybody knows about whom: one Element per object that was sent, and what it turned out to be.

Values, made once per element on the fastest path of the house, hence `msgspec.Struct` (a frozen dataclass costs ten times as much).
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from devices import topics
from devices.message import Message
from dho.observation import Value

UNCOUNTED_LEAVES = frozenset({topics.STATUS, topics.SEEN})


class Refused(Struct, frozen=True, gc=False):
    """One value that was refused alone while its siblings were taken; named so in the receipt."""

    code: str
    reason: str
    detail: str


class Rejected(Struct, frozen=True, gc=False):
    """Why an element was not taken: a reason of the contract and one English sentence for its sender, without what was written in it."""

    reason: str
    detail: str
    refused: tuple[Refused, ...] = ()


class Ignored(Struct, frozen=True, gc=False):
    """Nothing to take and nobody to tell; counted under its reason."""

    reason: str


class Reading(Struct, frozen=True, gc=False):
    """What a device, a patient or a member of staff said, in canonical units; not yet about anybody.

    `patient` is whom the sender named, None if nobody. `taken_at` is the instant that was sent, `measured_at` the one that counts: the
    same, or `received_at` if the sender's clock ran more than five minutes ahead (`clock_suspect`). `context` is canonical JSON text;
    `oxygen_l_min` (L/min) is the one key of it that is evaluated. `digest` is of the meaning (see `devices/decode/meaning.py`).
    `arrived` is the simulator's `x-arrived-at` as it was sent; `registry.arrived` decides whether it counts. A reading with a
    `questionnaire` is a filled-in form: its values are answers, possible ones only after `questionnaires.checked`.
    """

    uplink: UUID
    patient: UUID | None
    taken_at: datetime
    measured_at: datetime
    received_at: datetime
    clock_suspect: bool
    values: tuple[Value, ...]
    refused: tuple[Refused, ...]
    device: str | None
    source: str | None
    context: str | None
    oxygen_l_min: Decimal | None
    note: str | None
    digest: bytes
    arrived: str | None = None
    questionnaire: str | None = None
    version: int = 0


class Invalidation(Struct, frozen=True, gc=False):
    """A reading that should no longer count; it may arrive before the reading, and then waits for it."""

    uplink: UUID
    patient: UUID | None
    invalidates: UUID
    reason: str
    received_at: datetime
    digest: bytes
    arrived: str | None = None


class Status(Struct, frozen=True, gc=False):
    """What a gateway said of itself. `battery` is 0 to 1; `clock` is the gateway's own time."""

    state: str
    received_at: datetime
    battery: float | None = None
    app: str | None = None
    clock: datetime | None = None


class Seen(Struct, frozen=True, gc=False):
    """A message was read on the tablet, `at` by the tablet's clock."""

    message: UUID
    at: datetime


class Element(Struct, frozen=True, gc=False):
    """One object of a payload. `position` is its index in the array that was sent, or None; `id` is as sent, None if none could be read
    (a non-UUID one is cut at 64 characters); `raw` is exactly its bytes."""

    message: Message
    position: int | None
    id: str | None
    raw: bytes
    what: Reading | Invalidation | Status | Seen | Rejected | Ignored

    @property
    def gateway(self) -> str:
        """The gateway that sent it; the topic's, hence guarded by the broker's access list."""
        return self.message.gateway

    @property
    def received_at(self) -> datetime:
        """When it arrived: as read by us, or as the simulator said where that counts."""
        what = self.what
        return what.received_at if isinstance(what, Reading | Invalidation) else self.message.received_at

    @property
    def uplink(self) -> UUID | None:
        """The sender's id as a value, if the element was understood."""
        return self.what.uplink if isinstance(self.what, Reading | Invalidation) else None

    @property
    def device(self) -> str | None:
        """The device that a reading names."""
        return self.what.device if isinstance(self.what, Reading) else None

    @property
    def counted(self) -> bool:
        """Whether it is part of the conservation sum, and its sender gets a receipt. Status, `seen` and ignored ones are not."""
        return self.message.leaf not in UNCOUNTED_LEAVES and not isinstance(self.what, Ignored)
