"""The few MQTT 3.1.1 packets that a gateway needs, written here so that the load is not made by the code under test."""

import struct
from collections.abc import Iterable

PUBLISH, PUBACK = 3, 4


def _text(words: str) -> bytes:
    coded = words.encode()
    return struct.pack(">H", len(coded)) + coded


def _packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray((first,))
    while length >= 0x80:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + body


def connect(client_id: str, user: str, password: str) -> bytes:
    """CONNECT with a clean session and no keep-alive."""
    return _packet(0x10, _text("MQTT") + b"\x04\xc2\0\0" + _text(client_id) + _text(user) + _text(password))


def subscribe(topic_filter: str) -> bytes:
    """SUBSCRIBE at QoS 1."""
    return _packet(0x82, b"\0\1" + _text(topic_filter) + b"\1")


def publish(topic: str, mid: int, payload: bytes) -> bytes:
    """PUBLISH at QoS 1."""
    return _packet(0x32, _text(topic) + struct.pack(">H", mid) + payload)


def acknowledge(mids: Iterable[bytes]) -> bytes:
    """One PUBACK for each message id."""
    return b"".join([b"\x40\x02" + mid for mid in mids])


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """(type and flags, body) of every whole packet in `data`, and what is left."""
    packets, start = [], 0
    while len(data) - start >= 2:
        length, place, shift = 0, start + 1, 0
        while True:
            if place >= len(data):
                return packets, data[start:]
            byte = data[place]
            length |= (byte & 0x7F) << shift
            place, shift = place + 1, shift + 7
            if byte < 0x80:
                break
        if len(data) < place + length:
            break
        packets.append((data[start], data[place : place + length]))
        start = place + length
    return packets, data[start:]


def delivered(first: int, body: bytes) -> tuple[bytes | None, bytes]:
    """(message id if it must be acknowledged, payload) of a PUBLISH that came."""
    place = 2 + (body[0] << 8 | body[1])
    return (body[place : place + 2], body[place + 2 :]) if first & 0x06 else (None, body[place:])
