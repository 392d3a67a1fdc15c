"""Measurements from FHIR R4: a Bundle, one Observation, or one resource a line. Pure: resources in, lines or reasons out.

An Observation's own value and its components (a blood pressure) become the values of one measurement. LOINC codes and UCUM units are
taken as they stand; what they mean, and whether they are known, is judged where every measurement is judged.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from dashboards.commands.csv_lines import UnreadableFile
from dashboards.commands.measurement_lines import BadLine, FileValue, Line, LineFault, LocalClock
from dho.codes import BY_CODE

LOINC = "http://loinc.org"
USABLE = ("final", "amended", "corrected", "preliminary")


def read_resources(text: str) -> Iterator[tuple[int, Any]]:
    """(place, Bundle entry or resource) for everything in the file; the place is the entry's or the line's number, from 1."""
    if not text.strip():
        raise UnreadableFile("The file is empty.")
    try:
        whole = _parse(text)
    except ValueError:
        yield from _each_line(text)
        return
    if isinstance(whole, list):
        yield from enumerate(whole, 1)
    elif isinstance(whole, dict) and whole.get("resourceType") == "Bundle":
        entries = whole.get("entry", [])
        if not isinstance(entries, list):
            raise UnreadableFile("The Bundle's `entry` is not a list.")
        yield from enumerate(entries, 1)
    else:
        yield 1, whole


def _each_line(text: str) -> Iterator[tuple[int, Any]]:
    lines = [(place, line) for place, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) < 2:
        raise UnreadableFile("The file is not JSON.")
    for place, line in lines:
        try:
            yield place, _parse(line)
        except ValueError:
            yield place, None


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def lines_of(resources: Iterator[tuple[int, Any]], clock: LocalClock) -> Iterator[Line | BadLine | None]:
    """A line or a reason for each Observation; None for each resource of another kind."""
    for place, entry in resources:
        resource = entry.get("resource") if isinstance(entry, dict) and "resourceType" not in entry else entry
        if not isinstance(resource, dict):
            yield BadLine(place, "malformed", "This is no FHIR resource.")
        elif resource.get("resourceType") != "Observation":
            yield None
        else:
            try:
                yield _observation(place, resource, entry.get("fullUrl") if entry is not resource else None, clock)
            except LineFault as fault:
                yield BadLine(place, fault.reason, fault.detail)


def _observation(place: int, resource: Mapping[str, Any], full_url: Any, clock: LocalClock) -> Line:
    status = resource.get("status")
    if status not in USABLE:
        raise LineFault("malformed", f"Its status is “{status}”; only {', '.join(USABLE)} are measurements.")
    patient = _subject(resource.get("subject"))
    when = resource.get("effectiveDateTime", resource.get("effectiveInstant"))
    if not isinstance(when, str):
        raise LineFault("missing_field", "It has no effectiveDateTime.")
    values = tuple(_values(resource))
    if not values:
        raise LineFault("missing_field", "It has no valueQuantity, neither of its own nor in a component.")
    notes = " ".join(note["text"] for note in _dicts(resource.get("note")) if isinstance(note.get("text"), str))
    return Line(place, patient, clock.instant(when, patient), values, _identity(resource, full_url), _device(resource), notes or None)


def _values(resource: Mapping[str, Any]) -> Iterator[FileValue]:
    for part in (resource, *_dicts(resource.get("component"))):
        quantity = part.get("valueQuantity")
        if not isinstance(quantity, dict):
            continue
        value, unit = quantity.get("value"), quantity.get("code", quantity.get("unit"))
        if not isinstance(value, Decimal):
            raise LineFault("wrong_type", "A valueQuantity has no number.")
        if "comparator" in quantity:
            raise LineFault("wrong_type", f"A value “{quantity['comparator']} {value}” is not a number.")
        if not isinstance(unit, str):
            raise LineFault("missing_field", "A valueQuantity has no unit.")
        yield FileValue(_code(part.get("code")), value, unit)


def _code(concept: Any) -> str:
    """The first LOINC code that we know, else the first LOINC code."""
    codings = _dicts(concept.get("coding")) if isinstance(concept, dict) else []
    codes = [str(c["code"]) for c in codings if c.get("system") == LOINC and "code" in c]
    if not codes:
        raise LineFault("unknown_code", "A value has no LOINC code.")
    return next((code for code in codes if code in BY_CODE), codes[0])


def _subject(subject: Any) -> str:
    """What the file calls the patient: the id of the reference, else the identifier's value."""
    if not isinstance(subject, dict):
        return ""
    reference = subject.get("reference")
    if isinstance(reference, str):
        return reference.removeprefix("urn:uuid:").rsplit("/", 1)[-1]
    identifier = subject.get("identifier")
    return str(identifier.get("value", "")) if isinstance(identifier, dict) else ""


def _identity(resource: Mapping[str, Any], full_url: Any) -> UUID | None:
    """The first identifier that is a UUID, else the UUID in the entry's fullUrl, else the resource's id if it is one."""
    candidates = [str(i.get("value", "")) for i in _dicts(resource.get("identifier"))]
    candidates += [str(full_url or "").rsplit("/", 1)[-1], str(resource.get("id", ""))]
    for candidate in candidates:
        try:
            return UUID(candidate.removeprefix("urn:uuid:"))
        except ValueError:
            continue
    return None


def _device(resource: Mapping[str, Any]) -> str | None:
    device = resource.get("device")
    identifier = device.get("identifier") if isinstance(device, dict) else None
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return value[:64] if isinstance(value, str) else None


def _dicts(value: Any) -> Sequence[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
