"""The plan in words: what the zones say, every rule as a sentence, when what is to be measured, whom to call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dashboards.pages.reader import Reader
from dho.codes import measurement
from dho.duration import duration
from dho.rules.limits import HIGH, LOW
from dho.texts import catalogue

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class RuleWords:
    """One rule: the zone it leads to, and its sentence."""

    zone: str | None
    words: str


@dataclass(frozen=True, slots=True)
class PlanWords:
    """A plan, ready to be read. Zones are (level, condition, action, steps for staff), contacts (who, phone, when)."""

    title: str
    goals: Sequence[str]
    zones: Sequence[tuple[str, str, str, Sequence[str]]]
    rules: Sequence[RuleWords]
    schedule: Sequence[str]
    contacts: Sequence[tuple[str, str, str]]
    out_of_hours: str


def plan_words(document: Mapping[str, Any], reader: Reader) -> PlanWords:
    """Everything of a plan document that a person reads, in the reader's language; the plan's own texts stay as they were written."""
    items = {str(item.get("id")): item for item in document.get("schedule", ())}
    rules = [RuleWords(rule.get("zone"), rule_words(rule, items, reader)) for rule in document.get("rules", ())]
    order = {"red": 0, "yellow": 1, "not_reported": 2}
    return PlanWords(
        title=str(document.get("title", "")),
        goals=[goal if isinstance(goal, str) else str(goal.get("text", "")) for goal in document.get("goals", ())],
        zones=[(z["level"], str(z.get("condition", "")), str(z.get("action", "")), z.get("steps", ())) for z in document.get("zones", ())],
        rules=sorted(rules, key=lambda rule: order.get(str(rule.zone), 3)),
        schedule=[item_words(item, reader) for item in items.values()],
        contacts=[(str(c.get("who", "")), str(c.get("phone", "")), str(c.get("when", ""))) for c in document.get("contacts", ())],
        out_of_hours=str(document.get("out_of_hours", "")),
    )


def rule_words(rule: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]], reader: Reader) -> str:
    """One rule as a sentence, with how it is made calm or quick."""
    kind = rule.get("kind")
    if kind == "threshold":
        said = _threshold(rule, reader)
    elif kind == "missing":
        item = items.get(str(rule.get("item")), {})
        times = int(rule.get("consecutive", 1))
        said = reader.t("plan.rule.missing" if times == 1 else "plan.rule.missing_times", what=_item_name(item, reader), n=times)
    else:
        said = str(rule.get("title") or rule.get("text") or reader.t("plan.rule.other", id=str(rule.get("id", ""))))
    return " ".join([said, *_modifiers(rule, reader)])


def _threshold(rule: Mapping[str, Any], reader: Reader) -> str:
    what = _measurement_name(str(rule.get("code")), reader)
    unit = reader.unit(str(rule.get("unit", "")))
    sides = [
        reader.t(f"plan.limit.{name}", limit=reader.t("value.with_unit", value=Decimal(rule[name]), unit=unit))
        for name in (*LOW, *HIGH)
        if name in rule
    ]
    return reader.t("plan.rule.threshold", what=what, limits=reader.t("plan.or").join(sides))


def _modifiers(rule: Mapping[str, Any], reader: Reader) -> list[str]:
    said = []
    persist, confirm, clear = rule.get("persist"), rule.get("confirm"), rule.get("clear")
    if persist:
        said.append(reader.t("plan.rule.persist", k=persist["k"], n=persist["n"]))
    if confirm:
        said.append(reader.t("plan.rule.confirm", within=span(str(confirm["within"]), reader)))
    if rule.get("no_confirm"):
        said.append(reader.t("plan.rule.no_confirm"))
    if clear and int(clear.get("consecutive", 1)) > 1:
        said.append(reader.t("plan.rule.clear", n=clear["consecutive"]))
    return said


def item_words(item: Mapping[str, Any], reader: Reader) -> str:
    """One line of the schedule: what, when, and how long there is."""
    times = reader.t("plan.and").join(str(at) for at in item.get("times", ()))
    line = reader.t("plan.item", what=_item_name(item, reader), days=_days(item.get("days", "daily"), reader), times=times)
    if item.get("window"):
        line = reader.t("plan.item_window", line=line, window=span(str(item["window"]), reader))
    return line if item.get("required", True) else reader.t("plan.item_voluntary", line=line)


def _days(days: Any, reader: Reader) -> str:
    if isinstance(days, str):
        key = f"plan.days.{days}"
        return reader.t(key) if key in catalogue(reader.language) else days
    if isinstance(days, Mapping):
        return reader.t("plan.days.every", n=days.get("every", ""))
    return ", ".join(reader.t(f"plan.day.{day}") if day in DAYS else str(day) for day in days)


def _item_name(item: Mapping[str, Any], reader: Reader) -> str:
    if item.get("title"):
        return str(item["title"])
    if item.get("code"):
        return _measurement_name(str(item["code"]), reader)
    return reader.t("plan.questionnaire", name=str(item.get("questionnaire") or item.get("task") or item.get("id", "")))


def _measurement_name(code: str, reader: Reader) -> str:
    found = measurement(code)
    return reader.t(f"measurement.{found.name}") if found else code


def span(iso: str, reader: Reader) -> str:
    """A duration of the plan in words: minutes, hours or days."""
    found = duration(iso)
    if found is None:
        return iso
    seconds = int(found.elapsed.total_seconds())
    unit, size = next((u, s) for u, s in (("days", 86400), ("hours", 3600), ("minutes", 60), ("seconds", 1)) if seconds % s == 0)
    return reader.t(f"length.{unit}", n=seconds // size)
