"""Who asks, when, and by which request: the clock is read and the person recognised once, at the door of a handler."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Header, Request

from dashboards.house import House, house_of
from dashboards.sessions import Viewer, current_viewer
from dho import clock
from dho.db import Role, Tx
from dho.sql import queries

SQL = queries("dashboards")
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1, max_length=255, description="On POST: the same key within 24 hours gives the same answer, and nothing is done twice."
    ),
]


@dataclass(frozen=True, slots=True)
class Caller:
    """One request on behalf of a person. `digest` is of all that makes it the same request again; `key` is its Idempotency-Key."""

    house: House
    viewer: Viewer
    now: datetime
    request: str
    body: bytes
    digest: bytes
    key: str | None

    @property
    def name(self) -> str:
        """Whose idempotency keys these are."""
        return f"person:{self.viewer.person}"

    @contextmanager
    def transaction(self, purpose: str) -> Iterator[Tx]:
        """A transaction on the viewer's behalf, in the serving role."""
        with self.house.database.transaction(self.viewer.actor, purpose, self.now) as tx:
            yield tx


@contextmanager
def acting(tx: Tx, role: Role = "ingest") -> Iterator[Tx]:
    """The part of a transaction that judges: it reads observations, which the serving role cannot. The door was passed before."""
    tx.execute(SQL["take_role"], {"role": f"dho_{role}"})
    yield tx
    tx.execute(SQL["take_role"], {"role": "dho_serve"})


async def whole_body(request: Request) -> bytes:
    """The bytes of the request; their number is limited in `walls.py`."""
    return await request.body()


def caller(
    request: Request,
    body: Annotated[bytes, Depends(whole_body)],
    idempotency_key: IdempotencyKey = None,
) -> Caller:
    """The caller of this request. Raises `NotAuthenticated`."""
    viewer = current_viewer(request)
    said = (request.method, request.url.path, request.url.query, request.headers.get("if-match", ""))
    digest = hashlib.sha256("\n".join(said).encode() + b"\n" + body).digest()
    key = idempotency_key if request.method == "POST" else None
    return Caller(house_of(request), viewer, clock.now(), request.state.request_id, body, digest, key)


Asking = Annotated[Caller, Depends(caller)]
