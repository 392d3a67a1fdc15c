"""A plan is refused with every reason and its path, or read exactly as written."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

import dho
from dho.errors import Fault, Invalid
from dho.plan import PlanRefused, immediate, read_document, read_plan
from dho.rules.kinds import KINDS, LANGUAGE
from dho.rules.threshold import Threshold
from tests.pure.plans import FEVER, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, VERSION, document, plan

WHOLE = """
{"title": "KOLS", "background": {"spo2_scale": 1, "oxygen": false},
 "schedule": [{"id": "spo2-morning", "code": "59408-5", "times": ["08:00"], "days": "daily", "early": "PT2H", "window": "PT3H",
   "grace": "PT1H", "required": true}],
 "rules": [
  {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow",
   "persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}},
  {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red", "confirm": {"within": "PT10M"}},
  {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": 38.0, "unit": "Cel", "zone": "red", "no_confirm": true},
  {"id": "weight-up", "kind": "change", "code": "29463-7", "rises": 2.0, "unit": "kg", "within": "P3D", "against": "lowest",
   "zone": "yellow"},
  {"id": "drift", "kind": "trend", "code": "29463-7", "short": "P3D", "long": "P14D", "rises": 1.0, "unit": "kg", "min_points": 7,
   "zone": "yellow"},
  {"id": "own-normal", "kind": "baseline", "code": "59408-5", "falls_mad": 3, "over": "P28D", "min_points": 7, "zone": "yellow"},
  {"id": "breath", "kind": "answer", "questionnaire": "symptoms", "question": "breathlessness", "at_least": 2, "zone": "yellow"},
  {"id": "news2", "kind": "score", "score": "NEWS2", "at_least": 5, "within": "PT30M", "zone": "yellow"},
  {"id": "low-often", "kind": "count", "of": "spo2-yellow", "at_least": 3, "within": "P7D", "zone": "red"},
  {"id": "both", "kind": "all", "of": ["weight-up", "breath"], "within": "P1D", "zone": "red"},
  {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"}],
 "zones": [{"level": "green", "condition": "…", "action": "…"}, {"level": "yellow", "condition": "…", "action": "…"},
           {"level": "red", "condition": "…", "action": "Ring"}],
 "contacts": [{"who": "Oppfølgingssenteret", "phone": "73 00 00 00", "when": "…"}], "out_of_hours": "…"}
"""


def refused(given: dict[str, Any]) -> set[tuple[str, str]]:
    """(pointer, code) of every reason."""
    with pytest.raises(PlanRefused) as caught:
        read_plan(given, version=VERSION, timezone="Europe/Oslo")
    assert all(fault.detail.endswith((".", "?")) for fault in caught.value.faults)
    return {(fault.pointer, fault.code) for fault in caught.value.faults}


def test_the_document_of_the_language_is_read_whole() -> None:
    whole = read_plan(read_document(WHOLE), version=VERSION, timezone="Europe/Oslo")
    assert [rule.kind for rule in whole.rules] == [
        "threshold", "threshold", "threshold", "change", "trend", "baseline", "answer", "score", "count", "all", "missing",
    ]  # fmt: skip
    assert {rule.id: rule.family for rule in whole.rules} == {
        "spo2-yellow": "spo2", "spo2-red": "spo2", "fever": "temperature", "weight-up": "weight", "drift": "weight", "own-normal": "spo2",
        "breath": "answer:symptoms", "news2": "NEWS2", "low-often": "spo2", "both": "both", "silent": "missing:spo2-morning",
    }  # fmt: skip


def test_every_kind_of_the_language_is_built() -> None:
    assert set(KINDS) == set(LANGUAGE)


def test_yaml_says_the_same_as_json_to_the_last_digit() -> None:
    as_yaml = yaml.safe_dump(json.loads(WHOLE, parse_float=str), allow_unicode=True).replace("'38.0'", "38.0")
    as_yaml = as_yaml.replace("'2.0'", "2.0").replace("'1.0'", "1.0")
    assert read_document(as_yaml) == read_document(WHOLE)
    assert str(read_document("a: 38.0\nb: 1e1\nc: 18:00\nd: no\ne: true\nf: 2026-11-21")) == str(
        {"a": Decimal("38.0"), "b": Decimal("1e1"), "c": "18:00", "d": "no", "e": True, "f": "2026-11-21"}
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ("a: 1\na: 2", "duplicate_key"),
        ("a: &x 1\nb: *x", "malformed"),
        ("a: !!python/object/apply:os.system [ls]", "malformed"),
        ('{"a": NaN}', "wrong_type"),
        ('{"a": ', "malformed"),
        ("[1]", "wrong_type"),
        (b"\xff\xfe", "bad_text"),
        ("[" * 100_000, "malformed"),
        ("x" * 300_000, "too_large"),
    ],
)
def test_a_text_that_is_no_document_is_refused_with_a_sentence(text: str | bytes, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_document(text)
    assert [fault.code for fault in caught.value.faults] == [code]


def test_a_misspelt_no_confirm_is_refused_and_the_right_word_named() -> None:
    with pytest.raises(PlanRefused) as caught:
        plan(FEVER | {"no_confrim": True})
    assert caught.value.faults == (Fault("/rules/0/no_confrim", "unknown_key", ""),)
    assert "Did you mean `no_confirm`?" in caught.value.faults[0].detail


def test_all_reasons_come_at_once_each_with_its_path() -> None:
    given = document(
        {"id": "a", "kind": "threshold", "code": "59408-5", "below": 92, "zone": "yellow"},
        {"id": "a", "kind": "threshold", "code": "0000-0", "above": "ten", "unit": "%", "zone": "green"},
        {"id": "c", "kind": "threshold", "code": "8867-4", "below": 50, "at_or_below": 40, "unit": "bpm", "zone": "red"},
        {"id": "d", "kind": "missing", "item": "nothing", "zone": "yellow"},
        {"id": "e", "kind": "all", "of": ["f", "d"], "zone": "red"},
        {"id": "f", "kind": "any", "of": ["e", "zz"], "zone": "red"},
        {"id": "g", "kind": "prophecy", "zone": "red"},
        FEVER | {"confirm": {"within": "P1Y"}, "no_confirm": True},
        schedule=[SPO2_MORNING | {"window": "PT0S", "times": ["25:00"]}],
        background={"spo2_scale": 2},
        colour="red",
    )
    assert refused(given) == {
        ("/rules/0/unit", "missing_unit"),
        ("/rules/1/id", "duplicate_id"),
        ("/rules/1/code", "unknown_code"),
        ("/rules/1/above", "wrong_type"),
        ("/rules/1/zone", "bad_zone"),
        ("/rules/2/at_or_below", "two_limits"),
        ("/rules/2/unit", "unknown_unit"),
        ("/rules/3/item", "dangling_reference"),
        ("/rules/4/of", "cycle"),
        ("/rules/5/of", "cycle"),
        ("/rules/5/of", "dangling_reference"),
        ("/rules/6/kind", "unknown_kind"),
        ("/rules/7/confirm/within", "bad_duration"),
        ("/rules/7/no_confirm", "contradiction"),
        ("/schedule/0/window", "bad_duration"),
        ("/schedule/0/times", "bad_time"),
        ("/background/spo2_scale", "no_approver"),
        ("/colour", "unknown_key"),
    }


CHANGE: dict[str, Any] = {"id": "w", "kind": "change", "code": "weight", "rises": 2, "unit": "kg", "within": "P3D", "zone": "yellow"}
TREND: dict[str, Any] = {
    "id": "t",
    "kind": "trend",
    "code": "weight",
    "short": "P3D",
    "long": "P14D",
    "rises": 1,
    "unit": "kg",
    "zone": "yellow",
}
OWN: dict[str, Any] = {"id": "o", "kind": "baseline", "code": "spo2", "falls_mad": 3, "over": "P28D", "zone": "yellow"}
BREATH: dict[str, Any] = {"id": "b", "kind": "answer", "questionnaire": "symptoms", "question": "q", "at_least": 2, "zone": "yellow"}
NEWS2: dict[str, Any] = {"id": "n", "kind": "score", "score": "NEWS2", "at_least": 5, "zone": "yellow"}


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ([SPO2_YELLOW | {"above": 90}], {("/rules/0", "crossed_limits")}),
        ([SPO2_YELLOW | {"below": 880}], {("/rules/0/below", "impossible_limit")}),
        ([SPO2_YELLOW, SPO2_RED | {"below": 92}], {("/rules/1/below", "crossed_limits")}),
        ([SPO2_YELLOW, SPO2_RED | {"below": 95}], {("/rules/1/below", "crossed_limits")}),
        ([SPO2_YELLOW, SPO2_RED | {"below": 88, "above": 90}], {("/rules/0/below", "crossed_limits")}),
        ([SPO2_YELLOW | {"persist": {"k": 3, "n": 2}}], {("/rules/0/persist/k", "bad_value")}),
        ([SPO2_YELLOW | {"clear": {"margin": -1}}], {("/rules/0/clear/margin", "bad_value")}),
        ([SPO2_YELLOW | {"clear": {"margin": 1, "times": 2}}], {("/rules/0/clear/times", "unknown_key")}),
        ([SPO2_YELLOW | {"within": "P3D"}], {("/rules/0/within", "unknown_key")}),
        ([SPO2_YELLOW | {"unit": None}], {("/rules/0/unit", "wrong_type")}),
        ([SPO2_YELLOW | {"below": True}], {("/rules/0/below", "wrong_type")}),
        ([SPO2_YELLOW | {"max_gap": "P1DT2H"}], {("/rules/0/max_gap", "bad_duration")}),
        ([SPO2_YELLOW | {"zone": "not_reported"}], {("/rules/0/zone", "bad_zone")}),
        ([{k: v for k, v in SPO2_YELLOW.items() if k != "zone"}], {("/rules/0/zone", "missing_key")}),
        ([{k: v for k, v in SPO2_YELLOW.items() if k != "below"}], {("/rules/0", "missing_limit")}),
        ([SPO2_YELLOW | {"code": "consciousness"}], {("/rules/0/code", "bad_value")}),
        ([CHANGE | {"falls": 2}], {("/rules/0", "two_limits")}),
        ([CHANGE | {"against": "mean"}], {("/rules/0/against", "bad_value")}),
        ([CHANGE | {"rises": 0}], {("/rules/0/rises", "bad_value")}),
        ([TREND | {"short": "P14D"}], {("/rules/0/short", "impossible_window")}),
        ([TREND | {"min_points": 15}], {("/rules/0/min_points", "impossible_window")}),
        ([TREND | {"long": "PT48H"}], {("/rules/0/long", "bad_duration")}),
        ([OWN | {"over": "P5D"}], {("/rules/0/over", "impossible_window")}),
        ([OWN | {"code": "steps"}], {("/rules/0/falls_mad", "not_supported")}),
        ([BREATH | {"in": [1]}], {("/rules/0/in", "two_limits")}),
        ([BREATH | {"confirm": {"within": "PT5M"}}], {("/rules/0/confirm", "contradiction")}),
        ([NEWS2 | {"at_least": 21}], {("/rules/0/at_least", "impossible_limit")}),
        ([NEWS2 | {"any_three": True}], {("/rules/0", "two_limits")}),
        ([NEWS2 | {"score": "APACHE"}], {("/rules/0/score", "unknown_score")}),
        ([TREND, {"id": "c", "kind": "count", "of": "t", "at_least": 2, "within": "P7D", "zone": "red"}], {("/rules/1/of", "bad_value")}),
        ([BREATH, NEWS2, {"id": "k", "kind": "k_of", "k": 3, "of": ["b", "n"], "zone": "red"}], {("/rules/2/k", "bad_value")}),
        ([BREATH, {"id": "a", "kind": "all", "of": ["b", "a"], "zone": "red"}], {("/rules/1/of", "cycle")}),
    ],
)
def test_a_bad_rule_is_refused_where_it_is_wrong(rules: list[dict[str, Any]], reasons: set[tuple[str, str]]) -> None:
    assert refused(document(*rules)) == reasons


def test_limits_of_one_family_are_compared_after_conversion() -> None:
    high = {"id": "y", "kind": "threshold", "code": "8310-5", "above": Decimal("38.5"), "unit": "Cel", "zone": "yellow"}
    plan(high, high | {"id": "r", "above": 102, "unit": "[degF]", "zone": "red"})
    assert refused(document(high, high | {"id": "r", "above": 101, "unit": "[degF]", "zone": "red"})) == {
        ("/rules/1/above", "crossed_limits")
    }


def test_a_limit_is_converted_like_a_value_and_a_margin_by_scale_only() -> None:
    fever = FEVER | {"at_or_above": Decimal("100.4"), "unit": "[degF]", "clear": {"margin": 9}}
    rule = plan(fever).rules[0]
    assert isinstance(rule, Threshold)
    assert rule.limits.high is not None
    assert rule.limits.high.value == Decimal("38.0")
    assert round(rule.modifiers.margin, 6) == 5


def test_a_child_of_a_combination_needs_no_zone() -> None:
    inner = {k: v for k, v in BREATH.items() if k != "zone"}
    plan(inner, SPO2_RED, {"id": "both", "kind": "all", "of": ["b", "spo2-red"], "zone": "red"})


def test_a_dose_outside_a_medication_step_is_warned_about() -> None:
    zones = [{"level": "yellow", "condition": "Tungpust", "action": "Ta prednisolon 30 mg i fem dager."}]
    assert [(w.pointer, w.code) for w in plan(zones=zones).warnings] == [("/zones/0/action", "dose_in_text")]


def test_a_medication_step_needs_prescriber_dates_and_call_first() -> None:
    assert refused(document(medication=[{"text": "Vanndrivende", "valid_from": "2026-12-01", "valid_until": "2026-11-01"}])) == {
        ("/medication/0/prescriber", "missing_key"),
        ("/medication/0/call_first", "missing_key"),
        ("/medication/0/valid_until", "bad_value"),
    }


def test_the_national_documents_own_members_and_x_members_are_free() -> None:
    plan(SPO2_RED | {"x-source": "…"}, version=4, status="active", updated_by="Ada", **{"x-anything": {"a": 1}})


def test_what_the_tablet_shows_at_once_is_made_from_every_no_confirm_rule() -> None:
    item_nine = BREATH | {
        "id": "nine",
        "questionnaire": "PHQ-9",
        "question": "9",
        "at_least": 1,
        "no_confirm": True,
        "text": "Ring 116 123.",
    }
    given = plan(
        SPO2_RED,
        FEVER | {"no_confirm": True, "title": "Feber"},
        item_nine,
        zones=[{"level": "red", "action": "Ring oss nå."}],
        contacts=[{"who": "Senteret", "phone": "73 00 00 00"}],
    )
    fever, nine = immediate(given)
    assert fever == {
        "code": "8310-5", "at_or_above": Decimal("38.0"), "limit": Decimal("38.0"), "unit": "Cel", "title": "Feber", "text": "Ring oss nå.",
        "phone": "73 00 00 00",
    }  # fmt: skip
    assert (nine["questionnaire"], nine["question"], nine["at_least"], nine["text"]) == ("PHQ-9", "9", 1, "Ring 116 123.")
    assert given.family_of("nine") == "answer:PHQ-9:9"


@pytest.mark.parametrize("path", sorted((Path(dho.__file__).parent / "templates").glob("*.json")), ids=lambda path: path.stem)
def test_every_template_is_a_plan_whose_numbers_have_a_source_and_wait_for_a_clinician(path: Path) -> None:
    given = read_document(path.read_bytes())
    read = read_plan(given, version=VERSION, timezone="Europe/Oslo")
    assert len(read.rules) >= 6
    assert all(rule.get("x-source") and rule.get("x-confirm") is True for rule in given["rules"])
    assert not [warning for warning in read.warnings if warning.code == "dose_in_text"]
    assert {zone["level"] for zone in given["zones"]} == {"green", "yellow", "red"}
