"""Reading the rules of a plan document: ids, zones, families, then each kind by the table in `dho.rules.kinds`."""

from dataclasses import replace
from typing import cast

from dho.errors import Fault
from dho.plan_document import Sections
from dho.plan_section import Section
from dho.rules.combination import Combination
from dho.rules.count import Count
from dho.rules.kinds import KINDS, LANGUAGE
from dho.rules.rule import RANK, Common, Rule, Suppression, Zone

RULE_ZONES = ("red", "yellow", "not_reported")


def read_rules(top: Section, sections: Sections) -> list[Rule]:
    """All rules that could be read, in the document's order; the others have left their faults."""
    rules: list[Rule] = []
    ids: set[str] = set()
    entries = top.sections("rules")
    inner = _children(entries)
    for section in entries:
        name = section.text("id", required=True)
        if name is not None and name in ids:
            section.fault("id", "duplicate_id", f"Another rule is called `{name}` too.")
        ids.add(name or "")
        rule = _read(section, name, inner, sections)
        if rule is not None:
            rules.append(rule)
    return _suppressed(top, _inherited(rules, entries), ids)


def _inherited(rules: list[Rule], entries: list[Section]) -> list[Rule]:
    """A count belongs to the family of what it counts, unless it names its own."""
    families = {rule.id: rule.family for rule in rules}
    named = {section.pointer for section in entries if "family" in section}
    titles = {rule.id: rule.title or rule.id for rule in rules}
    rules = [replace(rule, labels=tuple(titles.get(n, n) for n in rule.of)) if isinstance(rule, Combination) else rule for rule in rules]
    return [
        replace(rule, family=families.get(rule.of[0], rule.family)) if isinstance(rule, Count) and rule.pointer not in named else rule
        for rule in rules
    ]


def _children(entries: list[Section]) -> set[str]:
    """Rules that a combination or count names: these may have no zone of their own."""
    names: set[str] = set()
    for section in entries:
        of = section.value.get("of")
        several = of if isinstance(of, list | tuple) else [of]
        names |= {name for name in several if isinstance(name, str)}
    return names


def _read(section: Section, name: str | None, inner: set[str], sections: Sections) -> Rule | None:
    kind = section.choice("kind", LANGUAGE, required=True, code="unknown_kind")
    zone = section.choice("zone", RULE_ZONES, required=name not in inner, code="bad_zone")
    family, title, text = section.text("family"), section.text("title"), section.text("text")
    common = Common(name or "", kind or "", cast(Zone | None, zone), family, section.pointer, title, text, sections.background)
    if kind is None:
        return None
    reader = KINDS.get(kind)
    if reader is None:
        section.fault("kind", "not_supported", f"Rules of the kind `{kind}` belong to the language but are not built yet.")
        return None
    if zone == "not_reported" and kind != "missing":
        section.fault("zone", "bad_zone", "Only a missing rule can have the zone not_reported.")
    rule = reader(section, common)
    section.close()
    return rule


def _suppressed(top: Section, rules: list[Rule], ids: set[str]) -> list[Rule]:
    """Attach what is muted: `suppress: [{rules, zone, reason, end}]`, never red."""
    muted: dict[str, Suppression] = {}
    for section in top.sections("suppress"):
        names, reason = section.texts("rules", required=True), section.text("reason", required=True)
        end = section.instant("end", required=True)
        zone = section.choice("zone", ("yellow", "not_reported"), code="bad_zone") or "yellow"
        section.close()
        for place, name in enumerate(names):
            if name not in ids:
                section.faults.append(Fault(f"{section.path('rules')}/{place}", "dangling_reference", f"There is no rule `{name}`."))
            elif reason is not None and end is not None:
                muted[name] = Suppression(cast(Zone, zone), reason, end)
    return [replace(rule, suppression=muted[rule.id]) if _mutes(rule, muted) else rule for rule in rules]


def _mutes(rule: Rule, muted: dict[str, Suppression]) -> bool:
    return rule.id in muted and RANK[rule.zone] <= RANK[muted[rule.id].zone]
