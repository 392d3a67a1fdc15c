"""The landed documents: OpenAPI and AsyncAPI are what the code does, and each network zone serves its own part."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dashboards import asyncapi
from devices import topics
from tests.conftest import TestDatabase
from tests.serving import Documented, Served, serving
from tests.stored.test_access import routes

EVENT_TYPES = [
    "alert.pending",
    "alert.raised",
    "alert.updated",
    "alert.worsened",
    "alert.eased",
    "alert.late",
    "alert.claimed",
    "alert.released",
    "alert.started",
    "alert.waiting",
    "alert.snoozed",
    "alert.unsnoozed",
    "alert.escalated",
    "alert.auto_cleared",
    "alert.closed",
    "patient.zone",
    "message.new",
]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    for name in reference.removeprefix("#/").split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document


@pytest.mark.parametrize("address", ["/api/openapi.json", "/api/asyncapi.json"])
def test_a_document_refers_to_nothing_that_it_does_not_hold(served: Served, address: str) -> None:
    document = served.client().get(address).json()
    assert list(references(document))
    for reference in references(document):
        assert resolve(document, reference)


def test_every_route_of_the_api_stands_in_openapi(served: Served) -> None:
    paths = served.client().get("/api/openapi.json").json()["paths"]
    missing = [
        (m, p) for m, p in routes() if p.startswith(("/api/v1", "/metrics", "/healthz", "/readyz")) and m.lower() not in paths.get(p, {})
    ]
    assert missing == []


def test_every_error_in_openapi_is_a_problem(served: Served) -> None:
    paths = served.client().get("/api/openapi.json").json()["paths"]
    said = {
        (path, method, status, media_type)
        for path, operations in paths.items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        for media_type in answer.get("content", {})
        if status >= "400"
    }
    assert said
    assert {media_type for *_, media_type in said} == {"application/problem+json"}


def test_an_answer_that_is_not_documented_would_be_noticed(served: Served) -> None:
    """The judge that looks over the shoulder of every other test."""
    judge: Documented = served.document
    request = httpx.Request("GET", "http://x/api/v1/patients")
    fine = httpx.Response(200, json={"items": [], "next": None}, request=request)
    judge.check(fine)
    unknown_status = httpx.Response(418, json={}, request=request)
    wrong_shape = httpx.Response(200, json={"items": [{"id": "x"}], "next": 7}, request=request)
    wrong_type = httpx.Response(404, json={}, request=request)
    unknown_path = httpx.Response(200, json={}, request=httpx.Request("GET", "http://x/api/v1/secret"))
    for answer in (unknown_status, wrong_shape, wrong_type, unknown_path):
        with pytest.raises(Exception, match=r"."):
            judge.check(answer)


def test_asyncapi_knows_every_event_type_of_the_contract_and_every_topic(served: Served) -> None:
    assert sorted(asyncapi.EVENT_TYPES) == sorted(EVENT_TYPES)
    channels = served.client().get("/api/asyncapi.json").json()["channels"]
    assert channels["feed"]["address"] == "/api/v1/feed"
    assert {channels[leaf]["address"] for leaf in (*topics.UPLINKS, *topics.DOWNLINKS)} == {
        f"dho/v1/{{gateway}}/{leaf}" for leaf in (*topics.UPLINKS, *topics.DOWNLINKS)
    }


@pytest.mark.parametrize(
    ("zone", "offered", "not_offered"),
    [
        ("patient", ["/api/v1/session", "/healthz"], ["/metrics", "/login", "/api/v1/alerts"]),
        ("staff", ["/api/v1/session", "/login", "/readyz"], ["/metrics", "/api/v1/answers"]),
        ("ops", ["/metrics", "/healthz", "/readyz"], ["/login", "/api/v1/patients", "/api/v1/session"]),
    ],
)
def test_each_network_zone_serves_its_own_part(database: TestDatabase, zone: Any, offered: list[str], not_offered: list[str]) -> None:
    with serving(database.url, only=zone) as part, part.client() as anybody:
        for path in offered:
            assert anybody.get(path).status_code in (200, 401), path
        for path in not_offered:
            assert anybody.get(path).status_code == 404, path
