"""What is other in one version of a plan than in another, in words: for whoever approves or activates it.

Pure, over documents. Entries of a list are told apart by what names them (a rule's id, a zone's level), so that a moved rule is no
difference; only where order means something (contacts) is a new order one. Numbers are compared as numbers: 88 and 88.0 are the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import msgspec

from dho.codes import MEASUREMENTS
from dho.duration import duration
from dho.rules.limits import HIGH, LOW
from dho.rules.rule import ZONES, Text

NAMED_BY: Mapping[str, str] = {
    "rules": "id",
    "schedule": "id",
    "zones": "level",
    "goals": "text",
    "medication": "text",
    "contacts": "who",
    "questionnaires": "id",
    "suppress": "reason",
    "approvals": "party",
}
IN_UNIT = frozenset({*LOW, *HIGH, "rises", "falls", "margin", "value", "low", "high"})
MEMBERS = (
    *("title", "description", "background", "out_of_hours", "review_date", "not_reported_after", "contact_attempts", "template", "version"),
    *(
        "zone",
        "family",
        "code",
        "unit",
        "text",
        "condition",
        "action",
        "steps",
        "phone",
        "when",
        "times",
        "days",
        "window",
        "grace",
        "early",
    ),
    *(
        "early",
        "required",
        "persist",
        "confirm",
        "within",
        "clear",
        "margin",
        "consecutive",
        "no_confirm",
        "max_gap",
        "valid_until",
        "target",
    ),
    *(*LOW, *HIGH, "rises", "falls"),
)
"""Members that have a name in people's language; others are called as the document calls them."""
_UNITS = frozenset(m.unit for m in MEASUREMENTS if not m.letters)
_NOTHING = object()
_json = msgspec.json.Encoder(decimal_format="number")
Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `path` is a JSON pointer in which list entries stand by their name; `text` renders in the reader's language."""

    kind: Kind
    path: str
    text: Text


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every difference between two documents, in the order of the newer one; what was removed comes last."""
    found: list[Change] = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key, _NOTHING), new.get(key, _NOTHING)
        if key in NAMED_BY and all(_is_entries(value) for value in (before, after)):
            found += _entries(key, () if before is _NOTHING else before, () if after is _NOTHING else after)
        elif isinstance(before, Mapping) and isinstance(after, Mapping):
            found += _members(_named(key), _pointer("", key), before, after)
        else:
            found += _member({"key": "difference.plan"}, key, _pointer("", key), before, after, "")
    return tuple(found)


def _is_entries(value: object) -> bool:
    return value is _NOTHING or (isinstance(value, list | tuple) and all(isinstance(entry, Mapping) for entry in value))


def _entries(section: str, old: Any, new: Any) -> Iterator[Change]:
    before, after = _by_name(section, old), _by_name(section, new)
    for name in dict.fromkeys([*after, *before]):
        path = _pointer(_pointer("", section), name)
        subject = _subject(section, name, after[name] if name in after else before[name])
        if name not in before:
            yield Change("added", path, _whole("added", subject, _summary(after[name], NAMED_BY[section])))
        elif name not in after:
            yield Change("removed", path, _whole("removed", subject, _summary(before[name], NAMED_BY[section])))
        else:
            yield from _members(subject, path, before[name], after[name])
    common = [name for name in after if name in before]
    if section == "contacts" and common != [name for name in before if name in after]:
        yield Change("changed", _pointer("", section), Text("difference.reordered", {"names": ", ".join(common)}))


def _whole(kind: Kind, subject: dict[str, Any], how: dict[str, Any] | str) -> Text:
    if kind == "added":
        return Text("difference.added", {"what": subject, "how": how}) if how else Text("difference.added_alone", {"what": subject})
    return Text("difference.removed", {"what": subject, "how": how}) if how else Text("difference.removed_alone", {"what": subject})


def _by_name(section: str, entries: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        name = str(entry.get(NAMED_BY[section], place))
        while name in found:
            name += f" ({place + 1})"
        found[name] = entry
    return found


def _subject(section: str, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    called: Any = {"key": f"zone.{name}"} if section == "zones" and name in ZONES else entry.get("title") or name
    return {"key": f"difference.of.{section}", "args": {"name": called}}


def _members(subject: dict[str, Any] | str, path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    units = (str(old.get("unit", "")), str(new.get("unit", "")))
    for name in dict.fromkeys([*new, *old]):
        before, after = old.get(name, _NOTHING), new.get(name, _NOTHING)
        yield from _member(subject, name, _pointer(path, name), before, after, units)


def _member(subject: Any, name: str, path: str, before: Any, after: Any, units: str | tuple[str, str]) -> Iterator[Change]:
    if before is not _NOTHING and after is not _NOTHING and _same(before, after):
        return
    old_unit, new_unit = units if isinstance(units, tuple) else (units, units)
    args = {"what": subject, "member": _named(name), "old": _words(name, before, old_unit), "new": _words(name, after, new_unit)}
    if before is _NOTHING:
        yield Change("added", path, Text("difference.set", {key: args[key] for key in ("what", "member", "new")}))
    elif after is _NOTHING:
        yield Change("removed", path, Text("difference.unset", {key: args[key] for key in ("what", "member", "old")}))
    else:
        yield Change("changed", path, Text("difference.changed", args))


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON values: true is not 1, 88 is 88.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _named(member: str) -> dict[str, Any] | str:
    return {"key": f"difference.member.{member}"} if member in MEMBERS else member


def _words(name: str, value: Any, unit: str) -> Any:
    """A value as people read it: with its unit, a duration in its own, yes or no, a zone by its name."""
    if isinstance(value, bool):
        return {"key": "difference.yes" if value else "difference.no"}
    if isinstance(value, int | Decimal | float):
        number = value if isinstance(value, Decimal) else Decimal(str(value))
        if name not in IN_UNIT or not unit:
            return number
        return {"key": "difference.amount", "args": {"value": number, "unit": {"key": f"unit.{unit}"} if unit in _UNITS else unit}}
    if isinstance(value, str):
        return {"key": f"zone.{value}"} if name in ("zone", "level") and value in ZONES else _length(value)
    if isinstance(value, Mapping):
        return _summary(value, "", unit)
    if isinstance(value, list | tuple) and all(isinstance(entry, str) for entry in value):
        return ", ".join(value)
    return "" if value is _NOTHING else _json.encode(value).decode()


def _length(text: str) -> dict[str, Any] | str:
    found = duration(text) if text.startswith("P") else None
    if found is None:
        return text
    if found.dates is not None:
        return {"key": "difference.days", "args": {"count": found.dates}}
    minutes, rest = divmod(found.elapsed.total_seconds(), 60)
    if rest:
        return text
    hours, rest = divmod(int(minutes), 60)
    return {"key": "difference.minutes", "args": {"count": int(minutes)}} if rest else {"key": "difference.hours", "args": {"count": hours}}


def _summary(entry: Mapping[str, Any], naming: str, unit: str = "") -> dict[str, Any] | str:
    """All members of an entry but the one that names it, one after the other."""
    unit = str(entry.get("unit", unit))
    said: dict[str, Any] | str = ""
    for name, value in entry.items():
        if name == naming or name.startswith("x-") or (name == "unit" and any(limit in entry for limit in IN_UNIT)):
            continue
        pair = {"key": "difference.pair", "args": {"member": _named(name), "value": _words(name, value, unit)}}
        said = {"key": "difference.list", "args": {"first": said, "second": pair}} if said else pair
    return said


def _pointer(path: str, name: str) -> str:
    return f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
