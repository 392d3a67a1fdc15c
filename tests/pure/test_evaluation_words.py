"""Every verdict can be read, in three languages, by nurse and by patient."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import dho
from dho.evaluation import standing
from dho.texts import LANGUAGES, catalogue, render
from dho.verdict import Verdict, explanation, headline
from tests.pure.plans import Course, answer, live, plan, reading
from tests.pure.test_evaluation_order import EVERYTHING, WINDOWS
from tests.pure.test_rule_windows import OWN, TREND, WEIGHT_UP, days, weights

SOURCES = [path.read_text() for folder in ("rules", ".") for path in sorted((Path(dho.__file__).parent / folder).glob("*.py"))]
KEYS = sorted({key for text in SOURCES for key in re.findall(r'"((?:finding|explain|otherwise|reason|against|span|list)\.[a-z_]+)"', text)})


def verdicts() -> list[Verdict]:
    """Verdicts of every kind, firing, clearing, waiting and not evaluable."""
    slope = TREND | {"id": "slope", "slope": -1, "min_points": 3}
    for key in ("rises", "short"):
        del slope[key]
    windows = plan(WEIGHT_UP, TREND | {"min_points": 3}, slope, OWN)
    heavy = live(windows, *weights(80, 80, 80, 82.5, 83, 70), *[reading(95 - (n > 8) * 9, timedelta(days=10 + n)) for n in range(10)])
    found = list(heavy.said) + list(standing(windows, heavy.state, heavy.now).rules)
    for given_plan in (EVERYTHING, WINDOWS):
        course = Course(given_plan)
        found += standing(given_plan, course.state, course.now).rules
        for minute, fact in enumerate((87, 86, 89, 95, 96, 97, 91, 90)):
            course.take(reading(fact, minute * 7))
            found += standing(given_plan, course.state, course.now).rules
        course.take(answer(3, 90))
        course.take(reading(38.5, 91, "temperature"))
        course.wait(timedelta(days=3))
        found += course.said
        found += standing(given_plan, course.state, course.now).rules
    return found + days_of_own_normal()


def days_of_own_normal() -> list[Verdict]:
    course = live(plan(OWN), *days(95, 95, 95, 95, 95, 95, 95, 95, 90))
    return list(course.said)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reader", ["staff", "patient"])
def test_every_verdict_reads_as_sentences(language: str, reader: str) -> None:
    for verdict in verdicts():
        for text in (render(*explanation(verdict, reader), language), render(*headline(verdict), language)):
            assert not re.search(r"%\(|\{|None|\b(finding|explain|otherwise|limit|reason|unit|measurement|zone)\.", text), text
            assert text.strip().endswith("."), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_the_rules_can_say_stands_in_every_catalogue(language: str) -> None:
    known = catalogue(language)
    assert len(KEYS) > 20
    assert [key for key in KEYS if key not in known] == []
    assert [key for key in KEYS if key.startswith(("finding.", "explain.")) and key + ".patient" not in known] == []


def test_the_catalogues_have_the_same_keys_and_arguments() -> None:
    def arguments(language: str) -> dict[str, Any]:
        return {
            key: sorted(re.findall(r"%\((\w+)\)s", text))
            for key, text in catalogue(language).items()
            if key.startswith(("finding", "explain", "otherwise", "limit"))
        }

    assert arguments("nb") == arguments("nn") == arguments("en")


def test_what_would_have_been_otherwise_is_said_in_plain_words() -> None:
    red = {"id": "r", "kind": "threshold", "code": "spo2", "below": 88, "unit": "%", "zone": "red", "clear": {"margin": 2}}
    [verdict] = live(plan(red), reading(87)).said
    assert render(*explanation(verdict), "en") == "Measured oxygen saturation 87 %, below the limit 88 %. Would be green at 90 % or more."
    assert render(*explanation(verdict), "nb").endswith("Ville vært grønn ved 90 % eller mer.")
