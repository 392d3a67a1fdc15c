"""Decode: what did the sender say? Pure; one decoder per leaf of the topic tree, in one table.

A new kind of message is one file with one function `(raw, received_at) -> (id as sent, what it says)` and one row here.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from devices import topics
from devices.decode import tolerant
from devices.decode.answers import decode_answers
from devices.decode.deferred import decode_fhir_later, decode_later
from devices.decode.native import decode_native
from devices.decode.split import split
from devices.decode.word_of_gateway import decode_seen, decode_status
from devices.message import Message
from devices.reading import Element, Ignored, Rejected

__all__ = ["DECODERS", "LARGEST", "Element", "decode"]

LARGEST = 65_536  # bytes of a payload, inclusive
Decoder = Callable[[bytes, datetime], tuple[str | None, Any]]
DECODERS: dict[str, Decoder] = {
    topics.MEASUREMENTS: decode_native,
    topics.ANSWERS: decode_answers,
    topics.GATT: decode_later,
    topics.FHIR: decode_fhir_later,
    topics.SEEN: decode_seen,
    topics.STATUS: decode_status,
}


def decode(message: Message) -> list[Element]:
    """The elements of a message, at least one. Never raises, whatever the bytes are."""
    payload = message.payload
    if message.leaf == topics.MEASUREMENTS and payload[:1] == b"{" and len(payload) <= LARGEST and not message.retain:
        identifier, what = decode_native(payload, message.received_at)
        return [Element(message, None, identifier if what.__class__ is not Rejected else tolerant.echo(identifier), payload, what)]
    return _decode_any(message)


def _decode_any(message: Message) -> list[Element]:
    """The unusual: arrays, other leaves, and what is refused before anybody looks inside."""
    if message.retain and not message.payload:
        return [Element(message, None, None, b"", Ignored("empty_retained"))]
    decoder = DECODERS.get(message.leaf)
    if decoder is None:
        return _refuse_whole(
            message, Rejected("unknown_leaf", f"Nothing is known by the last part of the topic: send to one of {', '.join(DECODERS)}.")
        )
    if len(message.payload) > LARGEST:
        return _refuse_whole(message, Rejected("too_large", f"The payload has {len(message.payload)} bytes: at most {LARGEST} are taken."))
    pieces = [(None, message.payload)] if message.leaf == topics.STATUS else split(message.payload)
    if isinstance(pieces, Rejected):
        return _refuse_whole(message, pieces)
    elements = []
    for position, raw in pieces:
        identifier, what = decoder(raw, message.received_at)
        if message.retain and message.leaf != topics.STATUS:
            what = Rejected("retained", "Publish without the retain flag: a retained message would come again at every start.")
        elements.append(Element(message, position, tolerant.echo(identifier), raw, what))
    return elements


def _refuse_whole(message: Message, why: Rejected) -> list[Element]:
    return [Element(message, None, tolerant.readable_id(message.payload), message.payload, why)]
