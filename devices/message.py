"""Message: the bytes that one gateway sent, before anybody has looked inside."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Channel = Literal["mqtt", "http", "import"]


@dataclass(frozen=True, slots=True)
class Message:
    """One payload as it came in, over MQTT or over the HTTP fallback.

    `received_at` is the instant at which our network thread read it. `generation` and `mid` say which acknowledgement it
    waits for: a message id counts only on the connection (the generation) that it came on. Over HTTP and from a file both are 0.
    """

    topic: str
    payload: bytes
    gateway: str
    leaf: str
    qos: int
    retain: bool
    received_at: datetime
    generation: int = 0
    mid: int = 0
    channel: Channel = "mqtt"
