"""A back-test as clients and scripts meet it: plain values, times RFC 3339 in UTC, sentences with key and arguments beside them."""

from collections import Counter
from datetime import timedelta
from typing import Any

from alerts.alert import instant, sentence
from alerts.comparison import MINUTES_PER_ALERT, PATIENTS_PER_NURSE, Comparison, Foreseen, Load, Side, assumption, verdict, warnings
from alerts.rehearsed import RaisedAlert
from dho.rules.rule import Text


def told(comparison: Comparison, language: str) -> dict[str, Any]:
    """The whole comparison; `warnings` are to be shown first."""

    def said(text: Text) -> dict[str, Any]:
        return sentence(text.key, dict(text.args), language)

    rehearsal, staffing = comparison.draft.rehearsal, comparison.staffing
    return {
        "start": instant(rehearsal.start),
        "until": instant(rehearsal.until),
        "days": round(rehearsal.days, 1),
        "readings": rehearsal.readings,
        "assumption": {
            "staff": staffing.presence,
            "close_after_hours": staffing.close_after / timedelta(hours=1),
            **said(assumption(staffing)),
        },
        "warnings": [said(text) for text in warnings(comparison)],
        "verdict": [said(text) for text in verdict(comparison)],
        "draft": _side(comparison.draft),
        "active": _side(comparison.active) if comparison.active else None,
        "new": [_alert(alert) for alert in comparison.new],
        "missed": [_alert(alert) for alert in comparison.missed],
        "milder": [{"draft": _alert(draft), "active": _alert(active)} for draft, active in comparison.milder],
    }


def _side(side: Side) -> dict[str, Any]:
    rehearsal = side.rehearsal
    by_rule = Counter((alert.rule, alert.zone) for alert in rehearsal.alerts)
    return {
        "plan_version": side.number or None,
        "alerts": len(rehearsal.alerts),
        "unsupported": sum(not alert.supported for alert in rehearsal.alerts),
        "rose_to_red": sum(alert.worst != alert.zone for alert in rehearsal.alerts),
        "late": sum(alert.late for alert in rehearsal.alerts),
        "tasks": dict(Counter(task.kind for task in rehearsal.tasks)),
        "by_rule": [{"rule": rule, "zone": zone, "alerts": count} for (rule, zone), count in sorted(by_rule.items())],
        "weeks": [
            {"monday": week.monday, "rule": week.rule, "zone": week.zone, "alerts": week.alerts, "unsupported": week.unsupported}
            for week in rehearsal.weeks()
        ],
        "zones": [{"at": instant(at), "zone": zone} for at, zone in rehearsal.zones],
        "load": _load(side.load),
        "events": [_event(one) for one in side.foreseen],
        "raised": [_alert(alert) for alert in rehearsal.alerts],
    }


def _load(load: Load) -> dict[str, Any]:
    return {
        "alerts_per_day": round(load.alerts_per_day, 3),
        "minutes_per_week": round(load.minutes_per_week, 1),
        "share_of_day": round(load.share_of_day, 3),
        "patients_per_nurse": PATIENTS_PER_NURSE,
        "minutes_per_alert": MINUTES_PER_ALERT,
        "budget": load.budget,
    }


def _event(one: Foreseen) -> dict[str, Any]:
    return {
        "id": one.event.id,
        "kind": one.event.kind,
        "at": instant(one.event.at),
        "caught": one.by is not None,
        "by_rule": one.by.rule if one.by else None,
        "hours_before": round(one.early / timedelta(hours=1), 1) if one.early is not None else None,
    }


def _alert(alert: RaisedAlert) -> dict[str, Any]:
    return {
        "raised_at": instant(alert.raised_at),
        "measured_at": alert.measured_at,
        "rule": alert.rule,
        "zone": alert.zone,
        "worst": alert.worst,
        "family": alert.family,
        "late": alert.late,
        "supported": alert.supported,
        "ended_at": instant(alert.ended_at),
        "ended": alert.ended,
    }
