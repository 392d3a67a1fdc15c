"""Whatever is sent as a plan is read or refused with reasons; nothing in it can crash the reader."""

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dho.errors import Invalid
from dho.plan import PlanRefused, immediate, read_document, read_plan
from tests.pure.plans import VERSION
from tests.pure.test_plan_reading import WHOLE

JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 5),
        st.floats(),
        st.sampled_from(("", "P3D", "PT5M", "red", "spo2", "29463-7", "kg", "both", "breath", "08:00", "2026-11-21", "\x00", "P99999D")),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("id", "kind", "of", "within", "zone", "k", "a/b~c")), inner, max_size=3),
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every path in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def inside(holder: Any, key: Any) -> Any:
    """The member of an object or list, None if it has none."""
    if isinstance(holder, dict):
        return holder.get(key)
    return holder[key] if isinstance(holder, list) and isinstance(key, int) and key < len(holder) else None


GIVEN = read_document(WHOLE) | {
    "suppress": [{"rules": ["breath"], "zone": "yellow", "reason": "kur", "end": "2026-12-01T00:00:00Z"}],
    "medication": [{"text": "a", "prescriber": "b", "valid_from": "2026-01-01", "valid_until": "2026-02-01", "call_first": True}],
    "goals": [{"text": "gå tur"}],
    "approvals": [{"party": "gp", "person": "Dag", "at": "2026-11-01T00:00:00Z"}],
}
PLACES = places(GIVEN)[1:]


def refusal_of(document: Any) -> list[str]:
    """Where a document is refused; nothing if it is a plan. A refusal always has a reason."""
    try:
        immediate(read_plan(document, version=VERSION, timezone="Europe/Oslo"))
    except PlanRefused as refusal:
        return [fault.pointer for fault in refusal.faults] or ["a refusal without a reason"]
    return []


@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK), min_size=1, max_size=3))
@settings(max_examples=600, deadline=None)
def test_a_plan_with_junk_anywhere_is_read_or_refused_with_paths_into_it(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = deepcopy(GIVEN)
    for path, junk in changes:
        holder: Any = document
        for key in path[:-1]:
            holder = (
                holder[key] if (isinstance(holder, dict) and key in holder) or (isinstance(holder, list) and len(holder) > key) else None
            )
            if not isinstance(holder, dict | list):
                break
        if isinstance(holder, dict) or (isinstance(holder, list) and isinstance(path[-1], int) and path[-1] < len(holder)):
            holder[path[-1]] = junk
    pointers = refusal_of(document)
    assert all(pointer == "" or pointer.startswith("/") for pointer in pointers)


@given(st.text(max_size=200) | st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_document_or_refused(text: str | bytes) -> None:
    try:
        document = read_document(text)
    except Invalid as refusal:
        document = dict.fromkeys(fault.code for fault in refusal.faults)
    assert document is not None
