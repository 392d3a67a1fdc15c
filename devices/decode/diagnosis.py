"""Why did the parser of the native form not take it? The first fault in a fixed order: text, shape, members, values."""

from typing import Any

from devices.decode import tolerant
from devices.decode.tolerant import NotFinite, Number
from devices.reading import Rejected

_NAMES: dict[type, str] = {str: "a string", list: "an array", dict: "an object"}
_MEASUREMENT: dict[str, type] = {"id": str, "taken_at": str, "values": list}
_INVALIDATION: dict[str, type] = {"id": str, "invalidates": str, "reason": str}
_OPTIONAL: dict[str, type] = {"patient": str, "device": str, "source": str, "note": str, "context": dict}


def diagnose(raw: bytes) -> tuple[str | None, Rejected | bytes]:
    """The id, if one can be read, and why the element cannot be taken; or, if there is no fault but a key that stands twice, the bytes with
    each key once."""
    found = tolerant.read(raw)
    fault = found.fault or _fault(found.tree)
    return found.id, fault if fault is not None else tolerant.written_once(found.tree)


def _fault(tree: Any) -> Rejected | None:
    if not isinstance(tree, dict):
        return Rejected("wrong_type", "An element must be a JSON object.")
    if "invalidates" in tree and "values" in tree:
        return Rejected("malformed", "An element is a measurement or an invalidation: send `values` and `invalidates` apart.")
    members = _INVALIDATION if "invalidates" in tree else _MEASUREMENT
    fault = members_missing(tree, members) or _of_values(tree.get("values", [])) or members_of_wrong_type(tree, _OPTIONAL)
    return fault or _not_finite(tree)


def members_missing(tree: dict[str, Any], required: dict[str, type], pointer: str = "") -> Rejected | None:
    """The first required member that is absent or of another JSON type."""
    for name, kind in required.items():
        if name not in tree:
            return Rejected("missing_field", f"{pointer}/{name} is missing: it must be {_NAMES[kind]}.")
        if type(tree[name]) is not kind:
            return Rejected("wrong_type", f"{pointer}/{name} must be {_NAMES[kind]}.")
    return None


def members_of_wrong_type(tree: dict[str, Any], optional: dict[str, type]) -> Rejected | None:
    """The first optional member of another JSON type; null counts as absent."""
    for name, kind in optional.items():
        if tree.get(name) is not None and type(tree[name]) is not kind:
            return Rejected("wrong_type", f"/{name} must be {_NAMES[kind]}.")
    return None


def _of_values(values: list[Any]) -> Rejected | None:
    for position, value in enumerate(values):
        pointer = f"/values/{position}"
        if not isinstance(value, dict):
            return Rejected("wrong_type", f"{pointer} must be an object with code, value and unit.")
        if (fault := members_missing(value, {"code": str, "unit": str}, pointer)) is not None:
            return fault
        if "value" not in value:
            return Rejected("missing_field", f"{pointer}/value is missing.")
        if type(value["value"]) is NotFinite:
            return Rejected("not_finite", f"{pointer}/value must be a number: NaN and Infinity are none.")
        if type(value["value"]) is not Number and not (type(value["value"]) is str and value["code"] == "consciousness"):
            return Rejected("wrong_type", f"{pointer}/value must be a JSON number.")
    return None


def _not_finite(part: Any) -> Rejected | None:
    """NaN or Infinity outside of the values."""
    if type(part) is NotFinite:
        return Rejected("not_finite", "NaN and Infinity are not JSON numbers.")
    children = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return next((fault for child in children if (fault := _not_finite(child))), None)
