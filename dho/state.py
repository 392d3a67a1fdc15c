"""What evaluation must remember of one patient under one plan version: small, bounded, serialisable.

An on-time reading advances the newest state; late, corrected or withdrawn ones replay from a checkpoint before them. A state is a value:
`advance` never changes the one it was given.
"""

from datetime import datetime
from typing import Self

from msgspec import Struct, msgpack

from dho.rules.episode import Episode
from dho.rules.kinds import Memory
from dho.rules.sight import Event, Seen


class State(Struct, array_like=True):
    """`newest` is the instant of the newest fact, `newest_reading` that of the newest reading the plan is about.

    `last` holds the newest reading per measurement, question and questionnaire; `episodes` the rules that are not quiet; `memory` the
    windows of the rules that need one; `handled` when a person last closed each family; `misses` the slots in a row that nothing served;
    `unquiet` the local dates (first, last) on which a yellow or red threshold, answer or score rule had fired and cleared again; `views`
    what the rules with windows and scores said last; `judged_to` is the moment up to which time alone has been judged.
    """

    newest: datetime | None = None
    newest_reading: datetime | None = None
    began: datetime | None = None
    last: dict[str, Seen] = {}
    episodes: dict[str, Episode] = {}
    memory: dict[str, Memory] = {}
    handled: dict[str, datetime] = {}
    misses: dict[str, "Misses"] = {}
    unquiet: tuple[tuple[int, int], ...] = ()
    views: dict[str, Event] = {}
    judged_to: datetime | None = None

    def copy(self) -> Self:
        """A state of its own, to advance."""
        return type(self)(
            self.newest,
            self.newest_reading,
            self.began,
            self.last.copy(),
            self.episodes.copy() if self.episodes else {},
            self.memory.copy() if self.memory else {},
            self.handled.copy() if self.handled else {},
            self.misses.copy() if self.misses else {},
            self.unquiet,
            self.views.copy() if self.views else {},
            self.judged_to,
        )

    def dump(self) -> bytes:
        """The state as compact bytes (MessagePack)."""
        return _ENCODER.encode(self)

    @staticmethod
    def load(data: bytes) -> "State":
        """The state from its bytes; raises `msgspec.ValidationError` if they are none."""
        return _DECODER.decode(data)


class Misses(Struct, frozen=True, array_like=True):
    """Slots in a row that nothing served: how many, and when the newest of them opened and passed. `firing` from `consecutive` on;
    `unmuted` once what was suppressed has spoken."""

    count: int
    opens: datetime
    start: datetime
    deadline: datetime
    firing: bool
    since: datetime | None
    unmuted: bool = False


_ENCODER = msgpack.Encoder(uuid_format="bytes")
_DECODER = msgpack.Decoder(State)
