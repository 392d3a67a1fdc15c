"""The fallback for gateways: the same line as over MQTT, with the receipt as the answer."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from dho import clock
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.serving import Served
from tests.stored.test_api import answered, measurement, problem


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture
def tablet(served: Served, who: Cast) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=served.url, auth=(who.tablet, SECRET), timeout=20, event_hooks={"response": [served.document.check]}
    ) as client:
        yield client


def send(tablet: httpx.Client, body: Any) -> httpx.Response:
    return tablet.post("/api/v1/measurements", json=body)


def test_a_measurement_is_stored_once_and_answered_again(tablet: httpx.Client, who: Cast) -> None:
    sent = measurement(96)
    first, again = send(tablet, sent), send(tablet, sent)
    assert [answer.json()["status"] for answer in (first, again)] == ["stored", "duplicate"]
    assert (first.json()["id"], first.json()["patient"]) == (sent["id"], str(who.eva))
    assert None not in first.json().values()


def test_an_array_is_always_answered_with_an_array(tablet: httpx.Client) -> None:
    answer = send(tablet, [measurement(96), {"id": "x"}, measurement(96, unit="mmHg")])
    assert answer.status_code == 200
    assert [(receipt["index"], receipt["status"]) for receipt in answer.json()] == [(0, "stored"), (1, "rejected"), (2, "rejected")]
    empty = send(tablet, [])
    assert (empty.status_code, [receipt["reason"] for receipt in empty.json()]) == (200, ["empty"])
    many = send(tablet, [{}] * 501)
    assert (many.status_code, [receipt["reason"] for receipt in many.json()]) == (200, ["too_many"])


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"{", 400, "malformed"),
        (b"", 400, "malformed"),
        (b'{"id":"%s","values":[]}' % str(uuid4()).encode(), 422, "missing_field"),
        (b"7", 422, "wrong_type"),
        (b"x" * 65_537, 413, "too_large"),
        (b"[" + b" " * 65_536, 413, "too_large"),
        (b"x" * 900_000, 413, "too_large"),
    ],
)
def test_a_refused_single_object_is_a_problem_with_its_receipt(
    tablet: httpx.Client, served: Served, body: bytes, status: int, reason: str
) -> None:
    before = len(served.rows("SELECT FROM quarantine"))
    told = problem(tablet.post("/api/v1/measurements", content=body), status, reason)
    assert (told["receipt"]["status"], told["receipt"]["reason"]) == ("rejected", reason)
    assert len(served.rows("SELECT FROM quarantine")) == before + 1


def test_65536_bytes_are_taken(tablet: httpx.Client) -> None:
    body = json.dumps(measurement(96))
    assert tablet.post("/api/v1/measurements", content=body[:-1] + " " * (65_536 - len(body)) + "}").status_code == 200


def test_an_id_that_is_used_for_something_else_is_a_conflict(tablet: httpx.Client) -> None:
    sent = measurement(96)
    assert send(tablet, sent).status_code == 200
    told = problem(send(tablet, sent | {"values": [{"code": "59408-5", "value": 95, "unit": "%"}]}), 409, "id_conflict")
    assert told["receipt"]["id"] == sent["id"]


def test_a_megabyte_too_much_is_refused_without_being_kept(tablet: httpx.Client) -> None:
    told = problem(tablet.post("/api/v1/measurements", content=b"x" * 1_500_000), 413, "too_large")
    assert "receipt" not in told


@pytest.mark.parametrize("header", ["", "Basic", "Basic !", "Basic eA==", "Bearer x", "Basic eDp5"])
def test_a_bad_credential_is_refused_and_nothing_is_kept(served: Served, header: str) -> None:
    before = served.rows("SELECT coalesce(sum(value), 0) AS n FROM ingest_counter")
    answer = served.client().post("/api/v1/measurements", json=measurement(96), headers={"Authorization": header} if header else {})
    problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert served.rows("SELECT coalesce(sum(value), 0) AS n FROM ingest_counter") == before


def test_a_wrong_secret_and_a_revoked_gateway_look_the_same(served: Served, who: Cast) -> None:
    _, lost = who.patient(plan())
    with served.write() as tx:
        tx.execute("UPDATE gateway SET revoked_at = %s WHERE id = %s", (tx.now, lost))
    told = []
    for auth in ((lost, SECRET), (who.tablet, "wrong"), ("unknown", SECRET)):
        answer = served.client().post("/api/v1/measurements", json=measurement(96), auth=auth)
        told.append((answer.status_code, answer.json()))
    assert told[0] == told[1] == told[2]
    assert told[0][0] == 401


def test_a_gateway_cannot_measure_somebody_elses_patient(tablet: httpx.Client, who: Cast) -> None:
    other, _ = who.patient(plan())
    refusals = [problem(send(tablet, measurement(96, patient=str(patient))), 422, "not_attributable") for patient in (other, uuid4())]
    assert {told["detail"] for told in refusals} == {refusals[0]["detail"]}


def test_a_gateways_credential_opens_no_other_door(tablet: httpx.Client, who: Cast) -> None:
    for path in ("/api/v1/alerts", f"/api/v1/patients/{who.eva}", "/api/v1/session"):
        problem(tablet.get(path), 401, "not_authenticated")


def test_answers_have_a_door_of_their_own(tablet: httpx.Client, who: Cast) -> None:
    sent = answered()
    first, again = tablet.post("/api/v1/answers", json=sent), tablet.post("/api/v1/answers", json=sent)
    assert [(answer.json()["status"], answer.json()["patient"]) for answer in (first, again)] == [
        ("stored", str(who.eva)),
        ("duplicate", str(who.eva)),
    ]
    problem(tablet.post("/api/v1/answers", json=sent | {"questionnaire": "unheard-of", "id": str(uuid4())}), 422, "unknown_code")


def test_bytes_that_are_no_text_are_refused_in_words(tablet: httpx.Client) -> None:
    for body in (gzip.compress(b"{}"), b"\xff\xfe{}", b"\x00" * 100):
        answer = tablet.post("/api/v1/measurements", content=body)
        assert answer.status_code in (400, 422)
        assert answer.json()["receipt"]["status"] == "rejected"


def test_a_gateways_idempotency_key_gives_the_receipt_again_and_refuses_another_body(tablet: httpx.Client) -> None:
    sent, key = measurement(96), {"Idempotency-Key": uuid4().hex}
    first, again = (tablet.post("/api/v1/measurements", json=sent, headers=key) for _ in range(2))
    assert (first.json()["status"], again.content) == ("stored", first.content)
    problem(tablet.post("/api/v1/measurements", json=measurement(95), headers=key), 422, "idempotency_key_reused")
    assert tablet.post("/api/v1/measurements", json=sent).json()["status"] == "duplicate"
