"""KCCQ-12 summary score (0 to 100, high is good): the mean of four domains, each the mean of its items rescaled to 0–100.

An answer 6 to "physical limitation" and "social limitation" means "limited for other reasons or did not do": it counts as missing. Domains
need at least half of their items (2 of 3, 2 of 4, 1 of 2, 2 of 3). A domain without enough gives bounds, never a silent mean of the others.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from dho.rules.rule import Background
from dho.rules.sight import Seen
from dho.scores.score import Assessment, Part, Score, item, items


class Domain(NamedTuple):
    """Questions with their highest answer (the lowest is always 1), and how many must be answered."""

    name: str
    questions: tuple[tuple[str, int], ...]
    least: int


DOMAINS = (
    Domain("physical_limitation", (("1a", 5), ("1b", 5), ("1c", 5)), 2),
    Domain("symptom_frequency", (("2", 5), ("3", 7), ("4", 7), ("5", 5)), 2),
    Domain("quality_of_life", (("6", 5), ("7", 5)), 1),
    Domain("social_limitation", (("8a", 5), ("8b", 5), ("8c", 5)), 2),
)
QUESTIONS = tuple(question for domain in DOMAINS for question, _ in domain.questions)


def _domain(found: Mapping[str, Seen], domain: Domain) -> Part:
    answers = [(item(found, "KCCQ-12", question, 1, highest), highest) for question, highest in domain.questions]
    scaled = [(part.low - 1) * 100 / (highest - 1) for part, highest in answers if part.low == part.high]
    if len(scaled) < domain.least:
        return Part(domain.name, Decimal(0), Decimal(100))
    mean = sum(scaled, Decimal(0)) / len(scaled)
    return Part(domain.name, mean, mean)


def assess(found: Mapping[str, Seen], background: Background) -> Assessment:
    """The bounds of the summary score."""
    parts = tuple(_domain(found, domain) for domain in DOMAINS)
    low, high = (sum((getattr(part, side) for part in parts), Decimal(0)) / len(parts) for side in ("low", "high"))
    return Assessment(low, high, parts, tuple(part.name for part in parts if part.low != part.high))


KCCQ_12 = Score("KCCQ-12", items("KCCQ-12", QUESTIONS), 0, 100, assess)
