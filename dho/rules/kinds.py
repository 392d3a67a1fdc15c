"""The rule kinds: one table. A new kind is one file beside this one and one line here (and its window in `Memory`, if it has one)."""

from collections.abc import Mapping

from dho.rules import answer, baseline, change, combination, count, missing, score, threshold, trend
from dho.rules.baseline import OwnDays
from dho.rules.change import Earlier
from dho.rules.count import Hits
from dho.rules.rule import Reader
from dho.rules.trend import DailyMeans

KINDS: Mapping[str, Reader] = {
    "threshold": threshold.read,
    "change": change.read,
    "trend": trend.read,
    "baseline": baseline.read,
    "missing": missing.read,
    "answer": answer.read,
    "score": score.read,
    "count": count.read,
    "all": combination.read,
    "any": combination.read,
    "k_of": combination.read,
}

LANGUAGE = ("threshold", "change", "trend", "baseline", "missing", "answer", "score", "count", "all", "any", "k_of")
"""Every kind of plan-semantics §4, built or not: what is not in `KINDS` is refused as `not_supported`, never ignored."""

Memory = Hits | Earlier | DailyMeans | OwnDays
