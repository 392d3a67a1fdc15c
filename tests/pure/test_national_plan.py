"""A plan goes out as the national plan document and comes back as it was."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dho.errors import Invalid
from dho.national_plan import from_national, to_national
from dho.plan_text import read_document

TEMPLATES = sorted((Path(__file__).parents[2] / "dho" / "templates").glob("*.json"))
NATIONAL = {
    "title": "Egenbehandlingsplan",
    "description": "Ved KOLS",
    "zones": [{"level": level, "condition": f"når {level}", "action": f"gjør {level}"} for level in ("green", "yellow", "red")],
    "version": 4,
}
RED = {"level": "red", "action": "Ring", "steps": ["Gå"]}
ENVELOPED = {"id": "9d1c", "version": 4, "status": "active", "subject": {"reference": "Patient/1"}, "clinical_content": NATIONAL}

text = st.text(max_size=5)
value = st.recursive(text | st.integers() | st.booleans() | st.decimals(0, 9, places=1), lambda v: st.lists(v, max_size=2), max_leaves=4)
texts_of_zone = st.dictionaries(st.sampled_from(["condition", "action", "condition_staff", "x-a"]), text)
zones = st.lists(st.tuples(st.sampled_from(["green", "yellow", "red"]), texts_of_zone), unique_by=lambda zone: zone[0]).map(
    lambda found: [{"level": level, **members} for level, members in found]
)
documents = st.fixed_dictionaries(
    {},
    optional={
        "title": text,
        "description": text,
        "zones": zones,
        "version": st.integers(1, 9),
        "status": text,
        "comment": text,
        "rules": st.lists(st.dictionaries(text, value), max_size=2),
        "background": st.dictionaries(text, value, max_size=2),
        "x-dho": value,
        "x-national": value,
        "x-other": value,
        "clinical_content": value,
    },
)


@given(documents, st.integers(1, 99))
def test_out_and_in_again_nothing_is_lost_and_nothing_is_added(document: dict[str, Any], number: int) -> None:
    assert from_national(to_national(document, number)) == document


@given(documents, st.integers(1, 99))
def test_whatever_goes_out_is_a_national_document(document: dict[str, Any], number: int) -> None:
    told = to_national(document, number)
    assert {"title", "description", "zones", "version"} <= told.keys()
    assert all({"level", "condition", "action"} == zone.keys() for zone in told["zones"])


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_survives_the_journey(path: Path) -> None:
    document = read_document(path.read_bytes())
    assert from_national(to_national(document, 1)) == document


@pytest.mark.parametrize("national", [NATIONAL, ENVELOPED], ids=["bare", "enveloped"])
def test_a_document_of_another_system_comes_back_to_it_as_it_was(national: dict[str, Any]) -> None:
    again = to_national(from_national(national), 1)
    content = again.get("clinical_content", again)
    content.pop("x-dho")
    assert again == national


def test_what_was_changed_on_the_way_wins_and_the_rules_stay() -> None:
    ours = {
        "title": "KOLS",
        "rules": [{"id": "a", "below": Decimal("88.5")}],
        "zones": [{"level": "red", "action": "Ring", "steps": ["Gå"]}],
    }
    told = to_national(ours, 3)
    told["version"] = 4
    told["zones"][0]["action"] = "Ring 113"
    told["zones"].insert(0, {"level": "green", "condition": "Bra", "action": ""})
    assert from_national(told) == {
        "title": "KOLS",
        "version": 4,
        "rules": [{"id": "a", "below": Decimal("88.5")}],
        "zones": [{"level": "green", "condition": "Bra", "action": ""}, {"level": "red", "action": "Ring 113", "steps": ["Gå"]}],
    }


@pytest.mark.parametrize("broken", [{}, {"zones": 3}, {"clinical_content": []}, {"zones": [], "x-dho": {"format": 1, "rest": 4}}])
def test_what_is_no_national_document_is_refused_with_the_place(broken: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as refused:
        from_national(broken)
    assert refused.value.faults
