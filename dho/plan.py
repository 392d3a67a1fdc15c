"""A self-treatment plan, compiled: what evaluation, the chart and the tablet use.

`read_plan` takes a document (see `plan_text.read_document`) and refuses it with *every* reason, or gives a frozen plan whose limits stand
in canonical units and whose rules are found by measurement.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from dho.duration import Duration, local_date
from dho.errors import Fault, Invalid
from dho.plan_checks import across
from dho.plan_document import read_sections
from dho.plan_rules import read_rules
from dho.plan_section import Section
from dho.plan_text import read_document as read_document
from dho.rules.answer import Answer
from dho.rules.count import Count
from dho.rules.missing import Missing
from dho.rules.rule import Background, DerivedRule, ReadingRule, Rule, ScoreRule
from dho.rules.threshold import Threshold
from dho.schedule import Item
from dho.schedule import Pause as Pause

_SILENCE = Duration("P7D", 7, timedelta(days=7))
_MARKS_DAYS = frozenset({"threshold", "answer", "score"})


class PlanRef(NamedTuple):
    """Which version of which plan."""

    id: UUID
    number: int


class PlanRefused(Invalid):
    """The plan cannot be used; `faults` holds every reason with its JSON pointer."""

    code = "plan_refused"


@dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Who is concerned by a reading of one measurement. Strictly between `low` and `high` no rule of a `simple` listener can matter, unless
    one of `ids` has an episode or a window."""

    rules: tuple[ReadingRule, ...]
    scores: tuple[ScoreRule, ...]
    derived: tuple[DerivedRule, ...]
    missing: tuple[tuple[Missing, Item], ...]
    ids: frozenset[str]
    form: str | None
    simple: bool
    low: Decimal | None
    high: Decimal | None

    def between(self, value: Decimal | str) -> bool:
        """True if a number lies strictly inside every limit."""
        if isinstance(value, str):
            return False
        return (self.low is None or value > self.low) and (self.high is None or value < self.high)


@dataclass(frozen=True, eq=False)
class Plan:
    """One immutable version for one patient. `document` is kept as given; everything else is made from it."""

    version: PlanRef
    document: Mapping[str, Any]
    timezone: ZoneInfo
    active_from: datetime | None
    pauses: tuple[Pause, ...]
    title: str | None
    background: Background
    schedule: tuple[Item, ...]
    rules: tuple[Rule, ...]
    zones: tuple[Mapping[str, Any], ...]
    contacts: tuple[Mapping[str, Any], ...]
    out_of_hours: str | None
    review_date: date | None
    silence: Duration
    warnings: tuple[Fault, ...] = ()
    _forms: dict[str, Listener | None] = field(default_factory=dict, repr=False)

    @cached_property
    def by_id(self) -> Mapping[str, Rule]:
        """Rules by id."""
        return {rule.id: rule for rule in self.rules}

    def family_of(self, rule: str) -> str:
        """The family of a rule; raises KeyError if the plan has no such rule."""
        return self.by_id[rule].family

    def day(self, instant: datetime) -> int:
        """The local calendar date of an instant, as a day number."""
        return local_date(instant, self.timezone)

    @cached_property
    def items(self) -> Mapping[str, Item]:
        """Schedule items by id."""
        return {item.id: item for item in self.schedule}

    @cached_property
    def required(self) -> tuple[Item, ...]:
        """Items without which the patient is not reported."""
        return tuple(item for item in self.schedule if item.required)

    @cached_property
    def watched(self) -> tuple[Item, ...]:
        """Items whose deadlines change something: required ones and those a missing rule watches."""
        named = {rule.item for rule in self.rules if isinstance(rule, Missing)}
        return tuple(item for item in self.schedule if item.required or item.id in named)

    @cached_property
    def missing(self) -> tuple[tuple[Missing, Item], ...]:
        """Missing rules with the items they watch."""
        return tuple((rule, self.items[rule.item]) for rule in self.rules if isinstance(rule, Missing))

    @cached_property
    def derived(self) -> tuple[DerivedRule, ...]:
        """Counts and combinations, children before parents."""
        waiting = [rule for rule in self.rules if isinstance(rule, DerivedRule)]
        placed = {rule.id for rule in self.rules if not isinstance(rule, DerivedRule)}
        order: list[DerivedRule] = []
        while waiting:
            ready = [rule for rule in waiting if rule.needs <= placed]
            order += ready
            placed |= {rule.id for rule in ready}
            waiting = [rule for rule in waiting if rule.id not in placed]
        return tuple(order)

    @cached_property
    def missing_within_others(self) -> tuple[tuple[Missing, Item], ...]:
        """Missing rules that a combination rests on: their slots are judged in time order with everything else."""
        needed = frozenset().union(*(rule.needs for rule in self.derived))
        return tuple((rule, item) for rule, item in self.missing if rule.id in needed)

    def derived_from(self, ids: frozenset[str]) -> tuple[DerivedRule, ...]:
        """Counts and combinations that rest on any of these rules, directly or not, children before parents."""
        touched = set(ids)
        found = []
        for rule in self.derived:
            if not rule.needs.isdisjoint(touched):
                touched.add(rule.id)
                found.append(rule)
        return tuple(found)

    @cached_property
    def listeners(self) -> Mapping[str, Listener]:
        """Who is concerned, by measurement or question."""
        names = {rule.measurement for rule in self.rules if isinstance(rule, ReadingRule)}
        names |= {name for rule in self.rules if isinstance(rule, ScoreRule) for name in rule.inputs}
        names |= {item.key for item in self.schedule if not item.key.startswith(("answer:", "task:"))}
        return {name: self._listener(name) for name in sorted(names)}

    def listener(self, measurement: str) -> Listener | None:
        """Who is concerned by a reading; a question nobody judges still reports its questionnaire."""
        return self.listeners.get(measurement) or self.form_listener(measurement)

    def form_listener(self, measurement: str) -> Listener | None:
        """The listener of a question that no rule names, if its questionnaire is scheduled or judged elsewhere in the plan."""
        form = _form(measurement)
        if form is None:
            return None
        if form not in self._forms:
            known = any(item.key == form for item in self.schedule) or any(name.startswith(form + ":") for name in self.listeners)
            self._forms[form] = self._listener(form + ":") if known else None
        return self._forms[form]

    def _listener(self, name: str) -> Listener:
        rules = tuple(rule for rule in self.rules if isinstance(rule, ReadingRule) and rule.measurement == name)
        scores = tuple(rule for rule in self.rules if isinstance(rule, ScoreRule) and name in rule.inputs)
        form = _form(name)
        watched = tuple((rule, item) for rule, item in self.missing if item.key in (name, form))
        own = frozenset(rule.id for rule in (*rules, *scores)) | {rule.id for rule, _ in watched}
        derived = self.derived_from(own)
        bounds = [rule.bounds() for rule in rules]
        known = [pair for pair in bounds if pair is not None]
        return Listener(
            rules,
            scores,
            derived,
            watched,
            own | {rule.id for rule in derived},
            form,
            not scores and len(known) == len(bounds),
            max((low for low, _ in known if low is not None), default=None),
            min((high for _, high in known if high is not None), default=None),
        )

    @cached_property
    def scores(self) -> tuple[ScoreRule, ...]:
        """Rules judged once at every instant that brings one of their inputs."""
        return tuple(rule for rule in self.rules if isinstance(rule, ScoreRule))

    def counts_of(self, name: str) -> tuple[Count, ...]:
        """Counts of one rule's raw predicate."""
        return self._counts.get(name, ())

    @cached_property
    def _counts(self) -> Mapping[str, tuple[Count, ...]]:
        counts = [rule for rule in self.rules if isinstance(rule, Count)]
        return {name: tuple(count for count in counts if name in count.of) for name in {one for count in counts for one in count.of}}

    @cached_property
    def days_asked(self) -> int:
        """How many local dates back any rule asks for green days."""
        return max((rule.history_dates for rule in self.rules if isinstance(rule, ReadingRule)), default=0)

    @cached_property
    def needs_quiet_days(self) -> bool:
        """True if a rule asks which days were green."""
        return self.days_asked > 0

    def marks_days(self, rule: str) -> bool:
        """True if firing of this rule makes a day no green day."""
        found = self.by_id[rule]
        return self.needs_quiet_days and found.kind in _MARKS_DAYS and found.zone in ("yellow", "red")


def _form(measurement: str) -> str | None:
    """`answer:symptoms` of `answer:symptoms:breathlessness`, None for a measurement."""
    return measurement.rpartition(":")[0] if measurement.startswith("answer:") else None


def read_plan(
    document: Mapping[str, Any],
    *,
    version: PlanRef,
    timezone: str,
    active_from: datetime | None = None,
    pauses: Sequence[Pause] = (),
) -> Plan:
    """Compile a plan document, or raise `PlanRefused` with every reason and its JSON pointer.

    `timezone` is the centre's (an IANA name); `active_from` is when this version became active (no slots before); `pauses` are holidays
    and admissions, in which nothing is expected.
    """
    faults: list[Fault] = []
    zone = ZoneInfo(timezone)
    top = Section(document, "", faults)
    sections = read_sections(top, zone, active_from, tuple(Pause(*pause) for pause in pauses))
    rules = read_rules(top, sections)
    top.close(free=NATIONAL)
    warnings = across(top, sections, rules)
    if faults:
        reasons = tuple(dict.fromkeys(faults))
        raise PlanRefused(f"The plan cannot be used: {len(reasons)} reason{'s' if len(reasons) > 1 else ''}.", reasons)
    return Plan(
        PlanRef(*version),
        document,
        zone,
        active_from,
        tuple(Pause(*pause) for pause in pauses),
        sections.title,
        sections.background,
        sections.schedule,
        tuple(rules),
        sections.zones,
        sections.contacts,
        sections.out_of_hours,
        sections.review_date,
        sections.silence or _SILENCE,
        tuple(warnings),
    )


NATIONAL = frozenset({"version", "status", "comment", "subject", "updated_by", "updated_at", "id", "clinical_content"})
"""Members of the national plan document that are carried along and not judged."""


def immediate(plan: Plan) -> list[dict[str, Any]]:
    """What the tablet shows at once, before sending and without network: one entry per `no_confirm` rule (contract, topic `plan`).

    Each has `code`, or `questionnaire` and `question`; the limit under its own word (`at_or_above`, `in`, …) and once more as `limit`;
    `unit` if it has one; and `title`, `text`, `phone`.
    """
    action = next((str(zone.get("action", "")) for zone in plan.zones if zone.get("level") == "red"), "")
    phone = next((str(contact["phone"]) for contact in plan.contacts if contact.get("phone")), "")
    entries = []
    for rule in plan.rules:
        if not isinstance(rule, Threshold | Answer) or not rule.modifiers.no_confirm:
            continue
        asked = {"code": rule.code} if isinstance(rule, Threshold) else {"questionnaire": rule.questionnaire, "question": rule.question}
        limit = next((rule.written[name] for name in rule.written if name != "unit"), None)
        entries.append(
            {**asked, **rule.written, "limit": limit, "title": rule.title or plan.title or "", "text": rule.text or action, "phone": phone}
        )
    return entries
