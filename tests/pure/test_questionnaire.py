"""Questionnaires as data: what ships, what a centre may load, what is asked, and which answers are possible."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import dho
from dho.errors import Invalid
from dho.observation import Observation
from dho.questionnaire import LANGUAGES, Item, Questionnaire, Shelf, read_questionnaire, shipped
from dho.scores import SCORES
from dho.scores.filled import FormScore, scores_of

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
TEMPLATES = sorted((Path(dho.__file__).parent / "templates").glob("*.json"))
D = Decimal
LICENSED = {"CAT", "mMRC", "ESAS-r", "ACT", "KCCQ-12", "HADS"}


def form(id: str) -> Questionnaire:
    found = Shelf().newest(id)
    assert found is not None
    return found


def question(id: str, name: str) -> Item:
    found = form(id).item(name)
    assert found is not None
    return found


def document(**changes: Any) -> dict[str, Any]:
    """A small form of our own."""
    items = [
        {"id": "a", "text": {"nb": "Har du feber?"}, "options": [{"value": 0, "text": {"nb": "Nei"}}, {"value": 1, "text": {"nb": "Ja"}}]},
        {"id": "b", "text": {"nb": "Hvor mye?"}, "lowest": 0, "highest": 10, "show_if": {"question": "a", "at_least": 1}},
    ]
    return {"id": "own", "version": 3, "title": {"nb": "Eget skjema"}, "items": items} | changes


def faults(**changes: Any) -> set[tuple[str, str]]:
    with pytest.raises(Invalid) as refused:
        read_questionnaire(document(**changes))
    return {(fault.pointer, fault.code) for fault in refused.value.faults}


def answered(id: str, *values: int | None) -> list[Observation]:
    """Answers to questions 1, 2, …; None is skipped."""
    return [
        Observation(UUID(int=1), UUID(int=2), place, f"answer:{id}:{place}", str(place), D(value), "", AT, AT)
        for place, value in enumerate(values, 1)
        if value is not None
    ]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_question_that_a_template_asks_or_judges_is_there(path: Path) -> None:
    template = json.loads(path.read_text())
    asked = {item["questionnaire"] for item in template["schedule"] if "questionnaire" in item}
    assert {id for id in asked if Shelf().newest(id) is None} == set()
    for rule in template["rules"]:
        if rule["kind"] == "answer":
            item = question(rule["questionnaire"], rule["question"])
            limits = [D(str(rule[name])) for name in ("at_least", "above", "at_most", "below") if name in rule]
            assert all(item.allows(value if isinstance(value, str) else D(value)) for value in [*limits, *rule.get("in", ())])


def test_wordings_ship_in_three_languages_where_they_are_free_and_not_at_all_where_they_are_not() -> None:
    assert {one.id for one in shipped() if not one.has_texts} == LICENSED
    for one in shipped():
        for item in one.items:
            assert set(item.text) == (set() if one.id in LICENSED else set(LANGUAGES))
            assert all(set(option.text) == set(LANGUAGES) for option in item.options)
    assert all(one.document["x-confirm"] is True for one in shipped() if one.has_texts)


def test_every_score_of_a_form_is_given_by_the_form_that_ships() -> None:
    assert {name for one in shipped() for name in one.scores} == {name for name, score in SCORES.items() if score.form}


def test_the_ranges_are_those_of_the_published_forms() -> None:
    def span(id: str) -> tuple[int, set[tuple[int, int]]]:
        items = [item for item in form(id).items if (id, item.id) != ("PHQ-9", "10")]
        values = [[option.value for option in item.options] or [item.lowest, item.highest] for item in items]
        return len(items), {(int(min(map(D, one))), int(max(map(D, one)))) for one in values}

    assert span("PHQ-9") == (9, {(0, 3)})
    assert span("GAD-7") == (7, {(0, 3)})
    assert span("CAT") == (8, {(0, 5)})
    assert span("mMRC") == (1, {(0, 4)})
    assert span("ESAS-r") == (10, {(0, 10)})
    assert span("ACT") == (5, {(1, 5)})
    assert span("HADS") == (14, {(0, 3)})


@pytest.mark.parametrize(
    ("value", "possible"), [(D(0), True), (D("2.0"), True), (D(4), False), (D("1.5"), False), (D(-1), False), ("2", False)]
)
def test_an_answer_is_one_of_the_options(value: D | str, possible: bool) -> None:
    assert question("symptoms", "breathlessness").allows(value) is possible


@pytest.mark.parametrize(("value", "possible"), [(D(0), True), (D(10), True), (D(11), False), (D("9.5"), False), ("x", False)])
def test_a_number_is_a_whole_one_in_its_range(value: D | str, possible: bool) -> None:
    assert question("check_in", "mood").allows(value) is possible


def test_a_question_that_was_not_asked_is_not_missed() -> None:
    read = read_questionnaire(document())
    assert read.unanswered({}) == ("a",)
    assert read.unanswered({"a": D(0)}) == ()
    assert read.unanswered({"a": D(1)}) == ("b",)
    assert read.unanswered({"a": D(1), "b": D(7)}) == ()


def test_a_branch_may_follow_a_word() -> None:
    assert question("feet", "where").show_if is not None
    assert form("feet").unanswered({"wound": "yes"}) == ()  # the place is not required
    condition = question("feet", "where").show_if
    assert condition
    assert condition.holds({"wound": "yes"})
    assert not condition.holds({"wound": "no"})
    assert not condition.holds({})


def test_answers_to_an_earlier_version_are_read_by_the_version_that_says_so() -> None:
    assert Shelf().version("symptoms", 1) is Shelf().version("symptoms", 2) is form("symptoms")
    assert Shelf().version("symptoms", 3) is None
    assert Shelf().version("PHQ-9", 2) is None
    assert Shelf().version("nothing", 1) is None


def test_the_centres_own_definition_is_taken_before_the_one_that_ships() -> None:
    own = read_questionnaire(document(id="CAT", version=1))
    newer = read_questionnaire(document(id="GAD-7", version=2))
    shelf = Shelf([own, newer])
    assert shelf.newest("CAT") is own
    assert shelf.version("CAT", 1) is own
    assert shelf.newest("GAD-7") is newer
    assert shelf.version("GAD-7", 1) is form("GAD-7")


def test_the_tablet_gets_one_language_with_numbers_as_numbers() -> None:
    told = form("PHQ-9").for_tablet("en")
    assert told["items"][8]["text"] == "Thoughts that you would be better off dead, or of hurting yourself"
    assert told["items"][8]["crisis"]["at_least"] == 1
    assert "116 123" in told["items"][8]["crisis"]["text"]
    assert [option["value"] for option in told["items"][0]["options"]] == [0, 1, 2, 3]
    assert form("symptoms").for_tablet("nb")["items"][2]["show_if"] == {"question": "sputum_amount", "at_least": 1}
    assert "needs_texts" not in told
    assert form("CAT").for_tablet("nb") == {
        "id": "CAT",
        "version": 1,
        "title": "CAT",
        "needs_texts": True,
        "items": [{"id": str(number), "required": True, "lowest": 0, "highest": 5} for number in range(1, 9)],
    }


def test_a_wording_that_lacks_a_language_is_shown_in_bokmal() -> None:
    assert read_questionnaire(document()).for_tablet("nn")["items"][0]["text"] == "Har du feber?"


def test_what_is_alike_apart_from_wordings_is_seen() -> None:
    with_words = [{"id": str(n), "text": {"nb": f"Spørsmål {n}"}, "lowest": 0, "highest": 5} for n in range(1, 9)]
    loaded = read_questionnaire({"id": "CAT", "version": 1, "title": {"nb": "CAT"}, "scores": ["CAT"], "items": with_words})
    assert loaded.alike(form("CAT"))
    assert loaded.has_texts
    with_words[3]["highest"] = 4
    assert not read_questionnaire({"id": "CAT", "version": 1, "title": {"nb": "CAT"}, "items": with_words}).alike(form("CAT"))


def test_a_bad_definition_is_refused_with_every_reason() -> None:
    item = {"id": "a", "lowest": 0, "highest": 10}
    assert faults(id="a:b", version=0) == {("/id", "bad_value"), ("/version", "bad_value")}
    assert faults(items=[]) == {("/items", "bad_value")}
    assert faults(items=[item] * 51) >= {("/items", "bad_value"), ("/items/1/id", "duplicate_id")}
    assert faults(items=[{"id": "a"}]) == {("/items/0", "missing_key")}
    assert faults(items=[item | {"highest": 0}]) == {("/items/0", "contradiction")}
    assert faults(items=[item | {"show_if": {"question": "later", "at_least": 1}}]) == {("/items/0/show_if/question", "unknown_question")}
    assert faults(items=[item, {"id": "b", "lowest": 0, "highest": 1, "show_if": {"question": "a"}}]) == {
        ("/items/1/show_if", "contradiction")
    }
    assert faults(items=[{"id": "a", "options": [{"value": 0}, {"value": 0}]}]) >= {("/items/0/options/1/value", "duplicate_id")}
    assert faults(items=[{"id": "a", "options": [{"value": True, "text": {"nb": "x"}}]}]) >= {("/items/0/options/0/value", "wrong_type")}
    assert faults(items=[item | {"requierd": True}]) == {("/items/0/requierd", "unknown_key")}
    assert faults(scores=["CAT"]) == {("/scores", "missing_key")}
    assert faults(scores=["IQ"]) == {("/scores", "unknown_score")}
    assert faults(title={"nb": ""}) == {("/title/nb", "wrong_type")}
    assert faults(title={}) == {("/title", "missing_key")}
    assert faults(reads_versions=[3]) == {("/reads_versions", "bad_value")}


def test_a_complete_form_has_a_total() -> None:
    (score,) = scores_of(form("GAD-7").scores, answered("GAD-7", 0, 1, 2, 3, 0, 1, 2))
    assert score == FormScore("GAD-7", D(9), D(9), False, ())
    assert score.complete


def test_an_incomplete_form_has_bounds_and_says_what_is_missing() -> None:
    (score,) = scores_of(form("GAD-7").scores, answered("GAD-7", 3, 3, None, 3, 3, 3, 3))
    assert (score.low, score.high, score.missing, score.complete) == (D(18), D(21), ("3",), False)


def test_phq_9_prorates_two_missing_items_and_says_so() -> None:
    (score,) = scores_of(form("PHQ-9").scores, answered("PHQ-9", 2, 2, 2, 2, 2, 2, 2, None, None))
    assert (score.low, score.high, score.prorated, score.missing, score.complete) == (D(18), D(18), True, ("8", "9"), False)


def test_hads_gives_two_scores() -> None:
    scores = scores_of(form("HADS").scores, answered("HADS", *[1, 0] * 7))
    assert [(score.score, score.low, score.high) for score in scores] == [("HADS-A", D(7), D(7)), ("HADS-D", D(0), D(0))]
