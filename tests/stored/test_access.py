"""The one door: who sees whom and why, what each role may do, and the line in the access log that every look leaves."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from dashboards import feed_reading
from dashboards.access import READING, RIGHTS
from dashboards.app import EVERYWHERE, ROUTERS
from dho import clock
from dho.db import WATCH, Actor, Database
from dho.people import CareRelation, Membership, since
from dho.texts import LANGUAGES, catalogue
from tests.cast import SECRET, Cast, cast, plan
from tests.conftest import TestDatabase
from tests.serving import Served, log_in_as_patient, related, someone
from tests.stored.test_api import answered, measurement


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


PAUSE = {"start": "2030-01-01T00:00:00Z", "kind": "holiday"}


@dataclass(slots=True)
class Story:
    """One patient with something of everything, and the ids under which it is found."""

    patient: UUID
    alert: str
    version: int
    measurement: str
    plan: str
    pause: str
    paths: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def story(served: Served, who: Cast) -> Story:
    patient, tablet = who.patient(plan())
    sent = measurement(80)
    with served.client() as client:
        assert client.post("/api/v1/measurements", json=sent, auth=(tablet, SECRET)).status_code == 200
    with served.client(who.ada) as ada:
        (alert,) = ada.get("/api/v1/alerts", params={"patient": str(patient)}).json()["items"]
        draft = ada.post(f"/api/v1/patients/{patient}/plans", json=plan()).json()
        pause = ada.post(f"/api/v1/patients/{patient}/pauses", json=PAUSE).json()
    return Story(patient, alert["id"], alert["version"], sent["id"], draft["id"], pause["id"])


# Routes -----------------------------------------------------------------------------------------------------------------------------

WITHOUT_PATIENTS = {
    *("/healthz", "/readyz", "/metrics", "/api/asyncapi.json"),
    *("/api/v1/session", "/api/v1/session/login", "/api/v1/session/callback"),
    *("/login", "/show"),
    *("/api/v1/measurements", "/api/v1/answers"),  # a gateway sends; it is told of nobody but the patient it measures
}
"""Routes that hold no patient's data. Everything else must leave a line in the access log."""


def routes() -> list[tuple[str, str]]:
    """(method, path) of every HTTP route of the whole application."""
    routers = {id(router): router for zone in ROUTERS.values() for router in zone} | {id(router): router for router in EVERYWHERE}
    found = [route for router in routers.values() for route in router.routes]
    assert all(isinstance(route, APIRoute | APIWebSocketRoute) for route in found)
    return sorted((method, route.path) for route in found if isinstance(route, APIRoute) for method in route.methods)


def looking_routes() -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes() if path not in WITHOUT_PATIENTS]


BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/v1/alerts/{alert}/{verb}"): {"expected_version": "version"},
    ("POST", "/api/v1/patients/{patient}/messages"): {"text": "Hei"},
    ("POST", "/api/v1/patients/{patient}/plans"): plan(),
    ("POST", "/api/v1/plans/{plan}/{verb}"): {"expected_version": 1},
    ("POST", "/api/v1/plans/{plan}/restore"): {"expected_version": 1},
    ("POST", "/api/v1/patients/{patient}/plans/national"): plan(),
    ("POST", "/api/v1/patients/{patient}/pauses"): PAUSE,
    ("POST", "/api/v1/patients/{patient}/clinical-events"): {"kind": "admission", "at": "2026-01-01T00:00:00Z"},
    ("POST", "/api/v1/measurements/{measurement}/invalid"): {"reason": "feil"},
    ("POST", "/api/v1/patients/{patient}/answers"): {
        "id": "0194e000-0000-7000-8000-000000000001",
        "taken_at": "2026-11-20T08:00:00+01:00",
        "questionnaire": "symptoms",
        "version": 2,
        "answers": [{"question": "breathlessness", "value": 1}],
    },
}
PARTS = {"verb": {"/api/v1/alerts/{alert}/{verb}": "claim", "/api/v1/plans/{plan}/{verb}": "propose"}}


def ask(client: httpx.Client, method: str, path: str, story: Story) -> httpx.Response:
    """Ask for a route with the story's own ids, whatever its path parameters are called."""
    filled = path
    ids = {"patient": story.patient, "alert": story.alert, "measurement": story.measurement, "plan": story.plan, "pause": story.pause}
    verb = PARTS["verb"].get(path, "")
    filled = filled.format(**ids, verb=verb, language="nb", name="patient", which="board")
    body = BODIES.get((method, path), measurement(96) if method == "POST" else None)
    if path.endswith("/answers"):
        body = answered()
    if body is not None and body.get("expected_version") == "version":
        body = {"expected_version": story.version}
    params = {"from": story.plan} if path.endswith("/difference") else None
    headers = {"If-Match": '"1"'} if method == "DELETE" else None
    return client.request(method, filled, json=body, params=params, headers=headers)


@pytest.mark.parametrize(("method", "path"), looking_routes())
def test_a_route_that_shows_a_patient_writes_it_down(served: Served, who: Cast, story: Story, method: str, path: str) -> None:
    before = looks(served, story.patient)
    with served.client(who.ada) as ada:
        answer = ask(ada, method, path, story)
    assert answer.status_code < 500, answer.text
    shown = str(story.patient) in answer.text or "Fiktiv" in answer.text
    if answer.is_success and shown:
        written = looks(served, story.patient)[len(before) :]
        assert written, f"{method} {path} shows a patient and says nothing of it in the access log"
        assert {row.person for row in written} == {who.ada}
        assert {row.request for row in written} <= {answer.headers["x-request-id"]}


def test_the_routes_that_need_a_line_do_show_the_patient(served: Served, who: Cast) -> None:
    """Else the test above would be true of nothing."""
    silent = []
    for method, path in looking_routes():
        if not path.startswith("/api/"):
            continue
        patient, tablet = who.patient(plan())
        sent = measurement(80)
        served.client().post("/api/v1/measurements", json=sent, auth=(tablet, SECRET))
        with served.client(who.ada) as ada:
            (alert,) = ada.get("/api/v1/alerts", params={"patient": str(patient)}).json()["items"]
            draft = ada.post(f"/api/v1/patients/{patient}/plans", json=plan()).json()
            pause = ada.post(f"/api/v1/patients/{patient}/pauses", json=PAUSE).json()
            told = Story(patient, alert["id"], alert["version"], sent["id"], draft["id"], pause["id"])
            answer = ask(ada, method, path, told)
        if not (answer.is_success and len(looks(served, patient)) > 3):
            silent.append((method, path, answer.status_code))
    assert silent == [("GET", "/api/v1/patients/{patient}/access-log", 403)]


def looks(served: Served, patient: UUID) -> list[Any]:
    return served.rows("SELECT person, role, relation, purpose, what, request FROM access_log WHERE patient = %s ORDER BY id", (patient,))


def test_a_refused_look_shows_nothing_and_leaves_no_line(served: Served, who: Cast, story: Story) -> None:
    before = looks(served, story.patient)
    for stranger in (who.cecilie, who.dag):
        with served.client(stranger) as client:
            for method, path in looking_routes():
                if "{patient}" in path or "{alert}" in path or "{plan}" in path or "{measurement}" in path:
                    answer = ask(client, method, path, story)
                    assert answer.status_code == 404, (method, path, answer.status_code)
                    assert "Fiktiv" not in answer.text
    assert looks(served, story.patient) == before


def test_hidden_and_absent_look_the_same(served: Served, who: Cast, story: Story) -> None:
    with served.client(who.cecilie) as cecilie:
        for method, path in looking_routes():
            if not path.startswith("/api/") or "{" not in path:
                continue
            absent = Story(uuid4(), str(uuid4()), 1, str(uuid4()), str(uuid4()), str(uuid4()))
            told = []
            for one in (story, absent):
                answer = ask(cecilie, method, path, one)
                document = answer.json()
                document.pop("instance")
                told.append((answer.status_code, document))
            assert told[0] == told[1], (method, path)


def test_the_log_is_append_only_for_those_who_write_it(served: Served) -> None:
    for statement in ("UPDATE access_log SET what = 'x'", "DELETE FROM access_log"):
        with (
            pytest.raises(Exception, match="permission denied"),
            served.house.database.transaction(WATCH, "test", clock.now()) as tx,
        ):
            tx.execute(statement)


# Who ---------------------------------------------------------------------------------------------------------------------------------


def visible(served: Served, person: UUID) -> set[str]:
    with served.client(person) as client:
        answer = client.get("/api/v1/patients", params={"limit": 500})
        return {item["id"] for item in answer.json().get("items", ())}


def test_nurses_see_the_patients_of_their_centre_and_specialists_those_they_are_related_to(served: Served, who: Cast, story: Story) -> None:
    mine, evas = str(story.patient), str(who.eva)
    for nurse in (who.ada, who.bjorn):
        assert {mine, evas} <= visible(served, nurse)
    assert visible(served, who.cecilie).isdisjoint({mine, evas})
    assert visible(served, who.dag) == {evas}
    assert visible(served, log_in_as_patient(served, who)) == {evas}


def test_a_membership_or_relation_that_has_ended_shows_nobody(served: Served, who: Cast) -> None:
    ended = since(clock.now() - timedelta(days=9), clock.now() - timedelta(seconds=1))
    former_nurse, former_gp = someone(served), someone(served)
    with served.write() as tx:
        tx.records.add(Membership(person=former_nurse, role="follow_up_nurse", centre=who.centre, during=ended))
        tx.records.add(CareRelation(patient=who.eva, person=former_gp, role="gp", during=ended))
    assert visible(served, former_nurse) == visible(served, former_gp) == set()


def test_a_patient_who_moves_to_another_centre_is_seen_there_and_no_longer_here(served: Served, who: Cast) -> None:
    patient, _ = who.patient(plan())
    with served.write() as tx:
        tx.execute("UPDATE responsibility SET during = tstzrange(lower(during), %s) WHERE patient = %s", (tx.now, patient))
        tx.execute(
            "INSERT INTO responsibility (patient, organisation, centre, during) VALUES (%s, %s, %s, tstzrange(%s, NULL))",
            (patient, who.municipality, who.other_centre, tx.now),
        )
    assert str(patient) not in visible(served, who.ada)
    assert str(patient) in visible(served, who.cecilie)


@pytest.mark.parametrize("role", ["system_admin", "device_logistics", "auditor"])
def test_those_who_run_the_service_have_no_clinical_read(served: Served, who: Cast, story: Story, role: str) -> None:
    admin = someone(served, role=role, centre=who.centre)
    with served.client(admin) as client:
        for path in ("/api/v1/patients", "/api/v1/alerts", "/api/v1/events"):
            assert client.get(path).status_code == 403
        assert client.get(f"/api/v1/patients/{story.patient}").status_code == 404


def test_next_of_kin_see_nothing_before_the_patient_has_granted_it(served: Served, who: Cast) -> None:
    kin = related(served, who.eva, "next_of_kin")
    with served.client(kin) as client:
        assert client.get(f"/api/v1/patients/{who.eva}").status_code == 404
        assert client.get("/api/v1/patients").status_code == 403


def test_specialists_gps_and_patients_read_and_write_messages_but_do_not_handle_alerts(served: Served, who: Cast) -> None:
    gp = related(served, who.eva, "gp")
    served.client().post("/api/v1/measurements", json=measurement(80), auth=(who.tablet, SECRET))
    for person in (who.dag, gp, log_in_as_patient(served, who)):
        with served.client(person) as client:
            alert = client.get("/api/v1/alerts", params={"patient": str(who.eva)}).json()["items"][0]
            refused = client.post(f"/api/v1/alerts/{alert['id']}/claim", json={"expected_version": alert["version"]})
            assert refused.status_code == 403
            assert client.post(f"/api/v1/patients/{who.eva}/measurements", json=measurement(96)).status_code == 403
            assert client.post(f"/api/v1/patients/{who.eva}/messages", json={"text": "Hei"}).status_code == 201


def test_somebody_who_is_not_active_any_more_is_nobody(served: Served, who: Cast) -> None:
    gone = someone(served, role="follow_up_nurse", centre=who.centre)
    with served.client(gone) as client:
        assert client.get("/api/v1/patients").status_code == 200
        with served.write() as tx:
            tx.execute("UPDATE person SET active = false WHERE id = %s", (gone,))
        assert client.get("/api/v1/patients").status_code == 401


def test_the_feeds_scope_holds_exactly_the_patients_in_sight(served: Served, who: Cast) -> None:
    people = [row.id for row in served.rows("SELECT id FROM person WHERE active")]
    with served.write() as tx:
        scopes = feed_reading.scopes(tx, people)
        for person in people:
            rows = tx.rows("SELECT DISTINCT patient FROM visible_patients(%s, %s) WHERE role = ANY(%s)", (person, tx.now, READING))
            keys = sorted(scopes[person].keys) if person in scopes else []
            reached = tx.rows(
                "SELECT patient FROM responsibility WHERE 'centre:' || centre = ANY(%(keys)s) AND during @> %(now)s::timestamptz"
                " UNION SELECT id FROM patient WHERE 'patient:' || id = ANY(%(keys)s)",
                {"keys": keys, "now": tx.now},
            )
            assert {row.patient for row in rows} == {row.patient for row in reached}


def test_values_come_out_for_nobody_who_may_not_see_them_even_behind_the_door(served: Served, who: Cast, story: Story) -> None:
    statement = "SELECT count(*) AS n FROM readable_observations(%s, '2000-01-01Z', '9999-01-01Z')"
    database: Database = served.house.database
    for person, expected in ((who.ada, 1), (who.cecilie, 0), (who.dag, 0)):
        with database.transaction(Actor("person", person), "test", clock.now()) as tx:
            assert tx.row(statement, (story.patient,)).n == expected
    with (
        pytest.raises(Exception, match="permission denied"),
        database.transaction(WATCH, "test", clock.now()) as tx,
    ):
        tx.execute("SELECT FROM observation")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_part_in_a_patients_care_can_be_explained(language: str) -> None:
    known = catalogue(language)
    for role in RIGHTS:
        keys = [f"access.because.care_team.{role}"]
        if role in ("follow_up_nurse", "centre_lead"):
            keys.append(f"access.because.centre.{role}")
        if role == "centre_lead":
            keys.remove("access.because.care_team.centre_lead")
        assert [key for key in keys if key not in known] == []
