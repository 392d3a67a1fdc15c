"""The API as clients meet it: alerts and acts, versions, idempotency, lists, problems."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from psycopg import sql

from dho import clock
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.serving import Served, log_in_as_patient, serving

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


def measurement(value: float, code: str = "59408-5", unit: str = "%", **members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "taken_at": clock.now().isoformat(),
        "source": "device",
        "values": [{"code": code, "value": value, "unit": unit}],
        **members,
    }


def answered(breathlessness: int = 0) -> dict[str, Any]:
    """Answers to the questionnaire about symptoms, as a tablet sends them."""
    given = [{"question": "breathlessness", "value": breathlessness}]
    return {
        "id": str(uuid4()),
        "taken_at": clock.now().isoformat(),
        "source": "patient",
        "questionnaire": "symptoms",
        "version": 2,
        "answers": given,
    }


def red(served: Served, who: Cast) -> dict[str, Any]:
    """A fresh red alert of a patient of its own."""
    patient, tablet = who.patient(plan())
    with served.client() as client:
        assert client.post("/api/v1/measurements", json=measurement(80), auth=(tablet, SECRET)).status_code == 200
    with served.client(who.ada) as client:
        (alert,) = client.get("/api/v1/alerts", params={"patient": str(patient)}).json()["items"]
    return dict(alert)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of an answer that must be this one."""
    told: dict[str, Any] = answer.json()
    assert (answer.status_code, answer.headers["content-type"], told["type"]) == (status, PROBLEM, f"/problems/{code}"), answer.text
    assert {"title", "detail", "instance", "status"} <= told.keys()
    assert told["status"] == status
    return told


def test_ada_claims_works_and_closes_a_red_alert(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)
    path = f"/api/v1/alerts/{alert['id']}"
    claimed = ada.post(f"{path}/claim", json={"expected_version": alert["version"]})
    assert (claimed.status_code, claimed.json()["state"], claimed.json()["owner"]) == (200, "claimed", str(who.ada))
    assert claimed.headers["etag"] == f'"{alert["version"] + 1}"'
    started = ada.post(f"{path}/start", headers={"If-Match": claimed.headers["etag"]})
    assert started.json()["state"] == "in_progress"
    closed = ada.post(f"{path}/close", headers={"If-Match": started.headers["etag"]}, json={"outcome": "true_action", "note": "Ringte."})
    assert (closed.json()["state"], closed.json()["outcome"]) == ("closed", "true_action")
    told = ada.get(path).json()
    assert [line["type"] for line in told["journal"]] == ["alert.raised", "alert.claimed", "alert.started", "alert.closed"]
    assert [line["version"] for line in told["journal"]] == [1, 2, 3, 4]
    assert told["journal"][-1]["note"] == "Ringte."
    assert told["you_see_this_because"][0]["key"] == "access.because.centre.follow_up_nurse"


def test_of_two_nurses_who_claim_at_once_exactly_one_wins(served: Served, who: Cast) -> None:
    alert = red(served, who)
    answers: list[int] = []

    def claim(person: UUID) -> None:
        with served.client(person) as client:
            answers.append(client.post(f"/api/v1/alerts/{alert['id']}/claim", headers={"If-Match": f'"{alert["version"]}"'}).status_code)

    nurses = [threading.Thread(target=claim, args=(person,)) for person in [who.ada, who.bjorn] * 5]
    for nurse in nurses:
        nurse.start()
    for nurse in nurses:
        nurse.join()
    assert sorted(answers) == [200] + [409] * 9


def test_a_change_says_which_version_it_is_for(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)
    path, version = f"/api/v1/alerts/{alert['id']}/claim", alert["version"]
    problem(ada.post(path), 428, "version_required")
    problem(ada.post(path, json={}), 428, "version_required")
    problem(ada.post(path, headers={"If-Match": '"1"'}, json={"expected_version": 2}), 400, "versions_differ")
    for header in ("1", "*", 'W/"1"', '"one"'):
        problem(ada.post(path, headers={"If-Match": header}), 400, "bad_if_match")
    stale = problem(ada.post(path, headers={"If-Match": f'"{version + 5}"'}), 409, "version_conflict")
    assert stale["current"] == version
    assert ada.post(path, headers={"If-Match": f'"{version}"'}, json={"expected_version": version}).status_code == 200


def test_what_an_alert_cannot_do_is_said_in_a_sentence(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)
    path = f"/api/v1/alerts/{alert['id']}"
    version = {"expected_version": alert["version"]}
    problem(ada.post(f"{path}/start", json=version), 409, "invalid_transition")
    problem(ada.post(f"{path}/close", json=version), 422, "invalid")
    problem(ada.post(f"{path}/close", json=version | {"outcome": "not_reached"}), 409, "invalid_transition")
    late = (clock.now() + timedelta(hours=9)).isoformat()
    problem(ada.post(f"{path}/snooze", json=version | {"until": late, "reason": "sover"}), 422, "invalid")
    wrong = problem(ada.post(f"{path}/snooze", json=version | {"until": "tomorrow"}), 422, "invalid")
    assert [error["pointer"] for error in wrong["errors"]] == ["/until"]
    problem(ada.post(f"{path}/explode", json=version), 404, "not_found")


def test_the_same_key_gives_the_same_answer_and_nothing_is_done_twice(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)
    path, key = f"/api/v1/alerts/{alert['id']}/claim", {"Idempotency-Key": uuid4().hex}
    body = {"expected_version": alert["version"]}
    first, second = ada.post(path, json=body, headers=key), ada.post(path, json=body, headers=key)
    assert (first.status_code, first.content) == (second.status_code, second.content) == (200, first.content)
    assert second.headers["idempotency-replayed"] == "true"
    assert len(served.rows("SELECT FROM alert_event WHERE alert = %s AND type = 'alert.claimed'", (UUID(alert["id"]),))) == 1
    problem(ada.post(path, json=body | {"reason": "noe annet"}, headers=key), 422, "idempotency_key_reused")
    with served.client(who.bjorn) as bjorn:
        problem(bjorn.post(path, json=body, headers=key), 409, "version_conflict")


def test_a_key_is_forgotten_after_a_day(served: Served, who: Cast, ada: httpx.Client) -> None:
    key = {"Idempotency-Key": uuid4().hex}
    path = f"/api/v1/patients/{who.eva}/messages"
    first = ada.post(path, json={"text": "Hei"}, headers=key).json()["id"]
    with served.write() as tx:
        tx.execute("UPDATE idempotency SET at = at - interval '25 hours'")
    assert ada.post(path, json={"text": "Hei igjen"}, headers=key).json()["id"] != first


def test_a_repeated_key_tells_nothing_to_somebody_who_may_no_longer_see_it(served: Served, who: Cast) -> None:
    dag, key = served.client(who.dag), {"Idempotency-Key": uuid4().hex}
    path = f"/api/v1/patients/{who.eva}/messages"
    assert dag.post(path, json={"text": "Hei"}, headers=key).status_code == 201
    with served.write() as tx:
        tx.execute("UPDATE care_relation SET during = tstzrange(lower(during), %s) WHERE person = %s", (tx.now, who.dag))
    problem(dag.post(path, json={"text": "Hei"}, headers=key), 404, "not_found")
    with served.write() as tx:
        tx.execute("UPDATE care_relation SET during = tstzrange(lower(during), NULL) WHERE person = %s", (who.dag,))


def test_a_cursor_is_stable_while_rows_are_added(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan())
    path = f"/api/v1/patients/{patient}/measurements"

    def send(minutes_ago: int) -> str:
        sent = measurement(96, taken_at=(clock.now() - timedelta(minutes=minutes_ago)).isoformat())
        assert served.client().post("/api/v1/measurements", json=sent, auth=(tablet, SECRET)).status_code == 200
        return str(sent["id"])

    ids = [send(minutes) for minutes in (1, 2, 3, 4, 5)]
    first = ada.get(path, params={"limit": 2}).json()
    send(0)
    second = ada.get(path, params={"limit": 2, "cursor": first["next"]}).json()
    third = ada.get(path, params={"limit": 2, "cursor": second["next"]}).json()
    assert [item["measurement"] for part in (first, second, third) for item in part["items"]] == ids
    assert third["next"] is None


@pytest.mark.parametrize(
    "path", ["/api/v1/alerts", "/api/v1/patients", "/api/v1/patients/{eva}/measurements", "/api/v1/patients/{eva}/plans"]
)
def test_a_list_has_items_and_a_next_and_limits_of_1_to_500(served: Served, who: Cast, ada: httpx.Client, path: str) -> None:
    path = path.format(eva=who.eva)
    assert ada.get(path).json().keys() == {"items", "next"}
    for limit in ("0", "501", "ten"):
        told = problem(ada.get(path, params={"limit": limit}), 422, "invalid")
        assert told["errors"][0]["pointer"] == "/query/limit"
    for cursor in ("x", "WyJvdGhlciIsIjEiXQ", "bnVsbA", "å"):
        problem(ada.get(path, params={"cursor": cursor}), 422, "invalid")


def test_alerts_are_filtered_by_state_zone_and_patient(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)

    def listed(**filters: str) -> list[str]:
        return [item["id"] for item in ada.get("/api/v1/alerts", params=filters).json()["items"]]

    assert all(alert["id"] in found for found in (listed(), listed(state="open"), listed(zone="red")))
    assert alert["id"] not in listed(state="claimed") + listed(zone="yellow") + listed(patient=str(who.eva))
    ada.post(f"/api/v1/alerts/{alert['id']}/close", json={"expected_version": alert["version"], "outcome": "patient_ok"})
    assert alert["id"] not in listed()
    assert alert["id"] in listed(state="closed")


def test_a_value_taken_by_phone_is_stored_with_who_entered_it_and_judged(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan())
    path = f"/api/v1/patients/{patient}/measurements"
    entered = measurement(84, source="device")
    receipt = ada.post(path, json=entered).json()
    assert (receipt["status"], receipt["zone"], receipt["id"]) == ("stored", "red", entered["id"])
    assert ada.post(path, json=entered).json()["status"] == "duplicate"
    (row,) = served.rows("SELECT performer, source, gateway FROM inbox WHERE uplink = %s", (UUID(entered["id"]),))
    assert (row.performer, row.source, row.gateway) == (who.ada, "staff", None)
    assert [item["source"] for item in ada.get(path).json()["items"]] == ["staff"]
    assert ada.get("/api/v1/alerts", params={"patient": str(patient)}).json()["items"][0]["zone"] == "red"


def test_answers_given_by_phone_are_stored_with_who_entered_them(served: Served, who: Cast, ada: httpx.Client) -> None:
    sent = answered()
    receipt = ada.post(f"/api/v1/patients/{who.eva}/answers", json=sent).json()
    assert (receipt["status"], receipt["id"]) == ("stored", sent["id"]), receipt
    (row,) = served.rows("SELECT performer, source FROM inbox WHERE uplink = %s", (UUID(sent["id"]),))
    assert (row.performer, row.source) == (who.ada, "staff")


def test_an_entered_value_under_a_repeated_key_gives_the_first_receipt_again(served: Served, who: Cast, ada: httpx.Client) -> None:
    path, key = f"/api/v1/patients/{who.eva}/measurements", {"Idempotency-Key": uuid4().hex}
    entered = measurement(96)
    first, again = (ada.post(path, json=entered, headers=key) for _ in range(2))
    assert (first.json()["status"], again.content, again.headers["idempotency-replayed"]) == ("stored", first.content, "true")
    problem(ada.post(path, json=measurement(95), headers=key), 422, "idempotency_key_reused")


def test_staff_cannot_enter_a_value_for_one_patient_under_the_address_of_another(served: Served, who: Cast, ada: httpx.Client) -> None:
    other, _ = who.patient(plan())
    told = problem(ada.post(f"/api/v1/patients/{who.eva}/measurements", json=measurement(96, patient=str(other))), 422, "invalid")
    assert told["errors"][0]["pointer"] == "/patient"
    told = problem(
        ada.post(f"/api/v1/patients/{who.eva}/measurements", json=[measurement(96), measurement(96, patient=str(other))]), 422, "invalid"
    )
    assert told["errors"][0]["pointer"] == "/1/patient"


def test_an_invalid_measurement_is_struck_through_and_counts_no_more(served: Served, who: Cast, ada: httpx.Client) -> None:
    alert = red(served, who)
    uplink = alert["because"][0]["observations"][0]["measurement"]
    marked = ada.post(f"/api/v1/measurements/{uplink}/invalid", json={"reason": "Målt på en annen"})
    assert marked.status_code == 200, marked.text
    (value,) = ada.get(f"/api/v1/patients/{alert['patient']}/measurements").json()["items"]
    assert (value["value"], value["invalid"]) == (80, "Målt på en annen")
    after = ada.get(f"/api/v1/alerts/{alert['id']}").json()
    assert (after["state"], after["supported"], after["basis_withdrawn"]) == ("open", False, True)
    problem(ada.post(f"/api/v1/measurements/{uuid4()}/invalid", json={"reason": "x"}), 404, "not_found")


def test_values_come_out_as_they_were_sent_with_the_canonical_value_beside(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, tablet = who.patient(plan())
    sent = measurement(99.5, "8310-5", "[degF]", note="<b>etter trapp</b>")
    assert served.client().post("/api/v1/measurements", json=sent, auth=(tablet, SECRET)).status_code == 200
    (value,) = ada.get(f"/api/v1/patients/{patient}/measurements").json()["items"]
    assert (value["value"], value["unit"], value["sent"], value["note"]) == (
        37.5,
        "Cel",
        {"value": "99.5", "unit": "[degF]"},
        "<b>etter trapp</b>",
    )


def test_a_plan_goes_from_draft_to_active_and_the_former_is_superseded(served: Served, who: Cast, ada: httpx.Client) -> None:
    patient, _ = who.patient(plan())
    path = f"/api/v1/patients/{patient}/plans"
    draft = ada.post(path, json=plan() | {"title": "Ny plan"})
    assert (draft.status_code, draft.json()["state"], draft.json()["number"]) == (201, "draft", 2)
    made, version = draft.json()["id"], draft.json()["version"]
    problem(ada.post(f"/api/v1/plans/{made}/activate"), 428, "version_required")
    problem(ada.post(f"/api/v1/plans/{made}/activate", json={"expected_version": version + 3}), 409, "version_conflict")
    proposed = ada.post(f"/api/v1/plans/{made}/propose", json={"expected_version": version}).json()
    approved = ada.post(f"/api/v1/plans/{made}/approve", json={"expected_version": proposed["version"]}).json()
    assert approved["approvals"][0]["person"] == str(who.ada)
    active = ada.post(f"/api/v1/plans/{made}/activate", headers={"If-Match": f'"{approved["version"]}"'}).json()
    assert active["state"] == "active"
    assert [version["state"] for version in ada.get(path).json()["items"]] == ["active", "superseded"]
    assert ada.get(f"/api/v1/patients/{patient}").json()["plan"]["title"] == "Ny plan"


def test_a_refused_plan_says_every_reason_with_its_path(ada: httpx.Client, who: Cast) -> None:
    rules = [{"id": "a", "kind": "threshold", "code": "59408-5", "below": 88, "zone": "red"}, {"id": "a", "kind": "threshold", "below": 1}]
    told = problem(ada.post(f"/api/v1/patients/{who.eva}/plans", json=plan() | {"rules": rules}), 422, "plan_refused")
    pointers = {error["pointer"] for error in told["errors"]}
    assert {"/rules/0/unit", "/rules/1/code"} <= pointers
    problem(ada.post(f"/api/v1/patients/{who.eva}/plans", content=b'{"title": '), 422, "invalid")


def test_a_plan_may_be_sent_as_yaml(ada: httpx.Client, who: Cast) -> None:
    text = "title: KOLS\nrules:\n  - {id: lav, kind: threshold, code: 59408-5, below: 88, unit: '%', zone: red}\n"
    answer = ada.post(f"/api/v1/patients/{who.eva}/plans", content=text.encode(), headers={"Content-Type": "application/yaml"})
    assert (answer.status_code, answer.json()["document"]["rules"][0]["below"]) == (201, 88), answer.text


def test_a_message_reaches_the_tablets_outbox_and_the_feed(served: Served, who: Cast, ada: httpx.Client) -> None:
    sent = ada.post(f"/api/v1/patients/{who.eva}/messages", json={"text": "Hvordan går det?"})
    assert sent.status_code == 201
    waiting = [
        json.loads(bytes(row.payload))
        for row in served.rows("SELECT payload FROM outbox WHERE target LIKE %s", (f"%{who.tablet}/messages",))
    ]
    assert sent.json()["id"] in [message["id"] for message in waiting]
    events = ada.get("/api/v1/events", params={"limit": 500}).json()["events"]
    assert any(event["type"] == "message.new" and event["message"] == sent.json()["id"] for event in events)
    problem(ada.post(f"/api/v1/patients/{who.eva}/messages", json={"text": ""}), 422, "invalid")


def test_a_text_that_cannot_be_kept_is_the_senders_fault_wherever_it_stands(served: Served, who: Cast, ada: httpx.Client) -> None:
    nul = "a\0b"
    for answer in (
        ada.get(f"/api/v1/patients/{who.eva}/measurements", params={"code": nul}),
        ada.post(f"/api/v1/patients/{who.eva}/messages", json={"text": nul}),
        ada.post(f"/api/v1/alerts/{red(served, who)['id']}/escalate", json={"expected_version": 1, "reason": nul}),
        served.client().post("/api/v1/session", json={"user": nul, "password": nul}),
    ):
        assert (answer.status_code, answer.json().get("type")) == (422, "/problems/bad_text"), answer.text


def test_a_patient_without_a_valid_plan_has_no_zone(served: Served, who: Cast, ada: httpx.Client) -> None:
    without, _ = who.patient(None)
    overdue, tablet = who.patient(plan())
    served.client().post("/api/v1/measurements", json=measurement(97), auth=(tablet, SECRET))
    assert ada.get(f"/api/v1/patients/{overdue}").json()["zone"] == "green"
    with served.write() as tx:
        tx.execute("UPDATE plan_version SET review_due = '2020-01-01' WHERE patient = %s", (overdue,))
    told = {item["id"]: item for item in ada.get("/api/v1/patients", params={"limit": 500}).json()["items"]}
    for patient in (without, overdue):
        assert (told[str(patient)]["zone"], told[str(patient)]["valid_plan"]) == (None, False)


def test_events_are_continued_until_the_head_and_each_names_the_one_before(served: Served, who: Cast, ada: httpx.Client) -> None:
    red(served, who)
    whole = ada.get("/api/v1/events", params={"limit": 500}).json()
    seqs = [event["seq"] for event in whole["events"]]
    assert [event["prev"] for event in whole["events"]] == [0, *seqs[:-1]]
    assert whole["next"] == whole["head"] == max(seqs)
    piecewise, after = [], 0
    while after < whole["head"]:
        part = ada.get("/api/v1/events", params={"after": after, "epoch": whole["epoch"], "limit": 3}).json()
        piecewise += part["events"]
        after = part["next"]
    assert piecewise == whole["events"]


def test_a_position_that_cannot_be_continued_needs_a_snapshot(ada: httpx.Client, served: Served, who: Cast) -> None:
    red(served, who)
    head = ada.get("/api/v1/events").json()["head"]
    problem(ada.get("/api/v1/events", params={"after": 1, "epoch": "another"}), 410, "snapshot_required")
    problem(ada.get("/api/v1/events", params={"after": head + 1}), 410, "snapshot_required")
    problem(ada.get("/api/v1/events", params={"after": 2**70}), 410, "snapshot_required")
    with served.write() as tx:
        tx.execute("DELETE FROM feed_event WHERE seq <= 2")
    problem(ada.get("/api/v1/events", params={"after": 1}), 410, "snapshot_required")
    assert ada.get("/api/v1/events", params={"after": 2}).status_code == 200


def test_the_framework_speaks_in_problems_too(ada: httpx.Client, served: Served) -> None:
    problem(ada.get("/api/v1/nothing"), 404, "not_found")
    problem(ada.get("/api/v1/alerts/not-an-id"), 404, "not_found")
    refused = ada.put(f"/api/v1/patients/{uuid4()}/plans")
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, POST"
    problem(ada.post(f"/api/v1/alerts/{uuid4()}/claim", content=b"{", headers={"Content-Type": "application/json"}), 400, "malformed")
    problem(served.client().get("/api/v1/alerts"), 401, "not_authenticated")
    told = problem(ada.post(f"/api/v1/patients/{uuid4()}/messages", json={}), 422, "invalid")
    assert [(error["pointer"], error["code"]) for error in told["errors"]] == [("/text", "missing_field")]


def test_a_body_above_64_kib_is_refused_while_it_is_read(ada: httpx.Client, who: Cast) -> None:
    path = f"/api/v1/patients/{who.eva}/messages"
    problem(ada.post(path, content=b'{"text": "' + b"x" * 70_000 + b'"}'), 413, "too_large")

    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    problem(ada.post(path, content=endless()), 413, "too_large")


def test_every_answer_carries_headers_that_bind_the_browser(ada: httpx.Client) -> None:
    headers = ada.get("/api/v1/alerts").headers
    policy = headers["content-security-policy"]
    assert all(part in policy for part in ("default-src 'self'", "frame-ancestors 'none'"))
    assert "unsafe" not in policy
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")


def test_eva_reads_her_own_data_and_who_has_looked(served: Served, who: Cast, ada: httpx.Client) -> None:
    ada.get(f"/api/v1/patients/{who.eva}")
    with served.client(log_in_as_patient(served, who)) as eva:
        assert eva.get(f"/api/v1/patients/{who.eva}").json()["you_see_this_because"][0]["key"] == "access.because.care_team.patient"
        looks = eva.get(f"/api/v1/patients/{who.eva}/access-log").json()["items"]
        ada_looked = {"who": "Ada", "role": "follow_up_nurse", "purpose": "treatment", "what": "patient"}
        assert any(ada_looked.items() <= look.items() for look in looks)
        assert datetime.fromisoformat(looks[0]["at"]) >= datetime.fromisoformat(looks[1]["at"])
        pages = [eva.get(f"/api/v1/patients/{who.eva}/access-log", params={"limit": 1}).json()]
        pages.append(eva.get(f"/api/v1/patients/{who.eva}/access-log", params={"limit": 1, "cursor": pages[0]["next"]}).json())
        assert pages[0]["items"][0]["what"] == "access_log"
    problem(ada.get(f"/api/v1/patients/{who.eva}/access-log"), 403, "not_allowed")


def test_the_service_says_that_it_lives_and_is_ready(served: Served) -> None:
    with served.client() as anybody:
        assert anybody.get("/healthz").status_code == 200
        assert anybody.get("/readyz").json() == {"ready": True, "database": "ok", "migrations": "ok", "broker": "not_configured"}


def test_a_service_without_its_broker_is_not_ready(database: TestDatabase) -> None:
    with serving(database.url, mqtt_url="mqtt://service:x@127.0.0.1:1") as broken, broken.client() as anybody:
        told = problem(anybody.get("/readyz"), 503, "not_ready")
        assert (told["database"], told["broker"]) == ("ok", "down")


def test_conservation_is_counted_over_http(served: Served, who: Cast) -> None:
    def counted() -> dict[str, float]:
        lines = served.client().get("/metrics").text.splitlines()
        ours = [line.rsplit(" ", 1) for line in lines if line.startswith("dho_ingest_") and "_created" not in line]
        sums: dict[str, float] = {}
        for name, value in ours:
            sums[name.partition("{")[0]] = sums.get(name.partition("{")[0], 0) + float(value)
        return sums

    before = counted()
    one = measurement(96)
    for body in (one, one, {}, [measurement(97), {"id": "x"}]):
        served.client().post("/api/v1/measurements", json=body, auth=(who.tablet, SECRET))
    after = counted()
    grown = {name.removeprefix("dho_ingest_").removesuffix("_total"): after[name] - before.get(name, 0) for name in after}
    assert (grown["received"], grown["stored"], grown["duplicate"], grown["quarantined"]) == (5, 2, 1, 2)
    assert after["dho_ingest_received_total"] == sum(after[f"dho_ingest_{part}_total"] for part in ("stored", "duplicate", "quarantined"))


def test_times_are_told_in_utc_wherever_the_database_lives(database: TestDatabase, who: Cast) -> None:
    with psycopg.connect(database.url, autocommit=True) as owner:
        owner.execute(sql.SQL("ALTER DATABASE {} SET timezone = 'Asia/Kolkata'").format(sql.Identifier(database.url.rpartition("/")[2])))
    with serving(database.url) as elsewhere:
        alert = red(elsewhere, who)
        with elsewhere.client(who.ada) as ada:
            told = ada.get(f"/api/v1/alerts/{alert['id']}").json()
            (value,) = ada.get(f"/api/v1/patients/{alert['patient']}/measurements").json()["items"]
            (head,) = elsewhere.rows("SELECT seq FROM feed_head")
            event = ada.get("/api/v1/events", params={"after": head.seq - 2}).json()["events"][0]
    assert all(at.endswith("Z") for at in (told["raised_at"], told["due_at"], told["journal"][0]["at"], value["measured_at"], event["at"]))
    assert event["alert"] == {name: told[name] for name in event["alert"]}
