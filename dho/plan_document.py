"""Reading everything of a plan document but its rules: background, schedule, zones, medication, contacts, dates."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dho.codes import measurement
from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.rule import Background
from dho.schedule import Days, Item, Pause, recurrence

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SETS = {"daily": range(7), "weekdays": range(5), "weekends": range(5, 7)}
_NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Sections:
    """The sections of a plan that evaluation and pages use, compiled."""

    title: str | None
    background: Background
    schedule: tuple[Item, ...]
    zones: tuple[Mapping[str, Any], ...]
    contacts: tuple[Mapping[str, Any], ...]
    out_of_hours: str | None
    review_date: date | None
    silence: Duration | None


def read_sections(top: Section, zone: ZoneInfo, active_from: datetime | None, pauses: tuple[Pause, ...]) -> Sections:
    """All sections, each checked; what is wrong stands in `top.faults`."""
    title = top.text("title", empty=True)
    top.text("description", empty=True)
    for goal in top.sections("goals"):
        _texts(goal, "text", optional=("measure", "target", "by"))
    _medication(top)
    _approvals(top)
    _origin(top)
    top.whole("contact_attempts", most=20)
    for form in top.sections("questionnaires"):
        form.text("id", required=True)
        form.whole("version", most=100_000)
        form.close()
    return Sections(
        title,
        _background(top),
        tuple(_schedule(top, zone, active_from, pauses)),
        _zones(top),
        _contacts(top),
        top.text("out_of_hours", empty=True),
        top.day("review_date"),
        top.duration("not_reported_after"),
    )


def _texts(section: Section, *required: str, optional: tuple[str, ...] = ()) -> None:
    for key in required:
        section.text(key, required=True)
    for key in optional:
        section.text(key, empty=True)
    section.close()


def _background(top: Section) -> Background:
    section = top.section("background")
    if section is None:
        return Background()
    oxygen, scale = section.flag("oxygen"), section.whole("spo2_scale", most=2)
    approver = section.text("spo2_scale_approver")
    if "diagnoses" in section:
        section.take("diagnoses")
    for key, unit in (("dry_weight", "kg"), ("personal_best_pef", "L/min"), ("target_spo2", "%")):
        _quantity(section, key, unit)
    section.text("allergies", empty=True)
    section.text("notes", empty=True)
    section.close()
    if scale == 2 and approver is None:
        text = "NEWS2 scale 2 is only for confirmed hypercapnic failure: name who approved it in `spo2_scale_approver`."
        section.fault("spo2_scale", "no_approver", text)
    return Background(oxygen, scale or 1)


def _quantity(section: Section, key: str, unit: str) -> None:
    """A number with its unit: {"value": 78.5, "unit": "kg"}."""
    inner = section.section(key)
    if inner is None:
        return
    for name in ("value", "low", "high"):
        inner.number(name)
    if inner.text("unit", required=True) not in (unit, None):
        inner.fault("unit", "unknown_unit", f"`{key}` is given in {unit}.")
    inner.close()


def _zones(top: Section) -> tuple[Mapping[str, Any], ...]:
    found = []
    levels: set[str] = set()
    for section in top.sections("zones"):
        level = section.choice("level", ("green", "yellow", "red"), required=True, code="bad_zone")
        if level in levels:
            section.fault("level", "duplicate_id", f"The zone {level} stands twice.")
        levels.add(level or "")
        for key in ("condition", "action", "condition_staff"):
            section.text(key, empty=True)
        if "steps" in section:
            section.texts("steps")
        section.close()
        found.append(section.value)
    return tuple(found)


def _contacts(top: Section) -> tuple[Mapping[str, Any], ...]:
    entries = top.sections("contacts")
    for section in entries:
        _texts(section, "who", optional=("role", "phone", "when", "hours"))
    return tuple(section.value for section in entries)


def _medication(top: Section) -> None:
    for section in top.sections("medication"):
        for key in ("text", "prescriber"):
            section.text(key, required=True)
        for key in ("drug", "dose"):
            section.text(key)
        section.choice("zone", ("green", "yellow", "red"), code="bad_zone")
        first, last = section.day("valid_from", required=True), section.day("valid_until", required=True)
        if "call_first" not in section:
            section.fault("call_first", "missing_key", "`call_first` is required: must the patient call before taking it?")
        section.flag("call_first")
        section.whole("max_days", most=365)
        section.close()
        if first is not None and last is not None and last < first:
            section.fault("valid_until", "bad_value", "The step ends before it begins.")


def _approvals(top: Section) -> None:
    for section in top.sections("approvals"):
        section.choice("party", ("patient", "nurse", "gp", "specialist"), required=True)
        section.text("person", required=True)
        section.instant("at", required=True)
        section.text("signature")
        section.close()


def _origin(top: Section) -> None:
    section = top.section("template")
    if section is not None:
        section.text("id", required=True)
        section.whole("version", most=1_000_000)
        section.close()


def _schedule(top: Section, zone: ZoneInfo, active_from: datetime | None, pauses: tuple[Pause, ...]) -> list[Item]:
    items: list[Item] = []
    ids: set[str] = set()
    for section in top.sections("schedule"):
        name = section.text("id", required=True)
        if name is not None and name in ids:
            section.fault("id", "duplicate_id", f"Another schedule item is called `{name}` too.")
        ids.add(name or "")
        key = _key(section, name or "")
        times = _times(section)
        days = _days(section)
        early, grace = section.duration("early", zero=True), section.duration("grace", zero=True)
        window = section.duration("window", required=True)
        required = section.flag("required") or False
        if "reminder" in section:
            section.texts("reminder")
        section.text("context")
        section.text("title")
        section.close()
        if name is None or key is None or not times or days is None or window is None:
            continue
        lengths = [part.elapsed if part else _NOTHING for part in (early, window, grace)]
        slots = recurrence(tuple(sorted(times)), days, lengths[0], lengths[1], lengths[2], zone)
        items.append(Item(name, key, required and not key.startswith("task:"), slots, active_from, pauses, section.value))
    return items


def _key(section: Section, name: str) -> str | None:
    """What reports the item: exactly one of code, questionnaire and task."""
    given = [key for key in ("code", "questionnaire", "task") if key in section]
    code, form, task = section.text("code"), section.text("questionnaire"), section.text("task")
    if len(given) != 1:
        section.fault(
            None,
            "missing_key" if not given else "contradiction",
            "Exactly one of `code`, `questionnaire` and `task` says what is expected.",
        )
        return None
    if code is not None:
        found = measurement(code)
        if found is None:
            section.fault("code", "unknown_code", f"`{code}` is not a measurement known here.")
            return None
        return found.name
    if form is not None:
        return f"answer:{form}"
    return f"task:{name}" if task is not None else None


def _times(section: Section) -> set[time]:
    found: set[time] = set()
    for place, text in enumerate(section.texts("times", required=True)):
        try:
            at = time.fromisoformat(text)
        except ValueError:
            at = None
        if at is None or at.tzinfo is not None or at.microsecond:
            section.fault("times", "bad_time", f"Entry {place} is not a local time of day such as 08:00.")
        else:
            found.add(at)
    return found


def _days(section: Section) -> Days | None:
    """`daily`, `weekdays`, `weekends`, a list of mon … sun, or {"every": 14, "from": "2026-11-02"} in dates."""
    value = section.take("days")
    if value is None:
        return Days()
    if isinstance(value, str):
        if value not in _SETS:
            section.fault("days", "bad_value", f"`days` is one of {', '.join(_SETS)}, a list of weekdays, or every n days from a date.")
            return None
        return Days(frozenset(_SETS[value]))
    if isinstance(value, Mapping):
        inner = Section(value, section.path("days"), section.faults)
        every, first = inner.whole("every", required=True, most=366), inner.day("from", required=True)
        inner.close()
        return None if every is None or first is None else Days(every=every, first=first.toordinal())
    names = section.texts("days")
    wrong = [name for name in names if name not in WEEKDAYS]
    if wrong or not names:
        section.fault("days", "bad_value", f"Weekdays are {', '.join(WEEKDAYS)}.")
        return None
    return Days(frozenset(WEEKDAYS.index(name) for name in names))
