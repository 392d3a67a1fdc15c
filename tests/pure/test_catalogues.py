"""Every sentence that a person meets exists in bokmål, nynorsk and English, says the same things in each, and is used somewhere."""

import re
from itertools import product
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from alerts.acts import OUTCOMES
from alerts.alert import EventType, State
from alerts.clinical_events import KINDS as CLINICAL_EVENTS
from dashboards.access import RIGHTS
from dashboards.pages.reader import THEMES
from dashboards.pages.standings import GROUPS
from dho.codes import MEASUREMENTS
from dho.plan_difference import MEMBERS, NAMED_BY
from dho.rules.limits import HIGH, LOW
from dho.texts import LANGUAGES

ROOT = Path(__file__).parents[2]
PACKAGES = ("dho", "devices", "alerts", "dashboards")
ARGUMENT = re.compile(r"%\((\w+)\)s")

ASKED = re.compile(r"""(?<![\w.])(?:reader\.t|self\.t|t|render|Text|sentence)\(\s*["']([\w.\[\]/{}%-]+)["']\s*[,)]""")
"""Keys that stand whole at the place where they are asked for."""

PREFIX = re.compile(r"""["'`]([a-z_]+(?:\.[a-z_]+)*\.)(?:\{|\$\{|"\s*[~+])""")
"""What a key begins with where its end is put to it: in Python, in a script, in a template."""

BUILT = {
    "access.because.": ["centre.follow_up_nurse", "centre.centre_lead", *(f"care_team.{role}" for role in RIGHTS if role != "centre_lead")],
    "age.": [f"{side}_{unit}" for side, unit in product(("past", "ahead"), ("minutes", "hours", "days"))],
    "board.since.": GROUPS,
    "board.zone_alone.": ("red", "yellow"),
    "clinical_event.": CLINICAL_EVENTS,
    "difference.member.": MEMBERS,
    "difference.of.": list(NAMED_BY),
    "error.": [f"{status}{part}" for status, part in product((401, 403, 404, 500, 503), ("", ".do"))],
    "group.": GROUPS,
    "language.": LANGUAGES,
    "length.": ("seconds", "minutes", "hours", "days"),
    "limit.": (*LOW, *HIGH),
    "limit.of_": ("difference", "slope"),
    "limit_bare.": (*LOW, *HIGH),
    "live.": ("connecting", "live", "lost", "deaf", "signed_out", "not_allowed"),
    "mark.": GROUPS,
    "measurement.": [m.name for m in MEASUREMENTS],
    "outcome.": OUTCOMES,
    "plan.day.": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    "plan.days.": ("daily", "weekdays", "weekends", "every"),
    "plan.limit.": (*LOW, *HIGH),
    "role.": ("follow_up_nurse", "contact_person", "hospital_specialist", "gp", "patient", "next_of_kin"),
    "state.": [state for state in State.__args__ if state != "closed"],
    "theme.": ("auto", *THEMES),
    "unit.": sorted({m.unit for m in MEASUREMENTS if not m.letters}),
    "board.": ("title", "about"),
    "mine.": ("title", "about"),
}
"""Keys that are put together from a prefix and a member of a closed set."""


NO_KEYS = {"alert.", "plan.", "dashboards.commands."}
"""Beginnings of the same shape that are of events, purposes and modules, not of keys."""

WORDLESS = {"unit.{code}"}
"""A letter has no unit to be written."""


def catalogues(language: str) -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package / "locale").glob(f"{language}*.po"))


def messages(path: Path) -> list[Message]:
    with path.open("rb") as file:
        return [message for message in read_po(file) if message.id]


def texts(language: str) -> dict[str, str]:
    return {str(m.id): str(m.string) for path in catalogues(language) for m in messages(path)}


def sources() -> dict[Path, str]:
    found = [path for package in PACKAGES for kind in ("*.py", "*.html", "*.js") for path in (ROOT / package).rglob(kind)]
    return {path: path.read_text(encoding="utf-8") for path in found if "vendor" not in path.parts}


def test_every_package_has_its_catalogues_in_all_three_languages() -> None:
    for package in PACKAGES:
        parts = {
            language: {p.name.removeprefix(language) for p in (ROOT / package / "locale").glob(f"{language}*.po")} for language in LANGUAGES
        }
        assert parts["nb"] == parts["nn"] == parts["en"], package


@pytest.mark.parametrize("language", ["nn", "en"])
def test_the_same_keys_stand_in_every_language(language: str) -> None:
    assert texts(language).keys() == texts("nb").keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_empty(language: str) -> None:
    assert [key for key, text in texts(language).items() if not text.strip() and key not in WORDLESS] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_key_stands_once_among_all_packages(language: str) -> None:
    keys = [str(m.id) for path in catalogues(language) for m in messages(path)]
    assert sorted(key for key in set(keys) if keys.count(key) > 1) == []


@pytest.mark.parametrize("language", ["nn", "en"])
def test_a_sentence_has_the_same_arguments_in_every_language(language: str) -> None:
    bokmål, other = texts("nb"), texts(language)
    differing = {key for key in bokmål.keys() & other.keys() if set(ARGUMENT.findall(bokmål[key])) != set(ARGUMENT.findall(other[key]))}
    assert differing == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_arguments_are_named_and_a_lone_percent_sign_is_written_twice_where_there_are_arguments(language: str) -> None:
    wrong = [key for key, text in texts(language).items() if ARGUMENT.search(text) and "%" in ARGUMENT.sub("", text).replace("%%", "")]
    assert wrong == []


def test_every_key_that_is_asked_for_exists() -> None:
    known = texts("nb")
    missing = {(path.name, key) for path, text in sources().items() for key in ASKED.findall(text) if "." in key and key not in known}
    assert missing == set()


@pytest.mark.parametrize("prefix", BUILT)
def test_every_member_of_a_closed_set_has_its_sentence(prefix: str) -> None:
    known = texts("nb")
    assert [prefix + member for member in BUILT[prefix] if prefix + member not in known] == []


def test_every_sentence_is_used() -> None:
    """A key is used if it stands whole in a source, or if it is of a closed set whose prefix does."""
    everything = "\n".join(sources().values())
    built = {prefix + member for prefix, members in BUILT.items() for member in members}
    prefixes = set(PREFIX.findall(everything)) - NO_KEYS
    unused = [key for key in texts("nb") if not _stands_whole(key, everything) and key not in built and not key.startswith(tuple(prefixes))]
    assert unused == []


def _stands_whole(key: str, everything: str) -> bool:
    return any(f"{quote}{key}{quote}" in everything for quote in "\"'`")


def test_every_event_of_an_alert_can_be_told_to_the_one_who_came_second() -> None:
    told = {key.removeprefix("change.") for key in texts("nb") if key.startswith("change.")}
    verbs = {event.removeprefix("alert.") for event in EventType.__args__}
    assert told - {"person", "system"} <= verbs
