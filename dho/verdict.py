"""A verdict: what one rule says, and because of what.

It always carries its reasons: rule, plan version, the readings used, the numbers computed, and what would have made it otherwise. `at`
is the key of the judged reading or slot: (rule, at) names the same verdict in every replay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dho.rules.episode import QUIET, Episode
from dho.rules.rule import RANK, Clearing, ReadingRule, Rule, Text, Zone, worst
from dho.rules.sight import Event, Level, Seen
from dho.rules.words import instant, unit
from dho.state import State

if TYPE_CHECKING:
    from dho.plan import Plan, PlanRef


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What would have made it otherwise: `side` and `limit` in `unit`, how many `readings` more, and the `zone` then reached."""

    side: str
    limit: Decimal
    unit: str
    readings: int
    zone: Zone
    of: str = "value"

    def to_json(self) -> dict[str, Any]:
        """As kept with an alert: `{"at_or_above": 90, "unit": "%", "readings": 2, "zone": "green"}`."""
        return {self.side: self.limit, "unit": self.unit, "readings": self.readings, "zone": self.zone}


@dataclass(frozen=True, slots=True)
class Because:
    """The reasons. `observations` are the readings used; `finding` is what was found, as a renderable sentence. `numbers` that begin with
    `exact_` are unrounded and only for computing."""

    rule: str
    kind: str
    title: str | None
    plan_version: "PlanRef"
    observations: tuple[Seen, ...]
    numbers: Mapping[str, Decimal]
    words: tuple[str, ...]
    finding: Text
    otherwise: Otherwise | None

    def to_json(self) -> dict[str, Any]:
        """As kept with an alert and sent in the feed: plain values, decimals as they are, times RFC 3339 in UTC."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "plan_version": self.plan_version.number,
            "observations": [
                {
                    "measurement": str(reading.uplink),
                    "code": reading.code,
                    "value": reading.value,
                    "unit": reading.unit,
                    "measured_at": instant(reading.at),
                    "received_at": instant(reading.received),
                    "late": reading.late,
                }
                for reading in self.observations
            ],
            "numbers": {name: value for name, value in self.numbers.items() if not name.startswith("exact_")},
            "otherwise": self.otherwise.to_json() if self.otherwise else None,
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """`judged_at` is the measured time of the judged reading, or the deadline of a missed slot. `muted`: shown, but no alert."""

    rule: str
    family: str
    zone: Zone
    result: str
    reason: str | None
    judged_at: datetime
    at: tuple[str, ...]
    plan_version: "PlanRef"
    because: Because
    confirm_until: datetime | None = None
    no_confirm: bool = False
    muted: bool = False

    @property
    def key(self) -> str:
        """`at` as one text, for storing: with `rule` it names the verdict."""
        return "|".join(self.at)

    @property
    def newest_received(self) -> datetime:
        """When the last of the inputs arrived; the judged time itself where nothing arrived (a missed slot)."""
        return max((reading.received for reading in self.because.observations), default=self.judged_at)

    @property
    def late(self) -> bool:
        """True if any input arrived after a newer one was known."""
        return any(reading.late for reading in self.because.observations)


def verdict_of(plan: "Plan", state: State, rule: Rule, event: Event) -> Verdict:
    """An event of a rule as a verdict with its reasons; `state` is the one after the event."""
    zone: Zone = event.zone or rule.zone or "green"  # type: ignore[assignment]
    because = Because(
        rule.id,
        rule.kind,
        rule.title,
        plan.version,
        event.used,
        event.numbers,
        event.words,
        rule.finding(event) if event.used or event.result == "fires" else Text("finding.nothing", {}),
        otherwise(plan, state, rule, event),
    )
    suppression = rule.suppression
    muted = suppression is not None and event.result == "fires" and event.at < suppression.end and RANK[zone] <= RANK[suppression.zone]
    return Verdict(
        rule.id,
        rule.family,
        zone,
        event.result,
        event.reason,
        event.at,
        event.key,
        plan.version,
        because,
        event.confirm_until,
        rule.modifiers.no_confirm,
        muted,
    )


def otherwise(plan: "Plan", state: State, rule: Rule, event: Event) -> Otherwise | None:
    """For a firing rule its clear limit, the readings still needed and the zone then reached; for an idle one its limit and zone."""
    limit = rule.clearing(event)
    if limit is None:
        return None
    if event.result == "fires" or event.reason == "awaiting_repeat":
        episode = state.episodes.get(rule.id, QUIET)
        readings = max(1, rule.modifiers.consecutive - episode.clears) if event.result == "fires" else 1
        return Otherwise(limit.side, limit.value, limit.unit, readings, _zone_without(plan, state, rule, limit), limit.of)
    needed = max(1, rule.modifiers.k - state.episodes.get(rule.id, QUIET).window.bit_count())
    return Otherwise(limit.side, limit.value, limit.unit, needed, rule.zone or "green", limit.of)


def _zone_without(plan: "Plan", state: State, rule: Rule, limit: Clearing) -> Zone:
    """The zone if the next reading stood at this rule's clear limit: other rules that fire, and those the same value would be past."""
    zone: Zone = "green"
    for other in plan.rules:
        if other.id == rule.id or other.zone is None or rule.id in other.needs:
            continue
        episode = state.episodes.get(other.id)
        firing = (episode is not None and episode.firing) or (other.id in state.misses and state.misses[other.id].firing)
        if limit.of == "value" and isinstance(other, ReadingRule) and isinstance(rule, ReadingRule):
            firing = _at_limit(other, episode, limit, firing) if other.measurement == rule.measurement else firing
        if firing:
            zone = worst(zone, other.zone)
    return zone


def _at_limit(other: ReadingRule, episode: Episode | None, limit: Clearing, firing: bool) -> bool:
    level = other.level_at(limit)
    if level is Level.UNKNOWN:
        return firing
    if level is Level.BREACH:
        return True
    return firing and (level is Level.BAND or (episode or QUIET).clears + 1 < other.modifiers.consecutive)


def explanation(verdict: Verdict, reader: str = "staff") -> Text:
    """The verdict as one renderable text with its counterfactual, for `staff` or for the `patient`."""
    ending = ".patient" if reader == "patient" else ""
    finding = verdict.because.finding
    args: dict[str, Any] = {"finding": {"key": finding.key + ending, "args": finding.args}, "zone": {"key": f"zone.{verdict.zone}"}}
    if verdict.result == "not_evaluable" and verdict.reason != "awaiting_repeat":
        return Text(f"explain.unknown{ending}", args | {"reason": {"key": f"reason.{verdict.reason}"}})
    if verdict.reason in _REASONS:
        return Text(f"explain.{verdict.reason}{ending}", args)
    if verdict.because.otherwise is None:
        return Text(f"explain.plain{ending}", args)
    return Text(f"explain.{verdict.result}{ending}", args | {"otherwise": _counterfactual(verdict, verdict.because.otherwise)})


_REASONS = frozenset(
    {"awaiting_repeat", "dismissed_by_repeat", "confirmed_in_band", "no_repeat", "handled", "rebased", "reported", "missed"}
)


def headline(verdict: Verdict) -> Text:
    """The finding alone: what a list row says."""
    return verdict.because.finding


def _counterfactual(verdict: Verdict, otherwise: Otherwise) -> dict[str, Any]:
    bare = "" if otherwise.unit else "_bare"
    limit = {"key": f"limit{bare}.{otherwise.side}", "args": {"limit": otherwise.limit, "unit": unit(otherwise.unit)}}
    if otherwise.of in ("difference", "slope"):
        limit = {"key": f"limit.of_{otherwise.of}", "args": {"limit": limit}}
    args = {"limit": limit, "zone": {"key": f"zone.{otherwise.zone}"}, "readings": otherwise.readings}
    if verdict.result == "fires":
        if otherwise.zone == verdict.zone:
            return {"key": "otherwise.still", "args": args}
        return {"key": "otherwise.fires" if otherwise.readings == 1 else "otherwise.fires_times", "args": args}
    return {"key": "otherwise.idle", "args": args}
