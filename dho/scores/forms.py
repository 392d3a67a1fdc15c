"""Scores of forms whose items are simply added: PHQ-9, GAD-7, CAT, mMRC, HADS, ACT; and ESAS-r, which is read item by item.

Only scoring stands here. Item texts ship where the licence is free (PHQ-9, GAD-7); a centre loads the texts of the others. Answers are
the points of the item, already turned where a form asks for it.
"""

from collections.abc import Callable, Mapping

from dho.rules.rule import Background
from dho.rules.sight import Seen
from dho.scores.score import Assessment, Score, added, half_up, item, items, unanswered

Assess = Callable[[Mapping[str, Seen], Background], Assessment]


def numbered(count: int) -> tuple[str, ...]:
    """Questions "1" to "count"."""
    return tuple(str(number) for number in range(1, count + 1))


def summed(name: str, form: str, questions: tuple[str, ...], lowest: int, highest: int) -> Score:
    """A form whose items are added; what is missing gives bounds."""

    def assess(found: Mapping[str, Seen], background: Background) -> Assessment:
        parts = tuple(item(found, form, question, lowest, highest) for question in questions)
        return added(parts, unanswered(parts))

    return Score(name, items(form, questions), lowest * len(questions), highest * len(questions), assess)


def _phq9(found: Mapping[str, Seen], background: Background) -> Assessment:
    """Kroenke 2001: one or two missing items are prorated (and marked), more give bounds."""
    parts = tuple(item(found, "PHQ-9", question, 0, 3) for question in numbered(9))
    whole = added(parts, unanswered(parts))
    if not 1 <= len(whole.missing) <= 2:
        return whole
    total = half_up(whole.low * 9 / (9 - len(whole.missing)))
    return Assessment(total, total, parts, whole.missing, True)


def _esas(found: Mapping[str, Seen], background: Background) -> Assessment:
    """The highest item counts: 4 or more is moderate, 7 or more severe. The tenth item ("other") may be left out."""
    parts = tuple(item(found, "ESAS-r", question, 0, 10) for question in numbered(9))
    other = item(found, "ESAS-r", "10", 0, 10)
    parts = (*parts, other) if other.low == other.high else parts
    return Assessment(max(part.low for part in parts), max(part.high for part in parts), parts, unanswered(parts))


PHQ_9 = Score("PHQ-9", items("PHQ-9", numbered(9)), 0, 27, _phq9)
GAD_7 = summed("GAD-7", "GAD-7", numbered(7), 0, 3)
CAT = summed("CAT", "CAT", numbered(8), 0, 5)
MMRC = summed("mMRC", "mMRC", numbered(1), 0, 4)
ACT = summed("ACT", "ACT", numbered(5), 1, 5)
HADS_A = summed("HADS-A", "HADS", tuple(str(number) for number in range(1, 15, 2)), 0, 3)
HADS_D = summed("HADS-D", "HADS", tuple(str(number) for number in range(2, 15, 2)), 0, 3)
ESAS_R = Score("ESAS-r", items("ESAS-r", numbered(10)), 0, 10, _esas)
