"""The national plan document {title, description, zones [{condition, action, level}], version}, out and in without loss.

Ours is a superset. What the national document has no place for travels under `x-dho`; what it demands and we leave out is filled with
something empty, and `x-dho` says what was filled, so that it comes back as it was. What somebody changed in the national members on the
way wins over what we had. The form with an envelope ({id, status, subject, …, clinical_content}) is read and given back too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dho.errors import Fault, Invalid

OURS = "x-dho"
ENVELOPE = "x-national"
FORMAT = 1
_TEXTS = ("title", "description")
_ZONE = ("level", "condition", "action")
_CARRIED = frozenset({*_TEXTS, "zones", "version", "status", "comment", "subject", "updated_by", "updated_at", "id"})


def to_national(document: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A plan document as the national one. `number` is the version that is told where the document names none."""
    envelope = document.get(ENVELOPE)
    is_enveloped = isinstance(envelope, Mapping)
    rest = {key: value for key, value in document.items() if key not in _CARRIED and not (is_enveloped and key == ENVELOPE)}
    filled: dict[str, Any] = {key: "" for key in _TEXTS if key not in document}
    if "zones" not in document:
        filled["zones"] = []
    if "version" not in document:
        filled["version"] = number
    content = {key: document.get(key, filled.get(key)) for key in _TEXTS}
    zones, beside = _zones_out(document.get("zones", ()))
    content |= {"zones": zones, "version": document.get("version", number)}
    content |= {key: value for key, value in document.items() if key in _CARRIED and key not in content}
    content[OURS] = {"format": FORMAT, "rest": rest, "filled": filled, "zones": beside}
    return {**envelope, "clinical_content": content} if isinstance(envelope, Mapping) else content


def from_national(national: Mapping[str, Any]) -> dict[str, Any]:
    """A national document as a plan document; whether that can be used is for `read_plan` to say. Raises `Invalid` for no such document."""
    envelope = None
    content: Any = national
    if "clinical_content" in national:
        content = national["clinical_content"]
        envelope = {key: value for key, value in national.items() if key != "clinical_content"}
    if not isinstance(content, Mapping) or not isinstance(content.get("zones"), list | tuple):
        raise Invalid("This is not a national plan document.", (Fault("/zones", "missing_key", "A national plan document has `zones`."),))
    ours = content.get(OURS)
    if not (isinstance(ours, Mapping) and ours.get("format") == FORMAT):
        document = dict(content)
    else:
        rest, filled, beside = (_object(ours, key) for key in ("rest", "filled", "zones"))
        kept = {key: value for key, value in content.items() if key != OURS and not (key in filled and _same(value, filled[key]))}
        if "zones" in kept:
            kept["zones"] = _zones_in(content["zones"], beside)
        document = {**rest, **kept}
    return document if envelope is None else {**document, ENVELOPE: envelope}


def _object(ours: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = ours.get(key, {})
    if not isinstance(found, Mapping):
        raise Invalid("This is not a national plan document.", (Fault(f"/{OURS}/{key}", "wrong_type", "This must be an object."),))
    return found


def _zones_out(zones: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The national zones, and by level what else we say of each."""
    told, beside = [], {}
    for zone in zones:
        filled = {key: "" for key in _ZONE if key not in zone}
        told.append({key: zone.get(key, "") for key in _ZONE})
        beside[str(zone.get("level", ""))] = {"rest": {key: value for key, value in zone.items() if key not in _ZONE}, "filled": filled}
    return told, beside


def _zones_in(zones: Sequence[Any], beside: Mapping[str, Any]) -> list[Any]:
    found: list[Any] = []
    for zone in zones:
        ours = beside.get(str(zone.get("level", ""))) if isinstance(zone, Mapping) else None
        if not isinstance(ours, Mapping):
            found.append(zone)
            continue
        filled = _object(ours, "filled")
        kept = {key: value for key, value in zone.items() if not (key in filled and _same(value, filled[key]))}
        found.append({**_object(ours, "rest"), **kept})
    return found


def _same(value: Any, filled: Any) -> bool:
    return bool(value == filled) and isinstance(value, bool) == isinstance(filled, bool)
