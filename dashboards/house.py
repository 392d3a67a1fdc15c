"""What one serving process holds: settings, its databases, the live feed. Made once by `create_app`, found through the request."""

import hashlib
import hmac
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from alerts.intake import Intake
from dho.db import Database
from dho.settings import Settings

if TYPE_CHECKING:
    from dashboards.feed import Feed
    from dashboards.readiness import Readiness

WRITER = "serve"
THREADS = 16
"""Handlers that run at once; each needs at most one connection at a time."""


@dataclass(slots=True)
class House:
    """`database` serves people; `intake` is the same database in the ingest role, for what comes over HTTP. `of_gateways` remembers where
    patients stand between requests, and takes one at a time: `turn`."""

    settings: Settings
    database: Database
    intake: Database
    of_gateways: Intake = field(init=False)
    turn: Lock = field(default_factory=Lock)
    feed: "Feed" = field(init=False)
    readiness: "Readiness" = field(init=False)

    def __post_init__(self) -> None:
        self.of_gateways = Intake(self.intake, WRITER)

    def keyed(self, what: str, text: str) -> bytes:
        """HMAC-SHA-256 under the server key: how a session, a token or a user name is kept."""
        return keyed(self.settings.secret_key, what, text)


def keyed(secret_key: str, what: str, text: str) -> bytes:
    """HMAC-SHA-256 of `text` under the server key, for one use (`what`): the same text for another use gives another hash."""
    return hmac.new(secret_key.encode(), f"{what}:{text}".encode(), hashlib.sha256).digest()


def house_of(connection: HTTPConnection) -> House:
    """The house that answers this request or socket."""
    house: House = connection.app.state.house
    return house
