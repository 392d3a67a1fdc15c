"""What is other in a new version of a plan, in words that its reader understands."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dho.plan_difference import difference
from dho.texts import LANGUAGES, render

SPO2 = {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red", "confirm": {"within": "PT10M"}}
FEVER = {"id": "fever", "kind": "threshold", "code": "8310-5", "at_or_above": Decimal("38.0"), "unit": "Cel", "zone": "red"}
OLD: dict[str, Any] = {
    "title": "KOLS",
    "rules": [SPO2, FEVER],
    "schedule": [{"id": "morning", "code": "59408-5", "times": ["08:00"], "window": "PT3H", "required": True}],
    "zones": [{"level": "red", "condition": "Tungpust", "action": "Ring 113"}],
    "contacts": [{"who": "Senteret", "phone": "1"}, {"who": "Legevakt", "phone": "116117"}],
    "background": {"oxygen": False},
}


def said(new: dict[str, Any], language: str = "nb", old: dict[str, Any] = OLD) -> list[str]:
    return [render(change.text.key, change.text.args, language) for change in difference(old, new)]


def changed(**members: Any) -> dict[str, Any]:
    return {**deepcopy(OLD), **members}


def test_a_changed_limit_is_told_with_its_units_in_three_languages() -> None:
    new = changed(rules=[{**SPO2, "below": 86}, FEVER])
    assert said(new, "nb") == ["Regelen «spo2-red», under: fra 88 % til 86 %."]
    assert said(new, "nn") == ["Regelen «spo2-red», under: frå 88 % til 86 %."]
    assert said(new, "en") == ["The rule “spo2-red”, below: from 88 % to 86 %."]
    [change] = difference(OLD, new)
    assert (change.kind, change.path) == ("changed", "/rules/spo2-red/below")


def test_a_decimal_is_written_in_the_readers_way() -> None:
    new = changed(rules=[SPO2, {**FEVER, "at_or_above": Decimal("38.5")}])
    assert said(new) == ["Regelen «fever», lik eller over: fra 38,0 °C til 38,5 °C."]


def test_a_new_rule_and_a_removed_one_are_told_whole() -> None:
    assert said(changed(rules=[FEVER])) == [
        "Regelen «spo2-red» er fjernet (kind threshold; måling 59408-5; under 88 %; sone rød; bekreftes innen 10 min)."
    ]
    [added] = said(changed(rules=[SPO2, FEVER, {**FEVER, "id": "feber", "title": "Feber", "no_confirm": True}]))
    assert added.startswith("Regelen «Feber» er lagt til: kind threshold;")
    assert added.endswith("varsler uten ny måling ja.")


def test_a_confirmation_that_was_taken_away_is_not_overlooked() -> None:
    without = {key: value for key, value in SPO2.items() if key != "confirm"}
    assert said(changed(rules=[without, FEVER])) == ["Regelen «spo2-red», bekreftes: fjernet (var innen 10 min)."]


def test_schedule_zones_goals_and_background_are_told_too() -> None:
    new = changed(
        schedule=[{**OLD["schedule"][0], "times": ["07:00", "19:00"], "required": False}],
        zones=[{**OLD["zones"][0], "action": "Ring senteret"}],
        goals=[{"text": "Gå tur"}],
        background={"oxygen": True},
    )
    assert said(new) == [
        "Avtalen «morning», klokkeslett: fra 08:00 til 07:00, 19:00.",
        "Avtalen «morning», påkrevd: fra ja til nei.",
        "Sonen rød, tiltak: fra Ring 113 til Ring senteret.",
        "bakgrunn, oxygen: fra nei til ja.",
        "Målet «Gå tur» er lagt til.",
    ]


def test_order_matters_for_whom_to_call_and_for_nothing_else() -> None:
    assert said(changed(rules=[FEVER, SPO2])) == []
    assert said(changed(contacts=OLD["contacts"][::-1])) == ["Kontaktene har ny rekkefølge: Legevakt, Senteret."]


def test_the_same_number_written_otherwise_is_no_difference_but_true_is_not_one() -> None:
    assert said(changed(rules=[{**SPO2, "below": Decimal("88.0")}, FEVER])) == []
    assert len(difference({"x-a": 1}, {"x-a": True})) == 1


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.decimals(-9, 9, places=1) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "unit", "below", "text", "%s", "a/b"]), inner),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from(["rules", "zones", "contacts", "background", "title", "x-a"]), plain, max_size=4)


@given(documents, documents)
def test_any_two_documents_can_be_compared_and_only_equal_ones_have_no_difference(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = difference(old, new)
    for language in LANGUAGES:
        assert all(render(change.text.key, change.text.args, language) for change in found)
    assert not difference(old, deepcopy(old))
    assert bool(found) == bool(difference(new, old))
