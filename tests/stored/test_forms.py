"""Filled-in questionnaires as people read them: over the API and on the patient's page."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from dho import clock
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.serving import Served, log_in_as_patient

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


def fill(served: Served, tablet: str, form: str, version: int, hours_ago: int = 0, **given: Any) -> dict[str, Any]:
    """Fill in a form on a tablet that has no broker; q1 stands for question 1."""
    body = {
        "id": str(uuid4()),
        "taken_at": (clock.now() - hours_ago * HOUR).isoformat(),
        "source": "patient",
        "questionnaire": form,
        "version": version,
        "answers": [{"question": question.removeprefix("q"), "value": value} for question, value in given.items()],
    }
    with served.client() as client:
        answer = client.post("/api/v1/answers", json=body, auth=(tablet, SECRET))
    assert answer.status_code == 200, answer.text
    return body | {"receipt": answer.json()}


def test_forms_are_listed_with_answers_and_scores_newest_first(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan())
    older = fill(served, tablet, "GAD-7", 1, 2, **{f"q{n}": 1 for n in range(1, 8)})
    newer = fill(served, tablet, "symptoms", 2, 1, breathlessness=1, sputum_amount=9)
    assert newer["receipt"]["refused"][0]["code"] == "sputum_amount"
    path = f"/api/v1/patients/{patient}/answers"
    first = ada.get(path, params={"limit": 1}).json()
    [symptoms] = first["items"]
    [gad] = ada.get(path, params={"limit": 1, "cursor": first["next"]}).json()["items"]
    assert (symptoms["id"], gad["id"]) == (newer["id"], older["id"])
    assert symptoms["answers"] == [{"question": "breathlessness", "value": 1}]
    assert (symptoms["unanswered"], symptoms["refused"][0]["reason"]) == (["chest_pain"], "impossible_value")
    assert gad["scores"] == [{"score": "GAD-7", "low": 7, "high": 7, "complete": True, "prorated": False, "missing": []}]
    assert [one["id"] for one in ada.get(path, params={"questionnaire": "GAD-7"}).json()["items"]] == [older["id"]]


def test_an_answer_is_among_the_patients_values_too(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan())
    fill(served, tablet, "feet", 1, wound="no")
    [value] = ada.get(f"/api/v1/patients/{patient}/measurements").json()["items"]
    assert (value["name"], value["code"], value["value"], value["unit"], value["source"]) == (
        "answer:feet:wound",
        "wound",
        "no",
        "",
        "patient",
    )


def test_a_withdrawn_form_is_marked(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan())
    sent = fill(served, tablet, "feet", 1, wound="yes")
    assert ada.post(f"/api/v1/measurements/{sent['id']}/invalid", json={"reason": "feil pasient"}).status_code == 200
    [form] = ada.get(f"/api/v1/patients/{patient}/answers").json()["items"]
    assert form["invalid"] == "feil pasient"


def test_cecilie_finds_nothing_and_every_look_is_logged(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan())
    path = f"/api/v1/patients/{patient}/answers"
    with served.client(who.cecilie) as cecilie:
        assert cecilie.get(path).status_code == 404
    assert ada.get(path).status_code == 200
    looks = served.rows("SELECT person, what FROM access_log WHERE patient = %s", (patient,))
    assert [(look.person, look.what) for look in looks] == [(who.ada, "answers")]


def test_eva_reads_her_own_answers(served: Served, who: Cast) -> None:
    fill(served, who.tablet, "check_in", 1, mood=7, early_signs=0)
    with served.client(log_in_as_patient(served, who)) as eva:
        assert eva.get(f"/api/v1/patients/{who.eva}/answers").json()["items"][0]["answers"][0]["value"] == 7


def page_of(served: Served, person: UUID, patient: UUID, language: str) -> str:
    user, password = served.password(person, "et-langt-passord-1"), "et-langt-passord-1"
    with httpx.Client(base_url=served.url, timeout=20, headers={"Origin": served.url}) as browser:
        assert browser.post("/api/v1/session", json={"user": user, "password": password}).status_code in (200, 204)
        browser.cookies.set("dho_language", language)
        answer = browser.get(f"/patients/{patient}")
    assert answer.status_code == 200
    return answer.text


def test_the_patients_page_shows_forms_over_time_in_words(served: Served, who: Cast) -> None:
    patient, tablet = who.patient(plan())
    fill(served, tablet, "symptoms", 2, 3, breathlessness=1, chest_pain=0)
    fill(served, tablet, "symptoms", 2, 2, breathlessness=2, chest_pain=0)
    fill(served, tablet, "CAT", 1, 1, **{f"q{n}": 3 for n in range(1, 8)})
    shown = page_of(served, who.ada, patient, "nb")
    assert shown.index("Som vanlig") < shown.index("Mer enn vanlig")
    assert "Hvor tungpusten er du?" in shown
    assert "mellom 21 og 26" in shown  # one item is missing: bounds, never a total
    assert "Spørsmål 7" in shown
    english = page_of(served, who.ada, patient, "en")
    assert "How short of breath are you?" in english
    assert "between 21 and 26" in english


def test_a_page_without_forms_shows_no_heading_for_them(served: Served, who: Cast) -> None:
    patient, _ = who.patient(plan())
    assert 'data-part="forms" aria-labelledby="forms-title" hidden' in page_of(served, who.ada, patient, "nb")
