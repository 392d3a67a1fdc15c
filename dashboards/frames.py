"""What goes over the live feed, as text: pure functions from what happened to frames of at most 64 KiB."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from alerts.alert import COLUMNS, Alert, instant
from dashboards.replies import ENCODER

LARGEST_FRAME = 65_536


def alert_of(row: Any) -> Alert:
    """The alert in a row of table `alert`."""
    return Alert(**{column: getattr(row, column) for column in COLUMNS})


def event_frame(seq: int, prev: int, body: str) -> str:
    """One event: its stored body, with the number it has and the number before it in this scope."""
    return f'{{"op":"event","seq":{seq},"prev":{prev},{body.lstrip()[1:]}'


def welcome_frame(epoch: str, head: int, heartbeat_s: float, scope: Sequence[str]) -> str:
    """The first frame; `head` is the feed's last number and moves no position."""
    return _text({"op": "welcome", "epoch": epoch, "head": head, "heartbeat_s": heartbeat_s, "scope": list(scope)})


def heartbeat_frame(seq: int, at: datetime) -> str:
    """Everything visible up to `seq` has been sent."""
    return _text({"op": "heartbeat", "seq": seq, "at": instant(at)})


def snapshot_frames(at_seq: int, alerts: Sequence[Alert]) -> Iterator[str]:
    """All open alerts in scope as they were at `at_seq`, in as many frames as it takes; the last one says so, also when there are none."""
    opening, closing = f'{{"op":"snapshot","at_seq":{at_seq},"alerts":[', '],"last":false}'
    room = LARGEST_FRAME - len(opening) - len(closing)
    chunk: list[bytes] = []
    size = 0
    for alert in alerts:
        told = ENCODER.encode(alert.told())
        if chunk and size + len(told) + 1 > room:
            yield opening + b",".join(chunk).decode() + closing
            chunk, size = [], 0
        chunk.append(told)
        size += len(told) + 1
    yield opening + b",".join(chunk).decode() + '],"last":true}'


def _text(frame: dict[str, Any]) -> str:
    return ENCODER.encode(frame).decode()
