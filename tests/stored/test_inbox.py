"""Identity and facts in the database: an id is one thing for one patient, and what is stored is what was said."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from devices import inbox, observations
from devices.decode import Element, decode
from devices.message import Message
from devices.reading import Invalidation, Reading
from dho.db import INGEST, Database
from tests.cast import Cast, cast, measured, raw
from tests.conftest import TestDatabase

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NOW)


@pytest.fixture(scope="module")
def ingest(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "ingest", size=1)
    yield opened
    opened.close()


def one(message: Message) -> Element:
    (element,) = decode(message)
    assert isinstance(element.what, Reading | Invalidation), element.what
    return element


def store(ingest: Database, patient: UUID, *elements: Element, late: bool = False) -> None:
    """Store elements as a batch does."""
    with ingest.transaction(INGEST, "test", NOW) as tx:
        inbox.insert(tx, [inbox.row(element, patient, b"{}") for element in elements])
        observations.insert(
            tx, [o for element in elements if isinstance(element.what, Reading) for o in observations.of(element, patient, late=late)]
        )
        inbox.invalidate(tx, [(patient, element) for element in elements if isinstance(element.what, Invalidation)])


def stored(database: TestDatabase, table: str, element: Element) -> list[dict[str, Any]]:
    """The rows of one element, as the owner sees them."""
    with psycopg.connect(database.url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(f"SELECT * FROM {table} WHERE uplink = %s", (element.uplink,)).fetchall()  # type: ignore[arg-type]


def known(ingest: Database, *keys: inbox.Key) -> dict[inbox.Key, bytes]:
    with ingest.transaction(INGEST, "test", NOW) as tx:
        return inbox.known(tx, keys)


def withdrawal(tablet: str, uplink: UUID, reason: str = "wrong person") -> Element:
    return one(raw(tablet, json.dumps({"id": str(uuid4()), "invalidates": str(uplink), "reason": reason}).encode(), NOW))


def test_every_member_is_stored_as_it_was_said(ingest: Database, database: TestDatabase, who: Cast) -> None:
    values = ("spo2", 91, "%"), ("temperature", 100.4, "[degF]"), ("consciousness", "A", "{code}"), ("pulse", 500, "/min")
    note = "etter trapp \\u0041 \"'; DROP TABLE inbox; --\n\t😀"
    context = {"oxygen_l_min": 1.5, "posture": {"sitting": [True, None, "æ"]}}
    message = measured(who.tablet, NOW, *values, device="A4", note=note, context=context)  # type: ignore[arg-type]
    element = one(message)
    store(ingest, who.eva, element, late=True)
    (row,) = stored(database, "inbox", element)
    assert (row["patient"], row["kind"], row["gateway"], row["performer"]) == (who.eva, "measurement", who.tablet, None)
    assert (row["taken_at"], row["measured_at"], row["received_at"]) == (NOW, NOW, NOW)
    assert (row["source"], row["device"], row["note"], row["context"]) == ("device", "A4", note, context)
    assert [(refused["code"], refused["reason"]) for refused in row["refused"]] == [("pulse", "impossible_value")]
    assert (bytes(row["raw"]), bytes(row["receipt"])) == (message.payload, b"{}")
    rows = sorted(stored(database, "observation", element), key=lambda r: r["position"])
    assert [(r["measurement"], r["value"], r["letter"], r["unit"], r["sent_value"], r["sent_unit"]) for r in rows] == [
        ("spo2", Decimal(91), None, "%", "91", "%"),
        ("temperature", Decimal("38.0"), None, "Cel", "100.4", "[degF]"),
        ("consciousness", None, "A", "{code}", "A", "{code}"),
    ]
    assert {(r["patient"], r["measured_at"], r["source"], r["oxygen_l_min"], r["late"], r["clock_suspect"]) for r in rows} == {
        (who.eva, NOW, "device", Decimal("1.5"), True, False)
    }


def test_the_least_is_stored_with_nothing_made_up(ingest: Database, database: TestDatabase, who: Cast) -> None:
    element = one(
        raw(
            who.tablet,
            b'{"id": "%s", "taken_at": "2026-11-21T08:00:00Z", "values": [{"code": "spo2", "value": 95.50, "unit": "%%"}]}'
            % str(uuid4()).encode(),
            NOW,
        )
    )
    store(ingest, who.eva, element)
    (row,) = stored(database, "inbox", element)
    assert (row["source"], row["device"], row["context"], row["note"], row["refused"]) == (None, None, None, None, None)
    (value,) = stored(database, "observation", element)
    assert (value["value"], value["sent_value"], value["source"]) == (Decimal("95.50"), "95.50", "device")


def test_a_clock_that_runs_ahead_leaves_both_times(ingest: Database, database: TestDatabase, who: Cast) -> None:
    ahead = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    element = one(measured(who.tablet, ahead, ("spo2", 95, "%"), received_at=NOW))
    store(ingest, who.eva, element)
    with psycopg.connect(database.url, options="-c timezone=Pacific/Kiritimati") as connection:
        row = connection.execute("SELECT taken_at, measured_at FROM inbox WHERE uplink = %s", (element.uplink,)).fetchone()
    assert row == (datetime(9999, 12, 30, tzinfo=UTC), NOW)
    assert [value["clock_suspect"] for value in stored(database, "observation", element)] == [True]


def test_an_id_is_known_once_it_is_stored_with_what_it_meant(ingest: Database, who: Cast) -> None:
    element = one(measured(who.tablet, NOW, ("spo2", 95, "%")))
    assert element.uplink is not None
    key, other = (who.eva, element.uplink), (who.patient(None)[0], element.uplink)
    assert known(ingest, key, other) == {}
    store(ingest, who.eva, element)
    assert isinstance(element.what, Reading)
    assert known(ingest, key, other) == {key: element.what.digest}
    assert known(ingest) == {}


def test_the_same_id_of_another_patient_is_another_reading(ingest: Database, database: TestDatabase, who: Cast) -> None:
    element = one(measured(who.tablet, NOW, ("spo2", 95, "%")))
    store(ingest, who.eva, element)
    store(ingest, who.patient(None)[0], element)
    assert len(stored(database, "inbox", element)) == 2


def test_storing_a_known_id_again_is_an_error_that_keeps_nothing(ingest: Database, database: TestDatabase, who: Cast) -> None:
    element, neighbour = one(measured(who.tablet, NOW, ("spo2", 95, "%"))), one(measured(who.tablet, NOW, ("spo2", 96, "%")))
    store(ingest, who.eva, element)
    with pytest.raises(psycopg.errors.UniqueViolation):
        store(ingest, who.eva, neighbour, element)
    assert stored(database, "inbox", neighbour) == []
    assert len(stored(database, "observation", element)) == 1


def test_an_invalidation_may_come_before_its_reading(ingest: Database, who: Cast) -> None:
    reading = one(measured(who.tablet, NOW - timedelta(hours=3), ("spo2", 70, "%"), received_at=NOW))
    assert reading.uplink is not None
    key = (who.eva, reading.uplink)
    store(ingest, who.eva, withdrawal(who.tablet, reading.uplink))
    with ingest.transaction(INGEST, "test", NOW) as tx:
        assert inbox.look_up(tx, [key, (who.eva, uuid4())]) == ({}, {key})
        assert inbox.measured_at(tx, [key]) == {}
    store(ingest, who.eva, reading)
    with ingest.transaction(INGEST, "test", NOW) as tx:
        assert inbox.measured_at(tx, [key]) == {key: NOW - timedelta(hours=3)}


def test_the_first_invalidation_of_a_reading_stays(ingest: Database, database: TestDatabase, who: Cast) -> None:
    uplink = uuid4()
    first, second = withdrawal(who.tablet, uplink, "first"), withdrawal(who.tablet, uplink, "second")
    store(ingest, who.eva, first, second)
    store(ingest, who.eva, withdrawal(who.tablet, uplink, "third"))
    with psycopg.connect(database.url) as connection:
        found = connection.execute("SELECT reason, by_gateway, at FROM invalidation WHERE uplink = %s", (uplink,)).fetchall()
    assert found == [("first", who.tablet, NOW)]


def test_an_invalidation_is_no_reading_that_could_be_withdrawn(ingest: Database, who: Cast) -> None:
    element = withdrawal(who.tablet, uuid4())
    store(ingest, who.eva, element)
    assert element.uplink is not None
    with ingest.transaction(INGEST, "test", NOW) as tx:
        assert inbox.measured_at(tx, [(who.eva, element.uplink)]) == {}


def test_an_import_has_no_gateway(ingest: Database, database: TestDatabase, who: Cast) -> None:
    element = one(measured("", NOW, ("spo2", 95, "%")))
    store(ingest, who.eva, element)
    assert stored(database, "inbox", element)[0]["gateway"] is None


def test_what_staff_entered_names_the_performer_and_no_gateway(ingest: Database, database: TestDatabase, who: Cast) -> None:
    element = one(measured("ada", NOW, ("spo2", 95, "%")))
    with ingest.transaction(INGEST, "test", NOW) as tx:
        inbox.insert(tx, [inbox.row(element, who.eva, b"{}", who.ada)])
    (row,) = stored(database, "inbox", element)
    assert (row["gateway"], row["performer"]) == (None, who.ada)


def test_any_number_that_the_decoder_takes_can_be_stored_exactly(ingest: Database, database: TestDatabase, who: Cast) -> None:
    for text in ("95.5", "95.5" + "0" * 90 + "1", "1e-99", "0e5", "4.2E+1", "-0"):
        element = one(
            raw(
                who.tablet,
                b'{"id": "%s", "taken_at": "2026-11-21T08:00:00Z", "values": [{"code": "crp", "value": %s, "unit": "mg/L"}]}'
                % (str(uuid4()).encode(), text.encode()),
                NOW,
            )
        )
        store(ingest, who.eva, element)
        assert [row["value"] for row in stored(database, "observation", element)] == [Decimal(text)]


def test_any_context_that_the_decoder_takes_can_be_stored(ingest: Database, database: TestDatabase, who: Cast) -> None:
    for context in (
        '{"x": 1e300}',
        '{"x": 1e-300}',
        '{"x": ' + "9" * 100 + "}",
        '{"\\ud83d\\ude00": "\\\\u0000"}',
        "{}",
        '{"x": 1, "x": 2}',
    ):
        element = one(
            raw(
                who.tablet,
                b'{"id": "%s", "taken_at": "2026-11-21T08:00:00Z", "values": [{"code": "spo2", "value": 95, "unit": "%%"}], "context": %s}'
                % (str(uuid4()).encode(), context.encode()),
                NOW,
            )
        )
        store(ingest, who.eva, element)
        (row,) = stored(database, "inbox", element)
        assert set(row["context"]) == set(json.loads(context))
