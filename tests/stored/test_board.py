"""What the board and the patient's page read, from the database, through the one door, with every look written down."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from alerts import actions, store
from alerts.acts import Act
from alerts.intake import Intake
from dashboards.pages.board import ACTING, GREENS_AT_ONCE, READING_ONLY, Row, read_board, read_rows
from dashboards.pages.patient import PatientPage, read_patient
from dashboards.pages.reader import Reader
from dashboards.sessions import Post, Viewer
from dho.db import WATCH, Actor, Database
from dho.errors import NotFound
from tests.cast import Cast, cast, measured, plan
from tests.conftest import TestDatabase

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SCHEDULED = plan(
    schedule=[{"id": "spo2-morning", "code": "59408-5", "times": ["08:00"], "days": "daily", "window": "PT3H", "required": True}]
)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NINE)


@pytest.fixture(scope="module")
def serving(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "serve")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def intake(database: TestDatabase) -> Iterator[Intake]:
    opened = Database(database.url, "ingest")
    yield Intake(opened, "test")
    opened.close()


def viewer(person: UUID, *posts: Post) -> Viewer:
    return Viewer(person, "user", "Navn", "nb", posts, "session", b"", None)


def reader(who: Viewer, language: str = "nb", now: datetime = NINE) -> Reader:
    return Reader(language, None, ZoneInfo("Europe/Oslo"), now, "/", who)


def nurse(who: Cast, person: UUID) -> Viewer:
    centre = who.other_centre if person == who.cecilie else who.centre
    return viewer(person, Post("follow_up_nurse", centre, None, "Oppfølgingssenteret"))


def rows(serving: Database, reads: Viewer, roles: list[str] = ACTING, now: datetime = NINE) -> dict[UUID, Row]:
    """Everybody's row on the reader's board, greens too."""
    with serving.transaction(reads.actor, "board", now) as tx:
        board = read_board(tx, reads, reader(reads, now=now), roles)
        shown = [standing for standings in board.groups.values() for standing in standings]
        return {row.standing.patient: row for row in read_rows(tx, reads, reader(reads, now=now), shown, "request")}


def page_of(serving: Database, reads: Viewer, patient: UUID, language: str = "nb", now: datetime = NINE) -> PatientPage:
    with serving.transaction(reads.actor, "patient page", now) as tx:
        return read_patient(tx, reads, reader(reads, language, now), patient, 30, "request")


def looks(database: TestDatabase, patient: UUID) -> list[Any]:
    with Database(database.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        return tx.rows("SELECT person, role, relation, what FROM access_log WHERE patient = %s ORDER BY id", (patient,))


def test_a_red_value_stands_among_the_reds_with_the_reason_the_value_and_the_line(who: Cast, serving: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    for day, value in ((2, 96), (1, 95), (0, 85)):
        at = NINE - timedelta(days=day) - MINUTE
        intake.take([measured(tablet, at, ("59408-5", value, "%"))], at + MINUTE)
    row = rows(serving, nurse(who, who.ada))[patient]
    assert (row.group, row.since, row.may_act) == ("red", NINE, True)
    assert "85" in row.sentence
    assert "88" in row.sentence
    assert row.latest is not None
    assert (row.latest.value, row.latest.unit) == ("85", "%")
    assert row.latest.line is not None
    assert {zone for zone, _ in row.latest.line.limits} == {"red", "yellow"}


def test_every_patient_that_a_board_shows_has_a_row_in_the_access_log(
    who: Cast, serving: Database, intake: Intake, database: TestDatabase
) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE)
    rows(serving, nurse(who, who.bjorn))
    assert [(look.person, look.role, look.relation, look.what) for look in looks(database, patient)] == [
        (who.bjorn, "follow_up_nurse", f"centre:{who.centre}", "board")
    ]


def test_a_patient_page_writes_down_who_looked(who: Cast, serving: Database, database: TestDatabase) -> None:
    patient, _ = who.patient(plan())
    page_of(serving, nurse(who, who.ada), patient)
    assert [(look.person, look.what) for look in looks(database, patient)] == [(who.ada, "patient page, 30 days")]


def test_cecilie_sees_nobody_of_another_centre_and_leaves_no_look(who: Cast, serving: Database, database: TestDatabase) -> None:
    patient, _ = who.patient(plan())
    assert patient not in rows(serving, nurse(who, who.cecilie))
    with pytest.raises(NotFound):
        page_of(serving, nurse(who, who.cecilie), patient)
    assert looks(database, patient) == []


def test_dag_sees_whose_team_he_is_in_and_may_not_act(who: Cast, serving: Database) -> None:
    dag = viewer(who.dag, Post("hospital_specialist", None, who.hospital, "Fjordvik sjukehus"))
    row = rows(serving, dag, READING_ONLY)[who.eva]
    assert row.may_act is False
    assert page_of(serving, dag, who.eva).may_act is False
    assert rows(serving, dag, ACTING) == {}


def test_no_data_is_never_green_and_no_plan_has_a_group_of_its_own(who: Cast, serving: Database) -> None:
    silent, _ = who.patient(SCHEDULED)
    planless, _ = who.patient(None)
    found = rows(serving, nurse(who, who.ada))
    assert (found[silent].group, found[planless].group) == ("not_reported", "no_plan")


def test_a_plan_past_its_review_date_is_no_valid_plan_and_the_page_shows_no_zone(
    who: Cast, serving: Database, intake: Intake, database: TestDatabase
) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 96, "%"))], NINE)
    with Database(database.url, "owner", size=1).transaction(WATCH, "test", NINE) as tx:
        tx.execute("UPDATE plan_version SET review_due = %s WHERE patient = %s", (NINE.date() - timedelta(days=1), patient))
    assert rows(serving, nurse(who, who.ada))[patient].group == "no_plan"
    assert page_of(serving, nurse(who, who.ada), patient).zone is None


def test_a_green_patient_whose_red_alert_is_open_is_shown_as_both(who: Cast, serving: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE)
    intake.take([measured(tablet, NINE + MINUTE, ("59408-5", 97, "%"))], NINE + MINUTE)
    row = rows(serving, nurse(who, who.ada), now=NINE + 2 * MINUTE)[patient]
    shown = page_of(serving, nurse(who, who.ada), patient, now=NINE + 2 * MINUTE)
    assert (row.group, row.is_green_with_open_red) == ("red", True)
    assert (shown.zone, shown.red_still_open) == ("green", True)


def test_bjørns_claim_is_seen_on_adas_board(who: Cast, serving: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE)
    with serving.transaction(Actor("person", who.bjorn), "claim", NINE, role="ingest") as tx:
        [alert] = store.open_alerts(tx, [patient]).values()
        actions.act(tx, alert.id, Act("claim", Actor("person", who.bjorn)), alert.version)
    row = rows(serving, nurse(who, who.ada))[patient]
    assert row.top is not None
    assert (row.top.row.owner_name, row.top.mine, row.unclaimed) == ("Bjørn", False, [])
    assert rows(serving, nurse(who, who.bjorn))[patient].top.mine is True  # type: ignore[union-attr]


def test_a_closed_alert_stands_in_the_history_with_who_outcome_and_note(who: Cast, serving: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE)
    with serving.transaction(Actor("person", who.ada), "close", NINE + MINUTE, role="ingest") as tx:
        [alert] = store.open_alerts(tx, [patient]).values()
        actions.act(tx, alert.id, Act("close", Actor("person", who.ada), outcome="patient_ok", note="Snakket med Eva."), alert.version)
    [closed] = page_of(serving, nurse(who, who.ada), patient, now=NINE + 2 * MINUTE).closed
    assert (closed.row.closed_by, closed.row.outcome, closed.row.note) == ("Ada", "patient_ok", "Snakket med Eva.")


def test_an_invalid_reading_stays_on_the_page_with_its_reason_and_leaves_the_line(who: Cast, serving: Database, intake: Intake) -> None:
    patient, tablet = who.patient(plan())
    wrong = uuid4()
    intake.take([measured(tablet, NINE, ("59408-5", 70, "%"), id=wrong)], NINE)
    with serving.transaction(Actor("person", who.ada), "invalidate", NINE + MINUTE, role="ingest") as tx:
        actions.invalidate(tx, patient, wrong, Actor("person", who.ada), "Kalde fingre")
    [series] = page_of(serving, nurse(who, who.ada), patient, now=NINE + 2 * MINUTE).series
    assert [(line.words, line.invalid_reason) for line in series.lines] == [("70 %", "Kalde fingre")]
    assert series.drawn["values"] == [None]
    assert [float(value) for value in series.drawn["invalid"]] == [70.0]
    assert series.now is None


@pytest.mark.parametrize(("language", "limit"), [("nb", "Rød under 88 %"), ("nn", "Raud under 88 %"), ("en", "Red below 88 %")])
def test_the_page_speaks_the_readers_language(who: Cast, serving: Database, intake: Intake, language: str, limit: str) -> None:
    patient, tablet = who.patient(plan())
    intake.take([measured(tablet, NINE, ("59408-5", 85, "%"))], NINE)
    shown = page_of(serving, nurse(who, who.ada), patient, language)
    assert limit in shown.series[0].limits_in_words
    assert shown.words is not None
    assert shown.words.rules[0].zone == "red"
    assert all("%(" not in rule.words for rule in shown.words.rules)


def test_greens_come_by_name_a_hundred_at_a_time_and_only_those_shown_are_logged(
    who: Cast, serving: Database, intake: Intake, database: TestDatabase
) -> None:
    ada = nurse(who, who.ada)
    for _ in range(GREENS_AT_ONCE + 3):
        _, tablet = who.patient(plan())
        intake.take([measured(tablet, NINE, ("59408-5", 97, "%"))], NINE)
    with serving.transaction(ada.actor, "board", NINE) as tx:
        greens = read_board(tx, ada, reader(ada), ACTING).groups["green"]
        first = read_rows(tx, ada, reader(ada), greens[:GREENS_AT_ONCE], "request")
    assert len(first) == GREENS_AT_ONCE
    assert [row.order for row in first] == sorted(row.order for row in first)
    assert looks(database, greens[-1].patient) == []
