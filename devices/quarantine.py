"""Quarantine: every element that could not be taken, with its bytes and the reason, until somebody replays it.

A replay sends the bytes through the front door again, as a new arrival (counted as one) with the old arrival time, once they would be
taken; the row stays and says what came of it. What would be refused again waits on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from devices import topics
from devices.message import Channel, Message
from devices.reading import Element, Rejected
from dho.db import Tx
from dho.sql import queries

SQL = queries("devices")
TYPES = "uuid timestamptz text text text int4 bytea text text bool"
LONGEST_DETAIL = 300


class Row(NamedTuple):
    """One row of `quarantine`, as people see it. `counted` is False for what is no part of the conservation sum (a bad status)."""

    id: UUID
    received_at: datetime
    channel: Channel
    gateway: str | None
    topic: str
    position: int | None
    payload: bytes
    reason: str
    detail: str
    counted: bool
    replayed_at: datetime | None
    replay_result: str | None


def insert(tx: Tx, refusals: Sequence[tuple[Element, Rejected]]) -> None:
    """Keep refused elements: one row each, in one statement."""
    if not refusals:
        return
    rows = (
        (
            uuid4(),
            element.received_at,
            element.message.channel,
            element.gateway or None,
            element.message.topic,
            element.position,
            element.raw,
            why.reason,
            why.detail[:LONGEST_DETAIL],
            element.counted,
        )
        for element, why in refusals
    )
    tx.copy(SQL["copy_quarantine"], TYPES, rows)


def waiting(tx: Tx, *, reason: str | None = None, gateway: str | None = None, limit: int = 100) -> list[Row]:
    """What waits for a replay, newest first; `reason` and `gateway` narrow it down."""
    return [Row(*row) for row in tx.execute(SQL["waiting_quarantine"], {"reason": reason, "gateway": gateway, "limit": limit})]


def show(tx: Tx, ids: Sequence[UUID]) -> list[Row]:
    """These rows, oldest first, replayed or not."""
    return [Row(*row) for row in tx.execute(SQL["show_quarantine"], {"ids": list(ids)})]


def by_reason(tx: Tx) -> list[tuple[str, int, datetime]]:
    """(reason, how many wait, the oldest) of what waits for a replay."""
    found: list[tuple[Any, ...]] = tx.execute(SQL["quarantine_by_reason"]).fetchall()
    return [(reason, count, oldest) for reason, count, oldest in found]


def message(row: Row) -> Message:
    """The message to send through the front door again: not retained, with the time at which the bytes first came."""
    parsed = topics.parse(row.topic)
    gateway, leaf = parsed if parsed else (row.gateway or "", topics.MEASUREMENTS)
    return Message(row.topic, row.payload, gateway, leaf, 1, False, row.received_at, channel=row.channel)


def settle(tx: Tx, results: Sequence[tuple[UUID, str]], at: datetime) -> None:
    """Note what a replay came to: (row, `stored`, `duplicate` or the reason why not). Refused again, the row waits on."""
    if results:
        ids, words = [identifier for identifier, _ in results], [word for _, word in results]
        tx.execute(SQL["settle_quarantine"], {"ids": ids, "results": words, "at": at})
