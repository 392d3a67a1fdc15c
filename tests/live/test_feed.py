"""The live feed, spoken by a client that we did not write: hello, snapshot, events, resume, heartbeats, endings."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from jsonschema import Draft202012Validator
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from alerts.intake import Intake
from dashboards import asyncapi
from dashboards.feed_reading import MOST_MISSED
from dho import clock
from dho.db import Database
from dho.people import CareRelation, since
from tests.cast import Cast, cast, measured, plan
from tests.conftest import TestDatabase
from tests.serving import Served, related, serving, someone

HEARTBEAT_S = 0.5


@pytest.fixture(scope="module")
def served(database: TestDatabase) -> Iterator[Served]:
    with serving(database.url, feed_heartbeat_s=HEARTBEAT_S) as running:
        yield running


@pytest.fixture(scope="module")
def who(database: TestDatabase, served: Served) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture(scope="module")
def intake(database: TestDatabase) -> Iterator[Intake]:
    opened = Database(database.url, "ingest")
    yield Intake(opened, "test")
    opened.close()


class Client:
    """A client of the feed that checks every frame against the AsyncAPI document and the rules of `seq` and `prev`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.epoch, self.position = "", -1
        self.frames: list[dict[str, Any]] = []

    def hello(self, token: str | None = None, resume: dict[str, Any] | None = None) -> None:
        members = {"token": token, "resume": resume}
        self.socket.send(json.dumps({"op": "hello"} | {name: value for name, value in members.items() if value is not None}))

    def next(self, *ops: str, seconds: float = 5) -> dict[str, Any]:
        """The next frame, or the next of these ops."""
        until = time.monotonic() + seconds
        while True:
            text = self.socket.recv(timeout=max(0.01, until - time.monotonic()))
            assert len(text.encode() if isinstance(text, str) else text) <= 65_536
            frame: dict[str, Any] = json.loads(text)
            self._check(frame)
            self.frames.append(frame)
            if not ops or frame["op"] in ops:
                return frame

    def _check(self, frame: dict[str, Any]) -> None:
        document = asyncapi.document()
        names = [kind.__name__ for kind in asyncapi.FROM_SERVER]
        schema = {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in names], "components": document["components"]}
        Draft202012Validator(schema).validate(frame)
        match frame["op"]:
            case "welcome":
                self.epoch, self.position = frame["epoch"], -1
            case "snapshot":
                self.position = max(self.position, frame["at_seq"])
            case "heartbeat":
                assert frame["seq"] >= self.position
                self.position = frame["seq"]
            case "event":
                assert frame["prev"] <= self.position < frame["seq"] or self.position == -1
                self.position = frame["seq"]

    def events(self, count: int) -> list[dict[str, Any]]:
        return [self.next("event") for _ in range(count)]

    def ended(self, seconds: float = 8) -> int:
        """The code with which the server closes this connection."""
        try:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.next(seconds=max(0.01, until - time.monotonic()))
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006
        except TimeoutError:
            pass
        raise AssertionError(f"still open after {seconds} s")


@contextmanager
def client(served: Served, person: UUID | None = None, resume: dict[str, Any] | None = None, **options: Any) -> Iterator[Client]:
    """Connected; with a person, also past the hello."""
    with connect(served.feed, max_size=2**20, **options) as socket:
        made = Client(socket)
        if person is not None:
            made.hello(served.token(person), resume)
        yield made


def measure(intake: Intake, gateway: str, spo2: float = 80) -> None:
    now = clock.now()
    (receipt,) = intake.take([measured(gateway, now, ("spo2", spo2, "%"))], now)
    assert receipt.status == "stored", receipt


def test_a_red_measurement_reaches_adas_open_feed_and_nobody_elses(served: Served, who: Cast, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    with client(served, who.ada) as ada, client(served, who.cecilie) as cecilie, client(served, who.dag) as dag:
        for one in (ada, cecilie, dag):
            assert one.next()["op"] == "welcome"
            assert one.next()["last"]
        measure(intake, tablet)
        raised = ada.next("event")
        assert (raised["type"], raised["alert"]["patient"], raised["alert"]["zone"]) == ("alert.raised", str(patient), "red")
        for other in (cecilie, dag):
            until = time.monotonic() + 2 * HEARTBEAT_S + 0.2
            while time.monotonic() < until:
                assert other.next()["op"] == "heartbeat"
            assert other.position >= raised["seq"]


def test_dag_receives_what_concerns_his_patient(served: Served, who: Cast, intake: Intake) -> None:
    with client(served, who.dag) as dag:
        assert dag.next("welcome")["scope"] == [f"patient:{who.eva}"]
        dag.next("snapshot")
        measure(intake, who.tablet)
        assert dag.next("event")["alert"]["patient"] == str(who.eva)


def test_the_snapshot_holds_every_open_alert_in_scope_and_says_when(served: Served, who: Cast, intake: Intake) -> None:
    patients = [who.patient(plan()) for _ in range(3)]
    for _, tablet in patients:
        measure(intake, tablet)
    with client(served, who.ada) as ada:
        welcome, snapshot = ada.next(), ada.next()
        assert (snapshot["op"], snapshot["last"], snapshot["at_seq"]) == ("snapshot", True, welcome["head"])
        assert {str(patient) for patient, _ in patients} <= {alert["patient"] for alert in snapshot["alerts"]}
        listed = served.client(who.ada).get("/api/v1/alerts", params={"limit": 500}).json()["items"]
        assert sorted(snapshot["alerts"], key=lambda a: str(a["id"])) == sorted(listed, key=lambda a: a["id"])


def test_somebody_without_open_alerts_gets_an_empty_snapshot(served: Served, who: Cast) -> None:
    with client(served, who.cecilie) as cecilie:
        cecilie.next("welcome")
        snapshot = cecilie.next()
        assert (snapshot["alerts"], snapshot["last"]) == ([], True)


def test_who_resumes_gets_exactly_what_was_missed_and_the_same_frames_as_everybody(served: Served, who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    with client(served, who.ada) as watching:
        watching.next("snapshot")
        position = {"epoch": watching.epoch, "seq": watching.position}
        for _ in range(5):
            measure(intake, tablet)
        live = watching.events(6)  # raised, zone, four updates
        with client(served, who.ada, position) as back:
            assert back.next("welcome")["epoch"] == position["epoch"]
            missed = back.events(6)
            measure(intake, tablet)
            assert back.next("event") == watching.next("event")
    assert missed == live
    told = served.client(who.ada).get("/api/v1/events", params={"after": position["seq"], "epoch": position["epoch"], "limit": 6}).json()
    assert told["events"] == live


def test_prev_skips_what_is_not_in_scope_the_same_on_the_socket_and_over_http(served: Served, who: Cast, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    with served.write() as tx:
        tx.records.add(CareRelation(patient=patient, person=who.cecilie, role="gp", during=since(tx.now)))
    with client(served, who.cecilie) as cecilie:
        cecilie.next("snapshot")
        measure(intake, tablet)
        first = cecilie.events(2)
        measure(intake, who.tablet)
        measure(intake, tablet)
        second = cecilie.next("event")
        assert second["prev"] == first[-1]["seq"]
        assert second["seq"] > second["prev"] + 1
        told = served.client(who.cecilie).get("/api/v1/events", params={"after": first[0]["prev"], "epoch": cecilie.epoch}).json()
        assert told["events"][-3:] == [*first, second]
    with served.write() as tx:
        tx.execute("DELETE FROM care_relation WHERE person = %s", (who.cecilie,))


@pytest.mark.parametrize("case", ["no resume", "another epoch", "ahead of the head", "too much missed"])
def test_who_cannot_resume_gets_a_snapshot(served: Served, who: Cast, intake: Intake, case: str) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        epoch, position = ada.epoch, ada.position
    resume: dict[str, Any] | None = {"epoch": epoch, "seq": position}
    if case == "no resume":
        resume = None
    elif case == "another epoch":
        resume = {"epoch": "e1", "seq": position}
    elif case == "ahead of the head":
        resume = {"epoch": epoch, "seq": position + 1000}
    else:
        _tell(served, who, MOST_MISSED + 1)
    with client(served, who.ada, resume) as back:
        assert (back.next()["op"], back.next()["op"]) == ("welcome", "snapshot")


def test_a_thousand_missed_events_are_sent_one_by_one(served: Served, who: Cast) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        resume = {"epoch": ada.epoch, "seq": ada.position}
    _tell(served, who, MOST_MISSED)
    with client(served, who.ada, resume) as back:
        assert back.next()["op"] == "welcome"
        assert [frame["seq"] for frame in back.events(MOST_MISSED)] == [resume["seq"] + n for n in range(1, MOST_MISSED + 1)]


def _tell(served: Served, who: Cast, count: int) -> None:
    """So many messages to Eva's centre, as `alerts/store.py` writes them."""
    with served.write() as tx:
        tx.execute(
            "WITH head AS (UPDATE feed_head SET seq = seq + %(n)s RETURNING seq - %(n)s AS before),"
            " told AS (INSERT INTO feed_event (seq, type, at, patient, centre, organisation, body)"
            " SELECT before + n, 'message.new', %(at)s, %(patient)s, %(centre)s, %(organisation)s, json_build_object('type', 'message.new',"
            " 'at', %(text)s::text, 'patient', %(patient)s::uuid, 'message', %(patient)s::uuid) FROM head, generate_series(1, %(n)s) n"
            " RETURNING seq, patient, centre)"
            " INSERT INTO feed_audience SELECT 'patient:' || patient, seq FROM told UNION ALL SELECT 'centre:' || centre, seq FROM told",
            {
                "n": count,
                "at": tx.now,
                "text": tx.now.isoformat(),
                "patient": who.eva,
                "centre": who.centre,
                "organisation": who.municipality,
            },
        )
        tx.execute("SELECT pg_notify('dho_feed', '')")


def test_heartbeats_come_also_amid_events_and_never_run_ahead(served: Served, who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        until = time.monotonic() + 4 * HEARTBEAT_S
        sent = 0
        while time.monotonic() < until:
            measure(intake, tablet)
            sent += 1
            time.sleep(0.03)
        received = 0
        beats = []
        while received < sent + 1:
            frame = ada.next()
            received += frame["op"] == "event"
            beats += [frame] if frame["op"] == "heartbeat" else []
        assert len(beats) >= 3


def test_a_lost_hint_is_found_within_a_second(served: Served, who: Cast) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        with served.write() as tx:
            tx.execute("SET LOCAL session_replication_role = replica")
            _tell_without_hint(tx, who)
        assert ada.next("event", seconds=2.5)["type"] == "message.new"


def _tell_without_hint(tx: Any, who: Cast) -> None:
    seq = tx.row("UPDATE feed_head SET seq = seq + 1 RETURNING seq").seq
    body = json.dumps({"type": "message.new", "at": tx.now.isoformat(), "patient": str(who.eva), "message": str(uuid4())})
    tx.execute(
        "INSERT INTO feed_event (seq, type, at, patient, centre, organisation, body) VALUES (%s, 'message.new', %s, %s, %s, %s, %s)",
        (seq, tx.now, who.eva, who.centre, who.municipality, body),
    )
    tx.execute("INSERT INTO feed_audience VALUES (%s, %s)", (f"centre:{who.centre}", seq))


# Endings ---------------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "7",
        '{"op":"welcome"}',
        '{"op":"hello","token":7}',
        '{"op":"hello","token":"x","resume":{"epoch":"e"}}',
        b'{"op":"hello"}',
        '{"op":"hello","token":"x","resume":{"epoch":"e","seq":-1}}',
        '{"op":"hello","token":"x","resume":{"epoch":"e","seq":"7"}}',
    ],
)
def test_a_malformed_hello_closes_4400(served: Served, text: str | bytes) -> None:
    with client(served) as stranger:
        stranger.socket.send(text)
        assert stranger.ended() == 4400


def test_an_unknown_token_closes_4401_and_so_does_no_credential_at_all(served: Served) -> None:
    for token in ("unknown", "", None):
        with client(served) as stranger:
            stranger.hello(token)
            assert stranger.ended() == 4401


def test_who_sees_no_patients_is_closed_4403(served: Served, who: Cast) -> None:
    with client(served, someone(served, role="system_admin", centre=who.centre)) as admin:
        assert admin.ended() == 4403


def test_a_client_that_says_nothing_is_closed_4401_after_ten_seconds(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboards.feed_socket.HELLO_WITHIN_S", 0.3)
    with client(served) as silent:
        assert silent.ended(3) == 4401


def test_an_unknown_op_after_the_welcome_is_ignored_and_what_is_no_json_is_not(served: Served, who: Cast) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        ada.socket.send('{"op":"later version","x":1}')
        ada.next("heartbeat")
        ada.socket.send("no json")
        assert ada.ended() == 4400


def test_a_client_frame_above_64_kib_closes_1009(served: Served, who: Cast) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        ada.socket.send(json.dumps({"op": "x", "pad": "x" * 65_000}))
        ada.next("heartbeat")
        ada.socket.send(json.dumps({"op": "x", "pad": "x" * 66_000}))
        assert ada.ended() == 1009


def test_a_revoked_token_closes_4401_within_five_seconds(served: Served, who: Cast) -> None:
    nurse = someone(served, role="follow_up_nurse", centre=who.centre)
    with client(served, nurse) as one:
        one.next("snapshot")
        with served.write() as tx:
            tx.execute("UPDATE api_token SET ended_at = %s WHERE person = %s", (tx.now, nurse))
        assert one.ended(5) == 4401


def test_rights_withdrawn_while_the_feed_is_open_close_4403_within_five_seconds(served: Served, who: Cast) -> None:
    gp = related(served, who.eva, "gp")
    with client(served, gp) as one:
        one.next("snapshot")
        with served.write() as tx:
            tx.execute(
                "UPDATE care_relation SET during = tstzrange(lower(during), %s) WHERE person = %s", (tx.now + timedelta(milliseconds=1), gp)
            )
        assert one.ended(5) == 4403


def test_another_scope_is_a_new_welcome_another_epoch_and_a_snapshot(served: Served, who: Cast, intake: Intake) -> None:
    gp = related(served, who.eva, "gp")
    patient, tablet = who.patient(plan())
    with client(served, gp) as one:
        one.next("snapshot")
        before = one.epoch
        with served.write() as tx:
            tx.records.add(CareRelation(patient=patient, person=gp, role="gp", during=since(tx.now)))
        welcome = one.next("welcome")
        assert welcome["epoch"] != before
        assert welcome["scope"] == sorted([f"patient:{who.eva}", f"patient:{patient}"])
        assert one.next()["op"] == "snapshot"
        measure(intake, tablet)
        assert one.next("event")["alert"]["patient"] == str(patient)
        resume = {"epoch": before, "seq": one.position}
    with client(served, gp, resume) as back:
        back.next("welcome")
        assert back.next()["op"] == "snapshot"


def test_a_restored_database_begins_again_for_everybody(served: Served, who: Cast, intake: Intake) -> None:
    with client(served, who.ada) as ada:
        ada.next("snapshot")
        before = ada.epoch
        time.sleep(2)  # the feed has asked once which history this is
        with served.write() as tx:
            tx.execute("UPDATE installation SET epoch = %s", (uuid4(),))
            tx.execute("DELETE FROM feed_event")
            tx.execute("UPDATE feed_head SET seq = 3")
        welcome = ada.next("welcome")
        assert (welcome["head"], welcome["epoch"] == before) == (3, False)
        assert ada.next()["at_seq"] == 3
        _, tablet = who.patient(plan())
        measure(intake, tablet)
        assert (ada.next("event")["seq"], ada.frames[-1]["prev"]) == (4, 0)


# Cookie and log ---------------------------------------------------------------------------------------------------------------------------


def test_a_browser_is_known_by_its_cookie_if_the_origin_is_ours(served: Served, who: Cast) -> None:
    user = served.password(who.bjorn, "et langt passord")
    with served.client(Origin=served.url) as browser:
        browser.post("/api/v1/session", json={"user": user, "password": "et langt passord"})
        cookie = {"Cookie": f"dho_session={browser.cookies['dho_session']}"}
        for origin, ended in ((served.url, None), ("https://evil.example", 4403), (None, 4403)):
            with client(served, additional_headers=cookie, origin=origin) as page:
                page.hello()
                if ended is None:
                    assert page.next()["op"] == "welcome"
                else:
                    assert page.ended() == ended
        with client(served, additional_headers=cookie, origin=served.url) as page:
            page.hello()
            page.next("snapshot")
            browser.delete("/api/v1/session")
            assert page.ended(5) == 4401


def test_a_snapshot_is_a_look_for_each_connection_and_a_frame_one_for_each_hour(served: Served, who: Cast, intake: Intake) -> None:
    patient, tablet = who.patient(plan())

    def looks() -> list[tuple[UUID, str]]:
        rows = served.rows("SELECT person, what FROM access_log WHERE patient = %s ORDER BY id", (patient,))
        return [(row.person, row.what) for row in rows]

    with client(served, who.ada) as ada:
        ada.next("snapshot")
        assert looks() == []
        for _ in range(3):
            measure(intake, tablet)
        ada.events(4)
        assert looks() == [(who.ada, "feed.event")]
    for _ in range(2):
        with client(served, who.ada) as ada:
            ada.next("snapshot")
    assert looks() == [(who.ada, "feed.event"), (who.ada, "feed.snapshot"), (who.ada, "feed.snapshot")]
