"""From bytes to an alert and a receipt, in one transaction, on every ground."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerts import actions, store
from alerts.acts import Act
from alerts.alert import Alert
from alerts.deadlines import tick
from alerts.intake import Intake
from alerts.judging import Judge
from dho.db import WATCH, Actor, Database
from dho.errors import Conflict, InvalidTransition
from tests.cast import LOW_SPO2, Cast, answers, cast, measured, plan, raw
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


@pytest.fixture
def intake(base: Database) -> Intake:
    return Intake(base, "test")


def open_alerts(base: Database, patient: UUID) -> list[Alert]:
    with base.transaction(WATCH, "test", NINE) as tx:
        return list(store.open_alerts(tx, [patient]).values())


def journal(base: Database, alert: UUID) -> list[str]:
    with base.transaction(WATCH, "test", NINE) as tx:
        return [event.type for event in store.journal(tx, alert)]


def zone(base: Database, patient: UUID) -> str | None:
    with base.transaction(WATCH, "test", NINE) as tx:
        return str(tx.execute("SELECT zone FROM patient_state WHERE patient = %s", (patient,)).fetchone()[0])  # type: ignore[index]


def test_a_normal_value_is_stored_answered_and_makes_no_alert(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    [receipt] = answers(intake.take([measured(tablet, NINE, ("59408-5", 96, "%"))], NINE + SECOND))
    assert receipt["status"] == "stored"
    assert receipt["zone"] == "green"
    assert receipt["attention"] == {"open": True, "next_staffed_at": "2026-11-24T09:00:01Z", "alert_open": False}
    assert open_alerts(base, patient) == []


def test_a_red_value_raises_one_alert_that_quotes_the_value_and_tells_the_patient_what_to_do(
    who: Cast, base: Database, intake: Intake
) -> None:
    patient, tablet = who.patient(plan())
    [receipt] = answers(intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE + SECOND))
    assert receipt["zone"] == "red"
    assert receipt["advice"] == "Ring oppfølgingssenteret nå."
    assert receipt["attention"]["alert_open"] is True
    [alert] = open_alerts(base, patient)
    assert (alert.zone, alert.state, alert.family, alert.version) == ("red", "open", "spo2", 1)
    assert alert.because[0]["observations"][0]["value"] == 85
    assert "85" in alert.text["text"]
    assert alert.escalate_at == NINE + SECOND + timedelta(minutes=15)


def test_yellow_then_red_is_one_alert_that_worsens_and_a_claim_is_voided(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 90, "%"))], NINE)
    [alert] = open_alerts(base, patient)
    act(base, alert, "claim", who.ada, NINE)
    intake.take([measured(tablet, NINE + MINUTE, ("59408-5", 80, "%"))], NINE + MINUTE)
    [worse] = open_alerts(base, patient)
    assert (worse.id, worse.zone, worse.state, worse.owner) == (alert.id, "red", "open", None)
    assert journal(base, alert.id)[-2:] == ["alert.claimed", "alert.worsened"]


def act(base: Database, alert: Alert, verb: str, person: UUID, now: datetime, **more: Any) -> Alert:
    with base.transaction(Actor("person", person), "test", now, "watch") as tx:
        return actions.act(tx, alert.id, Act(verb, Actor("person", person), **more), alert.version)


def test_the_same_message_twice_is_a_duplicate_and_raises_nothing_more(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    message = measured(tablet, NINE, ("59408-5", 85, "%"))
    first, second = answers(intake.take([message, message], NINE))
    [third] = answers(intake.take([message], NINE + MINUTE))
    assert [first["status"], second["status"], third["status"]] == ["stored", "duplicate", "duplicate"]
    [alert] = open_alerts(base, patient)
    assert alert.breaches == 1


def test_an_id_reused_for_another_value_is_refused_and_kept_in_quarantine(who: Cast, base: Database, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    uplink = uuid4()
    intake.take([measured(tablet, NINE, ("59408-5", 95, "%"), id=uplink)], NINE)
    [receipt] = answers(intake.take([measured(tablet, NINE, ("59408-5", 94, "%"), id=uplink)], NINE))
    assert (receipt["status"], receipt["reason"]) == ("rejected", "id_conflict")
    with base.transaction(WATCH, "test", NINE) as tx:
        assert tx.execute("SELECT count(*) FROM quarantine WHERE reason = 'id_conflict' AND gateway = %s", (tablet,)).fetchone() == (1,)


def test_a_broken_message_never_takes_its_neighbours_along(who: Cast, intake: Intake) -> None:
    _, tablet = who.patient(plan())
    good = measured(tablet, NINE, ("59408-5", 95, "%"))
    receipts = answers(
        intake.take([good, raw(tablet, b"\xff\x00 not json", NINE), measured(tablet, NINE + MINUTE, ("59408-5", 96, "%"))], NINE)
    )
    assert [r["status"] for r in receipts] == ["stored", "rejected", "stored"]


def test_a_message_that_the_database_cannot_take_is_quarantined_alone(
    who: Cast, base: Database, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, tablet = who.patient(plan())
    poison = measured(tablet, NINE, ("59408-5", 95, "%"), note="poison")
    insert = __import__("devices.inbox", fromlist=["insert"]).insert

    def refuse(tx: Any, rows: Any) -> None:
        if any(row.note == "poison" for row in rows):
            tx.execute("SELECT 1/0")
        insert(tx, rows)

    monkeypatch.setattr("devices.inbox.insert", refuse)
    messages = [measured(tablet, NINE + n * MINUTE, ("59408-5", 95, "%")) for n in range(1, 6)]
    receipts = answers(intake.take([*messages[:3], poison, *messages[3:]], NINE + timedelta(hours=1)))
    assert [r["status"] for r in receipts] == ["stored"] * 3 + ["rejected"] + ["stored"] * 2
    assert receipts[3]["reason"] == "not_processable"


def test_conservation_holds_after_everything_above(base: Database) -> None:
    with base.transaction(WATCH, "test", NINE) as tx:
        sums = dict(tx.execute("SELECT name, sum(value) FROM ingest_counter GROUP BY name").fetchall())
    assert sums["received"] == sums["stored"] + sums.get("duplicate", 0) + sums.get("quarantined", 0)
    assert sums["received"] > 0


def test_a_late_red_value_alerts_although_a_newer_normal_one_is_known(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 96, "%"))], NINE)
    [receipt] = answers(intake.take([measured(tablet, NINE - timedelta(hours=5), ("59408-5", 82, "%"), received_at=NINE)], NINE + MINUTE))
    assert receipt["late"] is True
    [alert] = open_alerts(base, patient)
    assert (alert.zone, alert.late, alert.supported) == ("red", True, True)
    assert zone(base, patient) == "green"  # staff see a green zone with a red alert open


def test_a_red_value_older_than_the_late_horizon_makes_a_task_and_no_alert(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 96, "%"))], NINE)
    intake.take([measured(tablet, NINE - timedelta(hours=73), ("59408-5", 82, "%"), received_at=NINE)], NINE)
    assert open_alerts(base, patient) == []
    with base.transaction(WATCH, "test", NINE) as tx:
        kinds = tx.execute("SELECT kind FROM task WHERE patient = %s", (patient,)).fetchall()
    assert kinds == [("old_red_value",)]


def test_an_invalidated_reading_leaves_its_red_alert_open_as_basis_withdrawn(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    message = measured(tablet, NINE, ("59408-5", 82, "%"))
    intake.take([measured(tablet, NINE - MINUTE, ("59408-5", 96, "%"))], NINE)
    intake.take([message], NINE)
    uplink = json.loads(message.payload)["id"]
    withdrawal = {"id": str(uuid4()), "invalidates": uplink, "reason": "Fingeren var kald"}
    intake.take([raw(tablet, json.dumps(withdrawal).encode(), NINE + MINUTE)], NINE + MINUTE)
    [alert] = open_alerts(base, patient)
    assert (alert.zone, alert.supported, alert.basis_withdrawn) == ("red", False, True)
    assert zone(base, patient) == "green"


def test_an_invalidation_that_comes_before_its_reading_waits_for_it(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    uplink = uuid4()
    withdrawal = {"id": str(uuid4()), "invalidates": str(uplink), "reason": "feil"}
    intake.take([raw(tablet, json.dumps(withdrawal).encode(), NINE)], NINE)
    [receipt] = answers(intake.take([measured(tablet, NINE, ("59408-5", 82, "%"), id=uplink)], NINE))
    assert receipt["status"] == "stored"
    assert open_alerts(base, patient) == []


def test_of_two_nurses_who_claim_at_once_exactly_one_wins(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 82, "%"))], NINE)
    [alert] = open_alerts(base, patient)
    assert act(base, alert, "claim", who.ada, NINE).owner == who.ada
    with pytest.raises(Conflict):
        act(base, alert, "claim", who.bjorn, NINE)
    [now] = open_alerts(base, patient)
    with pytest.raises(InvalidTransition):
        act(base, now, "claim", who.bjorn, NINE)


def test_after_closing_only_a_breach_measured_later_makes_a_new_alert_that_points_back(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 82, "%"))], NINE)
    [alert] = open_alerts(base, patient)
    closed = act(base, act(base, alert, "claim", who.ada, NINE), "close", who.ada, NINE + MINUTE, outcome="true_action", note="Ringt")
    assert closed.state == "closed"
    assert zone(base, patient) == "green"  # handled: readings up to then stopped counting
    intake.take([measured(tablet, NINE + timedelta(seconds=30), ("59408-5", 81, "%"), received_at=NINE + 2 * MINUTE)], NINE + 2 * MINUTE)
    assert open_alerts(base, patient) == []
    intake.take([measured(tablet, NINE + 3 * MINUTE, ("59408-5", 81, "%"))], NINE + 3 * MINUTE)
    [again] = open_alerts(base, patient)
    assert again.former == alert.id


def test_a_pending_red_opens_when_no_repeat_comes(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan({**LOW_SPO2, "confirm": {"within": "PT10M"}}))
    [receipt] = answers(intake.take([measured(tablet, NINE, ("59408-5", 82, "%"))], NINE))
    assert receipt["repeat_in_s"] == 600
    assert receipt["zone"] == "yellow"
    assert receipt["advice"] == "Ring oppfølgingssenteret nå."
    assert open_alerts(base, patient)[0].state == "pending_confirm"
    tick(base, Judge(), NINE + 9 * MINUTE)
    assert open_alerts(base, patient)[0].state == "pending_confirm"
    tick(base, Judge(), NINE + 10 * MINUTE)
    assert open_alerts(base, patient)[0].state == "open"
    assert zone(base, patient) == "red"


def test_a_normal_repeat_dismisses_a_pending_red(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan({**LOW_SPO2, "confirm": {"within": "PT10M"}}))
    intake.take([measured(tablet, NINE, ("59408-5", 82, "%"))], NINE)
    intake.take([measured(tablet, NINE + 5 * MINUTE, ("59408-5", 96, "%"))], NINE + 5 * MINUTE)
    assert open_alerts(base, patient) == []
    assert zone(base, patient) == "green"


def test_an_unanswered_red_climbs_to_shift_lead_and_then_to_the_deputy(who: Cast, base: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 82, "%"))], NINE)
    for minutes, level in ((14, 0), (15, 1), (29, 1), (30, 2), (90, 2)):
        tick(base, Judge(), NINE + minutes * MINUTE)
        assert open_alerts(base, patient)[0].level == level


def test_the_feed_has_no_gaps_and_tells_every_event_once(base: Database) -> None:
    with base.transaction(WATCH, "test", NINE) as tx:
        seqs = [row[0] for row in tx.execute("SELECT seq FROM feed_event ORDER BY seq").fetchall()]
        head = tx.execute("SELECT seq FROM feed_head").fetchone()
        journaled = tx.execute("SELECT count(*) FROM alert_event").fetchone()
        told = tx.execute("SELECT count(*) FROM feed_event WHERE alert IS NOT NULL").fetchone()
    assert seqs == list(range(1, len(seqs) + 1))
    assert head == (len(seqs),)
    assert journaled == told


def test_every_alert_row_is_the_fold_of_its_journal(base: Database) -> None:
    with base.transaction(WATCH, "test", NINE) as tx:
        rows = tx.execute(
            "SELECT to_jsonb(a), (SELECT change FROM alert_event e WHERE e.alert = a.id ORDER BY version DESC LIMIT 1),"
            " (SELECT array_agg(version ORDER BY version) FROM alert_event e WHERE e.alert = a.id) FROM alert a"
        ).fetchall()
    assert rows
    for row, change, versions in rows:
        assert versions == list(range(1, row["version"] + 1))
        for column in ("state", "zone", "standing", "version", "owner", "breaches", "supported", "outcome", "level", "because"):
            assert change[column] == row[column], column


def test_senders_that_nobody_knows_and_empty_arrays_are_answered_too(who: Cast, intake: Intake) -> None:
    receipts = answers(intake.take([raw("nobody", b"{}", NINE), raw(who.tablet, b"[]", NINE)], NINE))
    assert [r["reason"] for r in receipts] == ["missing_field", "empty"]
