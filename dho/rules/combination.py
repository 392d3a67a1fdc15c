"""`all`, `any`, `k_of`: three-valued over the children's verdicts, after the children's own modifiers.

A child that can not be judged makes the combination unknown unless the others decide it already. `within` bounds how far apart the newest
inputs of the firing children may lie. What fired goes on firing while unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dho.duration import Duration
from dho.plan_section import Section
from dho.rules.rule import Child, Common, DerivedRule, Rule, Text
from dho.rules.sight import Event, Level, Outlook, Seen, Sight


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Combination(DerivedRule):
    """At least `least` of the children; `labels` are their titles, in the order of `of`."""

    least: int
    within: Duration | None
    labels: tuple[str, ...] = ()

    def consider(self, children: Sequence[Child], hits: tuple[Seen, ...], at: datetime, outlook: Outlook) -> Sight:
        """Fires, clear, or unknown with its reason."""
        known = [one if _counts(one, outlook) else None for one in children]
        firing = [place for place, one in enumerate(known) if one is not None and one.event.result == "fires"]
        clear = [place for place, one in enumerate(known) if one is not None and one.event.result == "clear"]
        words = tuple(self.labels[place] if self.labels else self.of[place] for place in firing)
        used = tuple(reading for place in firing for reading in children[place].event.used)
        if len(firing) >= self.least:
            if self._together([children[place].newest for place in firing], outlook):
                return Sight(Level.BREACH, used, {}, words)
            return Sight(Level.UNKNOWN, used, {}, words, "inputs_apart")
        if len(clear) > len(children) - self.least:
            return Sight(Level.CLEAR, used, {}, words)
        return Sight(Level.UNKNOWN, used, {}, words, "incomplete")

    def _together(self, moments: Sequence[datetime | None], outlook: Outlook) -> bool:
        """True if some `least` of the newest inputs lie no further apart than `within`."""
        times = sorted(moment for moment in moments if moment is not None)
        if self.within is None:
            return True
        spans = zip(times, times[self.least - 1 :], strict=False)
        return any(not self.within.apart(first, last, outlook.zone) for first, last in spans)

    def finding(self, event: Event) -> Text:
        """Together: weight up, breathless."""
        return Text("finding.together", {"names": ", ".join(event.words)}) if event.words else Text("finding.not_together", {})


def _counts(child: Child, outlook: Outlook) -> bool:
    """A child speaks for the combination from its first reading, and after a close from the next one."""
    return child.newest is not None and (outlook.counted_from is None or child.newest > outlook.counted_from)


def read(section: Section, common: Common) -> Rule | None:
    """A combination; that its children exist and do not rest on it is checked across rules."""
    of = section.texts("of", required=True)
    within = section.duration("within")
    k = section.whole("k", required=True, most=100) if common.kind == "k_of" else None
    if len(of) == 1:
        section.fault("of", "bad_value", "A combination needs at least two rules.")
    if k is not None and of and k > len(of):
        section.fault("k", "bad_value", f"{k} of {len(of)} can never be reached.")
    if not of or (common.kind == "k_of" and k is None):
        return None
    least = {"all": len(of), "any": 1}.get(common.kind, k or 1)
    return Combination(**common.start(common.id), of=of, least=least, within=within)
