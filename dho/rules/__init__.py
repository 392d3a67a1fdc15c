"""The rule kinds: one table. A new kind is one file beside this one and one line here (and its window in `Memory`, if it has one)."""

from collections.abc import Mapping

from dho.rules import answer, count, missing, threshold
from dho.rules.count import Hits
from dho.rules.rule import Reader

KINDS: Mapping[str, Reader] = {
    "threshold": threshold.read,
    "missing": missing.read,
    "answer": answer.read,
    "count": count.read,
}

LANGUAGE = ("threshold", "change", "trend", "baseline", "missing", "answer", "score", "count", "all", "any", "k_of")
"""Every kind of plan-semantics §4, built or not: what is not in `KINDS` is refused as `not_supported`, never ignored."""

Memory = Hits
