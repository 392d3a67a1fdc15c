"""Plans over the API: who may approve, what is other, the national form, pauses, and limits from the start-up weeks."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from dho import clock
from tests.cast import LOW_SPO2, LOWISH_SPO2, SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.serving import Served, log_in_as_patient, related


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


def drafted(client: httpx.Client, patient: UUID, document: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(f"/api/v1/patients/{patient}/plans", json=document)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def step(client: httpx.Client, version: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
    return client.post(f"/api/v1/plans/{version['id']}/{verb}", json={"expected_version": version["version"], **body})


def test_each_party_approves_for_itself_and_a_nurse_writes_down_what_the_patient_said(served: Served, who: Cast, ada: httpx.Client) -> None:
    draft = drafted(ada, who.eva, plan(LOW_SPO2))
    gp = related(served, who.eva, "gp", "Geir")
    with served.write() as tx:
        tx.execute("""UPDATE organisation SET approvals_needed = '["patient", "gp", "specialist"]' WHERE id = %s""", (who.municipality,))
    refused = step(ada, draft, "activate")
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/approvals_missing")
    assert refused.json()["detail"] == "Approval is missing from: patient, gp, specialist."
    assert step(ada, draft, "approve", party="gp").status_code == 403
    with served.client(gp) as geir, served.client(who.dag) as dag, served.client(log_in_as_patient(served, who)) as eva:
        draft = step(geir, draft, "approve").json()
        draft = step(dag, draft, "approve").json()
        assert step(dag, draft, "activate").status_code == 403
        assert step(dag, draft, "approve", party="patient").status_code == 403
        draft = step(eva, draft, "approve").json()
    assert [line["party"] for line in draft["approvals"]] == ["gp", "specialist", "patient"]
    activated = step(ada, draft, "activate")
    assert (activated.status_code, activated.json()["state"]) == (200, "active")
    with served.write() as tx:
        tx.execute("UPDATE organisation SET approvals_needed = '[]' WHERE id = %s", (who.municipality,))
    noted = step(ada, drafted(ada, who.eva, plan()), "approve", party="patient").json()["approvals"]
    assert [(line["party"], line["recorded_by"]) for line in noted] == [("patient", str(who.ada))]


def test_a_version_is_compared_taken_up_again_and_ended(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan(LOW_SPO2))
    [first] = ada.get(f"/api/v1/patients/{patient}/plans").json()["items"]
    second = drafted(ada, patient, plan({**LOW_SPO2, "below": 90}))
    told = ada.get(f"/api/v1/plans/{second['id']}/difference", params={"from": first["id"]}).json()
    assert [change["text"] for change in told["changes"]] == ["Regelen «spo2-red», under: fra 88 % til 90 %."]
    assert ada.get(f"/api/v1/plans/{second['id']}/difference").status_code == 422
    other, _ = who.patient(plan())
    [foreign] = ada.get(f"/api/v1/patients/{other}/plans").json()["items"]
    assert ada.get(f"/api/v1/plans/{second['id']}/difference", params={"from": foreign["id"]}).status_code == 404
    assert step(ada, second, "activate").status_code == 200
    [_, former] = ada.get(f"/api/v1/patients/{patient}/plans").json()["items"]
    key = {"Idempotency-Key": uuid4().hex, "If-Match": f'"{former["version"]}"'}
    again = ada.post(f"/api/v1/plans/{former['id']}/restore", headers=key)
    assert (again.status_code, again.json()["restored_from"], again.json()["document"]) == (201, former["id"], former["document"])
    assert ada.post(f"/api/v1/plans/{former['id']}/restore", headers=key).json() == again.json()
    assert ada.post(f"/api/v1/plans/{former['id']}/restore").status_code == 428
    present = next(v for v in ada.get(f"/api/v1/patients/{patient}/plans").json()["items"] if v["state"] == "active")
    assert step(ada, present, "end").json()["state"] == "ended"
    assert ada.get(f"/api/v1/patients/{patient}").json()["zone"] is None


def test_a_plan_goes_out_in_the_national_form_and_comes_in_as_a_draft(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan(background={"oxygen": False}))
    [first] = ada.get(f"/api/v1/patients/{patient}/plans").json()["items"]
    national = ada.get(f"/api/v1/plans/{first['id']}/national").json()
    assert {"title", "description", "zones", "version", "x-dho"} == national.keys()
    national["zones"][2]["action"] = "Ring 113."
    made = ada.post(f"/api/v1/patients/{patient}/plans/national", json=national)
    assert (made.status_code, made.json()["state"]) == (201, "draft")
    told = ada.get(f"/api/v1/plans/{made.json()['id']}/difference", params={"from": first["id"]}).json()
    assert [change["path"] for change in told["changes"]] == ["/zones/red/action"]
    assert ada.post(f"/api/v1/patients/{patient}/plans/national", json={"title": "x"}).status_code == 422


def test_a_nurse_pauses_a_patient_and_ends_the_pause(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan())
    path, start = f"/api/v1/patients/{patient}/pauses", clock.now() - timedelta(hours=3)
    made = ada.post(path, json={"start": start.isoformat(), "kind": "hospital", "reason": "innlagt"})
    assert (made.status_code, made.json()["end"], made.headers["etag"]) == (201, None, '"1"')
    assert [one["id"] for one in ada.get(path).json()["items"]] == [made.json()["id"]]
    wrong = ada.post(path, json={"start": start.isoformat(), "end": (start - timedelta(hours=1)).isoformat()})
    assert (wrong.status_code, [error["pointer"] for error in wrong.json()["errors"]]) == (422, ["/end"])
    one = f"{path}/{made.json()['id']}"
    assert ada.delete(one).status_code == 428
    assert ada.delete(one, headers={"If-Match": '"7"'}).status_code == 409
    assert ada.delete(one, headers={"If-Match": '"1"'}).status_code == 204
    assert ada.get(path).json()["items"][0]["end"] is not None
    with served.client(who.cecilie) as cecilie:
        assert cecilie.get(path).status_code == 404
        assert cecilie.post(path, json={"start": start.isoformat()}).status_code == 404
    with served.client(who.dag) as dag:
        assert dag.post(f"/api/v1/patients/{who.eva}/pauses", json={"start": start.isoformat()}).status_code == 403


def test_limits_are_proposed_from_the_start_up_weeks_and_confirmed_by_a_draft(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan(LOWISH_SPO2, LOW_SPO2))
    with served.client() as client:
        for day in range(1, 11):
            taken = (clock.now() - timedelta(days=day)).isoformat()
            values = [{"code": "59408-5", "value": 90 + day % 2, "unit": "%"}]
            body = {"id": str(uuid4()), "taken_at": taken, "source": "device", "values": values}
            assert client.post("/api/v1/measurements", json=body, auth=(tablet, SECRET)).status_code == 200
    told = ada.get(f"/api/v1/patients/{patient}/proposed-limits", params={"weeks": 2}).json()
    [own] = told["measurements"]
    assert (own["measurement"], own["readings"], own["days"], own["median"], own["enough"]) == ("spo2", 10, 10, 90.5, True)
    assert [(rule["rule"], rule["present"], rule["proposed"], rule["looser"]) for rule in own["rules"]] == [
        ("spo2-yellow", 92, 87, True),
        ("spo2-red", 88, 85, True),
    ]
    assert own["rules"][0]["fires_at_present"] == 10
    draft = drafted(ada, patient, told["document"])
    assert [rule["below"] for rule in draft["document"]["rules"]] == [87, 85]
    assert ada.get(f"/api/v1/patients/{patient}/proposed-limits", params={"weeks": 9}).status_code == 422
    with served.client(who.cecilie) as cecilie:
        assert cecilie.get(f"/api/v1/patients/{patient}/proposed-limits").status_code == 404
