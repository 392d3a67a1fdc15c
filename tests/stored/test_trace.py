"""The whole truth about one measurement, and what could not be understood."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from alerts.actions import act
from alerts.acts import Act
from alerts.intake import Intake
from dho import clock
from dho.db import WATCH, Actor, Database
from tests.cast import Cast, cast, measured, raw
from tests.command_line import CommandLine
from tests.conftest import TestDatabase

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, clock.now())


@pytest.fixture
def dho(database: TestDatabase, tmp_path: Path) -> CommandLine:
    return CommandLine(database.url, tmp_path)


def take(database: TestDatabase, *messages: Any) -> list[dict[str, Any]]:
    base = Database(database.url, "ingest", size=1)
    try:
        return [json.loads(receipt.body) for receipt in Intake(base, "test").take(messages, clock.now())]
    finally:
        base.close()


def rows(database: TestDatabase, statement: str, *params: Any) -> list[Any]:
    base = Database(database.url, "owner", size=1)
    try:
        with base.transaction(WATCH, "test", clock.now()) as tx:
            return tx.rows(statement, params)
    finally:
        base.close()


def test_a_quiet_reading_is_told_with_the_verdict_it_had_and_the_limit_it_kept(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    patient, tablet = who.patient(PLAN)
    identity, at = uuid4(), clock.now() - MINUTE
    take(database, measured(tablet, at, ("spo2", 96, "%"), id=identity))
    (told,) = dho("trace", identity, "--json").json
    assert (told["fate"], told["patient"], told["gateway"]) == ("stored", str(patient), tablet)
    assert str(identity) in told["raw"]["payload"]
    assert json.loads(told["receipt"]["payload"])["zone"] == "green"
    assert told["observations"][0]["value"] == 96
    assert told["plan"]["number"] == 1
    verdicts = {verdict["rule"]: verdict for verdict in told["verdicts"]}
    assert {verdict["result"] for verdict in verdicts.values()} == {"clear"}
    assert verdicts["spo2-red"]["because"]["otherwise"]["below"] == 88
    assert told["alerts"] == []


def test_a_red_reading_is_told_with_its_alerts_journal_frames_and_who_acted(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    patient, tablet = who.patient(PLAN)
    identity = uuid4()
    take(database, measured(tablet, clock.now() - MINUTE, ("spo2", 80, "%"), id=identity))
    (alert,) = rows(database, "SELECT id FROM alert WHERE patient = %s", patient)
    base = Database(database.url, "serve", size=1)
    with base.transaction(Actor("person", who.ada), "test", clock.now()) as tx:
        act(tx, alert.id, Act("claim", Actor("person", who.ada)), 1)
    base.close()
    (told,) = dho("trace", identity, "--json").json
    assert [(event["type"], event["version"]) for event in told["alerts"]] == [("alert.raised", 1), ("alert.claimed", 2)]
    assert told["alerts"][1]["by"].startswith("ada")
    assert told["alerts"][0]["because"][0]["observations"][0]["value"] == 80
    assert [frame["type"] for frame in told["frames"] if frame["type"].startswith("alert")] == ["alert.raised", "alert.claimed"]


def test_an_alert_still_explains_itself_when_the_values_are_gone(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    patient, tablet = who.patient(PLAN)
    identity = uuid4()
    take(database, measured(tablet, clock.now() - MINUTE, ("spo2", 80, "%"), id=identity))
    base = Database(database.url, "owner", size=1)
    with base.transaction(WATCH, "retention", clock.now()) as tx:
        tx.execute("DELETE FROM observation WHERE patient = %s", (patient,))
    base.close()
    (told,) = dho("trace", identity, "--json").json
    assert told["observations"] == []
    assert told["alerts"][0]["because"][0]["observations"][0]["value"] == 80


def test_the_look_itself_is_in_the_access_log_and_in_the_next_trace(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    _, tablet = who.patient(PLAN)
    identity = uuid4()
    take(database, measured(tablet, clock.now() - MINUTE, ("spo2", 96, "%"), id=identity))
    dho("trace", identity)
    looks = dho("trace", identity, "--json").json[0]["looks"]
    assert [(look["purpose"], look["what"]) for look in looks] == [("trace", f"trace {identity}")] * 2


def test_a_quarantined_message_is_found_by_the_id_in_its_bytes_and_by_its_own(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    identity = uuid4()
    take(database, measured(who.tablet, clock.now() - MINUTE, ("spo2", 96, "percent"), id=identity))
    (told,) = dho("trace", identity, "--json").json
    assert (told["fate"], told["reason"]) == ("quarantined", "unknown_unit")
    (same,) = dho("trace", told["id"], "--json").json
    assert same["payload"] == told["payload"]


def test_nothing_known_is_a_sentence(dho: CommandLine) -> None:
    assert "Nothing is known" in dho("trace", uuid4(), status=1).error


def test_quarantine_is_listed_shown_and_replayed_once_it_can_be_understood(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    """A tablet sends before it is registered: its bytes wait, and go in when it is."""
    gateway, identity, at = f"early-{uuid4().hex[:6]}", uuid4(), clock.now() - MINUTE
    take(database, measured(gateway, at, ("spo2", 96, "%"), id=identity))
    (row,) = dho("quarantine", "list", "--gateway", gateway, "--json").json
    assert row["reason"] == "not_attributable"
    assert str(identity) in dho("quarantine", "show", row["id"]).out

    assert dho("quarantine", "replay", row["id"], "--json").json == {row["id"]: "not_attributable"}
    assert len(dho("quarantine", "list", "--gateway", gateway, "--json").json) == 1

    day_before = (at - timedelta(days=1)).strftime("%Y-%m-%d")
    (centre,) = rows(database, "SELECT name FROM centre WHERE id = %s", who.centre)
    dho("admin", "gateway", "add", gateway, "--centre", centre.name, "--patient", who.eva, "--since", day_before)
    assert dho("quarantine", "replay", "--reason", "not_attributable", "--json").json[row["id"]] == "stored"
    assert dho("quarantine", "list", "--gateway", gateway, "--json").json == []
    (value,) = rows(database, "SELECT patient, received_at FROM observation WHERE uplink = %s", identity)
    assert (value.patient, value.received_at) == (who.eva, at)
    assert dho("quarantine", "replay", row["id"], "--json").json == {row["id"]: "stored"}
    assert rows(database, "SELECT count(*) AS n FROM observation WHERE uplink = %s", identity) == [(1,)]


def test_conservation_holds_through_it_all(who: Cast, database: TestDatabase, dho: CommandLine) -> None:
    take(database, raw(who.tablet, b"\xff\xfe not text", clock.now()))
    (row,) = [r for r in dho("quarantine", "list", "--json").json if "payload_hex" in r]
    assert row["payload_hex"].startswith("fffe")
    findings = {finding["what"]: finding for finding in dho("doctor", "--json").json}
    assert findings["conservation"]["state"] == "ok"
    assert findings["schema"]["state"] == "ok"
    assert findings["quarantine"]["state"] == "warn"


def test_replay_says_what_it_wants(dho: CommandLine) -> None:
    assert "--all" in dho("quarantine", "replay", status=2).err


PLAN = {
    "title": "KOLS",
    "rules": [
        {"id": "spo2-yellow", "kind": "threshold", "code": "59408-5", "below": 92, "unit": "%", "zone": "yellow"},
        {"id": "spo2-red", "kind": "threshold", "code": "59408-5", "below": 88, "unit": "%", "zone": "red"},
    ],
    "zones": [{"level": "green", "condition": "Som vanlig", "action": "Fortsett."}],
}
