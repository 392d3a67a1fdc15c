"""What a gateway says of itself (`status`) and of its reader (`seen`): not measurements, not counted, not answered."""

from datetime import datetime
from typing import Any

from devices.decode import tolerant
from devices.decode.diagnosis import members_missing, members_of_wrong_type
from devices.decode.instants import instant
from devices.decode.native import bad_id, uuid
from devices.decode.tolerant import Number
from devices.reading import Rejected, Seen, Status

LONGEST_APP = 64


def decode_status(raw: bytes, received_at: datetime) -> tuple[None, Status | Rejected]:
    """`{"state":"online","battery":0.8,"app":"1.4.2","clock":"…"}`; only `state` is required."""
    found = tolerant.read(raw)
    return None, found.fault or _status(found.tree, received_at)


def decode_seen(raw: bytes, received_at: datetime) -> tuple[str | None, Seen | Rejected]:
    """`{"id","message","at"}`: a message was read on the tablet."""
    found = tolerant.read(raw)
    return found.id, found.fault or _seen(found.tree)


def _status(tree: Any, received_at: datetime) -> Status | Rejected:
    if not isinstance(tree, dict):
        return Rejected("wrong_type", "A status must be a JSON object.")
    fault = members_missing(tree, {"state": str}) or members_of_wrong_type(tree, {"app": str, "clock": str})
    if fault is not None:
        return fault
    if tree["state"] not in ("online", "offline"):
        return Rejected("wrong_type", "/state must be online or offline.")
    battery = tree.get("battery")
    if battery is not None and (type(battery) is not Number or not 0 <= float(battery) <= 1):
        return Rejected("wrong_type", "/battery must be a number from 0 to 1.")
    if len(tree.get("app") or "") > LONGEST_APP:
        return Rejected("bad_text", f"/app may have at most {LONGEST_APP} characters.")
    clock = instant(tree["clock"], "/clock") if tree.get("clock") else None
    if isinstance(clock, Rejected):
        return clock
    return Status(tree["state"], received_at, None if battery is None else float(battery), tree.get("app"), clock)


def _seen(tree: Any) -> Seen | Rejected:
    if not isinstance(tree, dict):
        return Rejected("wrong_type", "An element must be a JSON object.")
    if (fault := members_missing(tree, {"id": str, "message": str, "at": str})) is not None:
        return fault
    message, at = uuid(tree["message"]), instant(tree["at"], "/at")
    if message is None or uuid(tree["id"]) is None:
        return bad_id("/id" if message else "/message")
    return at if isinstance(at, Rejected) else Seen(message, at)
