"""What the live feed reads in the database: scopes, epochs, where a subscriber begins, what it missed.

A scope is a set of audience keys: `centre:<id>` for those who work at a centre, `patient:<id>` for each patient that somebody is related
to. `prev` is computed from the same index for the socket and for `GET /events`, so that both tell the same chain.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from alerts.alert import Alert
from dashboards import access
from dashboards.access import CLINICAL, READING, Part, Relation
from dashboards.frames import alert_of
from dashboards.sessions import Viewer
from dho.db import Tx
from dho.sql import queries

SQL = queries("dashboards")
MOST_MISSED = 1000
LARGEST_SEQ = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One event of the feed as it is stored. `body` is the frame without op, seq and prev."""

    seq: int
    patient: UUID
    audience: frozenset[str]
    body: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose events somebody receives: the role behind each audience key."""

    roles: Mapping[str, str]

    @property
    def keys(self) -> frozenset[str]:
        """The audience keys."""
        return frozenset(self.roles)

    def words(self) -> list[str]:
        """The keys in order, as the welcome shows them."""
        return sorted(self.roles)

    def relation(self, line: Line) -> Relation:
        """Why this event is in scope; for the access log."""
        parts = [Part(self.roles[key], _relation(key)) for key in sorted(line.audience & self.keys)]
        return Relation(line.patient, tuple(parts))


def _relation(key: str) -> str:
    return key if key.startswith("centre:") else "care_team"


NO_SCOPE = Scope({})


def epoch_of(secret_key: str, history: str, viewer: UUID, scope: Scope) -> str:
    """An opaque word for (history of the database, person, scope): another one means that numbers may not be compared."""
    said = "\n".join(["epoch", history, str(viewer), *scope.words()])
    return hmac.new(secret_key.encode(), said.encode(), hashlib.sha256).hexdigest()[:24]


def scopes(tx: Tx, people: Sequence[UUID]) -> dict[UUID, Scope]:
    """The scope of each active person now; somebody who is missing has none."""
    found: dict[UUID, dict[str, str]] = {}
    params = {
        "people": list(people),
        "now": tx.now,
        "roles": READING,
        "centre_roles": sorted(CLINICAL & {"follow_up_nurse", "centre_lead"}),
    }
    for row in tx.rows(SQL["scopes"], params):
        found.setdefault(row.person, {}).setdefault(row.key, row.role)
    return {person: Scope(roles) for person, roles in found.items()}


def history(tx: Tx) -> str:
    """Which history of the database the numbers belong to."""
    return str(tx.row(SQL["feed_history"]).history)


def living_credentials(tx: Tx, credentials: Iterable[bytes], idle_since: datetime) -> set[bytes]:
    """Those sessions and tokens that still stand. Being connected is use: sessions among them are marked as seen."""
    hashes = list(credentials)
    tx.execute(SQL["session_in_use"], {"hashes": hashes, "now": tx.now, "idle_since": idle_since, "stale": tx.now - timedelta(minutes=1)})
    rows = tx.rows(SQL["living_credentials"], {"hashes": hashes, "now": tx.now, "idle_since": idle_since})
    return {bytes(row.token_hash) for row in rows}


@dataclass(frozen=True, slots=True)
class Start:
    """Where a subscriber begins: everything visible up to `head` is in `missed` or, if that is None, in the snapshot `alerts`.

    `prev` is the number of the last visible event before the first of `missed`, or up to `head` with a snapshot.
    """

    scope: Scope
    epoch: str
    head: int
    prev: int
    missed: list[Line] | None
    alerts: list[Alert]


def start(tx: Tx, viewer: Viewer, secret_key: str, resume: tuple[str, int] | None, request: str) -> Start:
    """Read and log where this person's feed begins. An empty scope gives an empty start."""
    scope = scopes(tx, [viewer.person]).get(viewer.person, NO_SCOPE)
    epoch = epoch_of(secret_key, history(tx), viewer.person, scope)
    if resume is not None and hmac.compare_digest(resume[0].encode(), epoch.encode()):
        found = missed(tx, scope, resume[1], MOST_MISSED)
        if found is not None and not found.more:
            log_lines(tx, viewer, scope, found.lines, request)
            return Start(scope, epoch, found.head, found.prev, found.lines, [])
    rows = tx.rows(SQL["open_alerts_in_sight"], {"person": viewer.person, "now": tx.now, "roles": READING})
    head: int = rows[0].head
    alerts = [alert_of(row) for row in rows if row.id is not None]
    access.look_many(tx, viewer, {alert.patient for alert in alerts}, "feed.snapshot", request=request)
    return Start(scope, epoch, head, prev_of(tx, scope, head), None, alerts)


@dataclass(frozen=True, slots=True)
class Missed:
    """Events after a position, oldest first; `prev` is the number before the first; `more` says that the limit cut them."""

    head: int
    prev: int
    lines: list[Line]
    more: bool


def missed(tx: Tx, scope: Scope, after: int, limit: int) -> Missed | None:
    """What is visible in the scope after `after`. None where that can no longer be told: ahead of the head, or older than what is kept."""
    if after > LARGEST_SEQ:
        return None
    keys = scope.words()
    rows = tx.rows(SQL["events_in_scope"], {"keys": keys, "after": after, "limit": limit + 1})
    head, oldest = rows[0].head, rows[0].oldest
    if after > head or after < (head if oldest is None else oldest - 1):
        return None
    lines = [Line(row.seq, row.patient, frozenset(row.audience), row.body) for row in rows if row.seq is not None]
    return Missed(head, prev_of(tx, scope, after), lines[:limit], len(lines) > limit)


def prev_of(tx: Tx, scope: Scope, up_to: int) -> int:
    """The number of the last event visible in the scope up to and with `up_to`; 0 if none."""
    return int(tx.row(SQL["last_in_scope"], {"keys": scope.words(), "up_to": up_to}).seq)


def log_lines(tx: Tx, viewer: Viewer, scope: Scope, lines: Iterable[Line], request: str) -> None:
    """A look at each patient whom these events are about."""
    relations = {line.patient: scope.relation(line) for line in lines}
    access.write_log(tx, viewer.person, relations.values(), "feed.event", None, request)
