"""What gateways say of themselves, and when each was last heard; and which messages were read on them.

Offline means no connection, status or uplink known for five minutes, so every uplink is a sign of life. Signs of life are written at
most every 30 seconds a gateway: a busy tablet must not rewrite its row with every batch. Of a simulated gateway only readings are signs of
life, at the arrival time that the simulator gave, and always written: `watch` reads from them how far the simulator has come.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from devices.reading import Element, Invalidation, Reading, Rejected, Seen, Status
from dho.db import Tx
from dho.sql import queries

SQL = queries("devices")
AT_MOST_EVERY = timedelta(seconds=30)  # as in the statement `note_heard`


def hear(tx: Tx, elements: Sequence[Element], heard_before: Mapping[str, datetime] | None = None) -> dict[str, datetime]:
    """Note signs of life, the newest status of each gateway, and messages that were read. Unknown gateways leave no trace.

    `heard_before` is what former calls gave back once their transaction was committed: gateways whose sign of life was written less than
    30 seconds ago are not even asked about. Not for a simulation, where every reading counts.
    """
    heard = _note_heard(tx, elements, heard_before or {})
    _note_status(tx, elements)
    _note_seen(tx, elements)
    return heard


def _note_heard(tx: Tx, elements: Iterable[Element], before: Mapping[str, datetime]) -> dict[str, datetime]:
    heard: dict[str, datetime] = {}
    played: dict[str, datetime] = {}  # by what was understood alone: only that carries the simulator's time
    for element in elements:
        if isinstance(element.what, Status | Rejected) and not element.counted:
            continue  # a last will is the broker speaking; a bad status changes nothing shown
        gateway, at = element.gateway, element.received_at
        if gateway in before and at - before[gateway] < AT_MOST_EVERY:
            continue
        heard[gateway] = max(at, heard.get(gateway, at))
        if isinstance(element.what, Reading | Invalidation):
            played[gateway] = max(at, played.get(gateway, at))
    if heard:
        gateways = sorted(heard)  # in one order everywhere, so that two workers cannot block each other
        ats, played_ats = [heard[gateway] for gateway in gateways], [played.get(gateway) for gateway in gateways]
        tx.execute(SQL["note_heard"], {"gateways": gateways, "ats": ats, "played": played_ats})
    return heard


def _note_status(tx: Tx, elements: Iterable[Element]) -> None:
    said: dict[str, Status] = {}
    for element in elements:
        if isinstance(element.what, Status) and (
            element.gateway not in said or said[element.gateway].received_at <= element.what.received_at
        ):
            said[element.gateway] = element.what
    if said:
        gateways = sorted(said)
        tx.execute(
            SQL["note_status"],
            {
                "gateways": gateways,
                "states": [said[gateway].state for gateway in gateways],
                "batteries": [said[gateway].battery for gateway in gateways],
                "apps": [said[gateway].app for gateway in gateways],
                "ats": [said[gateway].received_at for gateway in gateways],
            },
        )


def _note_seen(tx: Tx, elements: Iterable[Element]) -> None:
    seen = [(element.gateway, element.what) for element in elements if isinstance(element.what, Seen)]
    if seen:
        tx.execute(
            SQL["note_seen"],
            {
                "gateways": [gateway for gateway, _ in seen],
                "messages": [what.message for _, what in seen],
                "ats": [what.at for _, what in seen],
            },
        )
