"""Uplinks whose decoder is still to come: every element is kept in quarantine, answered by its id, and can be replayed."""

from datetime import datetime
from typing import Any

from devices.decode import tolerant
from devices.decode.native import uuid
from devices.reading import Rejected


def decode_later(raw: bytes, received_at: datetime) -> tuple[str | None, Rejected]:
    """Bluetooth characteristics: not yet."""
    found = tolerant.read(raw)
    return found.id, found.fault or _not_yet(found.tree)


def decode_fhir_later(raw: bytes, received_at: datetime) -> tuple[str | None, Rejected]:
    """FHIR resources: not yet. Their id is the first identifier that is a UUID, else `id` if it is one."""
    found = tolerant.read(raw)
    return _fhir_id(found.tree), found.fault or _not_yet(found.tree)


def _not_yet(tree: Any) -> Rejected:
    if not isinstance(tree, dict):
        return Rejected("wrong_type", "An element must be a JSON object.")
    return Rejected("not_supported", "This kind of message is not read yet; it is kept and will be read once it can be.")


def _fhir_id(tree: Any) -> str | None:
    if not isinstance(tree, dict):
        return None
    identifiers = tree.get("identifier")
    named = identifiers if isinstance(identifiers, list) else [identifiers]
    candidates = [entry.get("value") for entry in named if isinstance(entry, dict)] + [tree.get("id")]
    texts = [text.removeprefix("urn:uuid:") for text in candidates if type(text) is str]
    return next((text for text in texts if uuid(text)), None)
