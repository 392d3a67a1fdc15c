"""The two MQTT 5 packets of the hot path, PUBLISH and PUBACK, read and written many at a time.

paho keeps the session: connecting, subscribing, pings, TLS, farewell. Decoding one PUBLISH costs it about 30 µs and one
PUBACK about 25 µs (it builds tables of property names for each), which is more than everything we do with a
measurement; here both cost about 2 µs. Pure: bytes in, packets out. We never grant topic aliases, so every PUBLISH names its topic.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

PUBLISH, PUBACK = 0x30, 0x40
_ACK = struct.Struct(">BBH")
_SHORT = struct.Struct(">H")
FAILURE = 0x80


class Published(NamedTuple):
    """A PUBLISH that came. `mid` is 0 at QoS 0."""

    topic: bytes
    payload: bytes
    qos: int
    retain: bool
    mid: int


class Acknowledged(NamedTuple):
    """A PUBACK that came for one of ours; `refused` if the broker did not take it."""

    mid: int
    refused: bool


class Control(NamedTuple):
    """Any other packet, whole, as it came: paho's business."""

    packet: bytes


Packet = Published | Acknowledged | Control


class BrokenPacket(Exception):
    """What came is not MQTT; the connection must be closed."""


def read_packets(data: bytes) -> tuple[list[Packet], int]:
    """All whole packets at the head of `data`, and how many bytes they took. Raises BrokenPacket."""
    packets: list[Packet] = []
    start, end = 0, len(data)
    try:
        while end - start >= 2:
            length, body = data[start + 1], start + 2
            if length & 0x80:
                length, body = _variable_length(data, start + 1)
                if body < 0:
                    break
            after = body + length
            if after > end:
                break
            first = data[start]
            if first & 0xF0 == PUBLISH:
                packets.append(_published(data, first, body, after))
            elif first & 0xF0 == PUBACK:
                refused = length > 2 and data[body + 2] >= FAILURE
                packets.append(Acknowledged(data[body] << 8 | data[body + 1], refused))
            else:
                packets.append(Control(data[start:after]))
            start = after
    except IndexError:
        raise BrokenPacket from None
    return packets, start


def _published(data: bytes, first: int, body: int, after: int) -> Published:
    qos, mid = (first >> 1) & 3, 0
    place = body + 2 + (data[body] << 8 | data[body + 1])
    topic = data[body + 2 : place]
    if qos:
        mid = data[place] << 8 | data[place + 1]
        place += 2
    if data[place] == 0:
        place += 1
    else:
        properties, place = _variable_length(data, place)
        place += properties
    if place > after or qos == 3:
        raise BrokenPacket
    return Published(topic, data[place:after], qos, bool(first & 1), mid)


def _variable_length(data: bytes, place: int) -> tuple[int, int]:
    """(number, place after it), or (0, -1) if it has not come whole."""
    number = 0
    for step in range(4):
        if place + step >= len(data):
            return 0, -1
        byte = data[place + step]
        number |= (byte & 0x7F) << (7 * step)
        if byte < 0x80:
            return number, place + step + 1
    raise BrokenPacket


def acknowledgements(mids: Iterable[int]) -> bytes:
    """One PUBACK (success) for each message id, in order."""
    return b"".join([_ACK.pack(PUBACK, 2, mid) for mid in mids])


def publication(topic: bytes, mid: int, payload: bytes) -> bytes:
    """One PUBLISH at QoS 1, not retained, without properties."""
    length = len(topic) + len(payload) + 5
    head = bytearray((PUBLISH | 2,))
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return b"".join((head, _SHORT.pack(len(topic)), topic, _SHORT.pack(mid), b"\0", payload))
