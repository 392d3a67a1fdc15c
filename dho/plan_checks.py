"""What can only be seen across rules: dangling references, cycles, limits of one family against each other; and mere warnings."""

import re
from collections.abc import Mapping, Sequence
from itertools import product

from dho.errors import Fault
from dho.plan_document import Sections
from dho.plan_section import Section
from dho.rules.count import Count
from dho.rules.limits import Limit
from dho.rules.missing import Missing
from dho.rules.rule import DerivedRule, ReadingRule, Rule
from dho.rules.threshold import Threshold

COUNTED = ("threshold", "answer", "change", "score")
_DOSE = re.compile(r"\b[0-9]+(?:[.,][0-9]+)?\s?(?:mg|µg|mcg|g|ml|IE|IU|tablett\w*|tabl?|dos[ei]\w*|puff\w*|sug)\b", re.IGNORECASE)


def across(top: Section, sections: Sections, rules: Sequence[Rule]) -> list[Fault]:
    """Record every fault between rules and sections in `top.faults`, and give the warnings."""
    items = {item.id for item in sections.schedule}
    ids, written = _names(top, "rules"), _names(top, "schedule")
    for rule in rules:
        if isinstance(rule, Missing) and rule.item not in items and rule.item not in written:
            top.faults.append(Fault(f"{rule.pointer}/item", "dangling_reference", f"Nothing in the schedule is called `{rule.item}`."))
        if isinstance(rule, DerivedRule):
            for name in sorted(rule.needs - ids):
                top.faults.append(Fault(f"{rule.pointer}/of", "dangling_reference", f"There is no rule `{name}`."))
    kinds = {rule.id: rule.kind for rule in rules}
    for rule in rules:
        if isinstance(rule, Count) and kinds.get(rule.of[0], COUNTED[0]) not in COUNTED:
            text = f"Only a {', '.join(COUNTED)} rule can be counted, not {kinds[rule.of[0]]}."
            top.faults.append(Fault(f"{rule.pointer}/of", "bad_value", text))
    _cycles(top, rules)
    _families(top, rules)
    return _warnings(sections, rules)


def _names(top: Section, key: str) -> set[str]:
    """Every id as written, also of entries that could not be read: naming those is no second fault."""
    value = top.value.get(key)
    entries = value if isinstance(value, list | tuple) else ()
    found = (entry.get("id") for entry in entries if isinstance(entry, Mapping))
    return {name for name in found if isinstance(name, str)}


def _cycles(top: Section, rules: Sequence[Rule]) -> None:
    """A combination that rests on itself can never be judged."""
    needs = {rule.id: rule.needs for rule in rules}

    def reaches(start: str) -> bool:
        seen: set[str] = set()
        todo = list(needs[start])
        while todo:
            name = todo.pop()
            if name == start:
                return True
            if name not in seen:
                seen.add(name)
                todo += needs.get(name, frozenset())
        return False

    for rule in rules:
        if rule.needs and reaches(rule.id):
            top.faults.append(Fault(f"{rule.pointer}/of", "cycle", f"`{rule.id}` rests on itself."))


def _families(top: Section, rules: Sequence[Rule]) -> None:
    """Within a family and measurement: every low limit below every high one, and red strictly further out than yellow on each side."""
    groups: dict[tuple[str, str], list[Threshold]] = {}
    for rule in rules:
        if isinstance(rule, Threshold):
            groups.setdefault((rule.family, rule.measurement), []).append(rule)
    for group in groups.values():
        lows = [(rule, rule.limits.low) for rule in group if rule.limits.low is not None]
        highs = [(rule, rule.limits.high) for rule in group if rule.limits.high is not None]
        for (one, low), (other, high) in product(lows, highs):
            if one is not other and low.value >= high.value:
                text = f"The low limit of `{one.id}` is not below the high limit of `{other.id}`."
                top.faults.append(Fault(f"{one.pointer}/{low.name}", "crossed_limits", text))
        for side in (lows, highs):
            _nested(top, side)


def _nested(top: Section, side: list[tuple[Threshold, Limit]]) -> None:
    yellow = [limit for rule, limit in side if rule.zone == "yellow"]
    if not yellow:
        return
    outermost = max(yellow, key=_reach)
    for rule, limit in side:
        if rule.zone == "red" and _reach(limit) >= _reach(outermost):
            text = f"What `{rule.id}` calls red must lie strictly inside what the family calls yellow ({outermost.name} {outermost.value})."
            top.faults.append(Fault(f"{rule.pointer}/{limit.name}", "crossed_limits", text))


def _reach(limit: Limit) -> tuple[object, bool]:
    """Larger means that more values are past it."""
    return (limit.value if limit.low else -limit.value, limit.inclusive)


def _warnings(sections: Sections, rules: Sequence[Rule]) -> list[Fault]:
    """Doses outside medication steps, and rules on something that nobody is asked to measure."""
    found = []
    for place, zone in enumerate(sections.zones):
        for key in ("condition", "action"):
            if _DOSE.search(str(zone.get(key, ""))):
                text = "This text names a dose; doses belong in a medication step, which ends and has a prescriber."
                found.append(Fault(f"/zones/{place}/{key}", "dose_in_text", text))
    asked = {item.key for item in sections.schedule}
    for rule in rules:
        if isinstance(rule, ReadingRule) and rule.measurement not in asked and rule.measurement.rpartition(":")[0] not in asked:
            found.append(Fault(rule.pointer, "not_scheduled", f"`{rule.id}` judges something that the schedule does not ask for."))
    return found
