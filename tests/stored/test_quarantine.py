"""What could not be taken is kept with its bytes and can be replayed; the counters always add up; a gateway's own word is noted."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from devices import counters, quarantine, status
from devices.counters import Counter
from devices.decode import Element, decode
from devices.message import Message
from devices.reading import Rejected
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


def keep(ingest: Database, message: Message) -> list[Element]:
    """Quarantine every refused element of a message, as a batch does."""
    elements = decode(message)
    with ingest.transaction(INGEST, "test", NOW) as tx:
        quarantine.insert(tx, [(one, one.what) for one in elements if isinstance(one.what, Rejected)])
    return elements


def waiting(ingest: Database, gateway: str, reason: str | None = None) -> list[quarantine.Row]:
    with ingest.transaction(INGEST, "test", NOW) as tx:
        return quarantine.waiting(tx, gateway=gateway, reason=reason)


def test_every_refused_element_is_one_row_with_exactly_its_bytes(ingest: Database) -> None:
    gateway = uuid4().hex
    payload = b'[{"id": 1}, "x", {"id": "x"'
    keep(ingest, raw(gateway, b'[{"id": 1}, "\xff", {"id": "x"} ]', NOW))
    rows = sorted(waiting(ingest, gateway), key=lambda row: row.position or 0)
    assert [(row.position, row.payload, row.reason) for row in rows] == [
        (0, b'{"id": 1}', "wrong_type"),
        (1, b'"\xff"', "bad_text"),
        (2, b'{"id": "x"}', "missing_field"),
    ]
    assert {(row.channel, row.gateway, row.topic, row.received_at, row.counted, row.replayed_at) for row in rows} == {
        ("mqtt", gateway, f"dho/v1/{gateway}/measurements", NOW, True, None)
    }
    keep(ingest, raw(gateway, payload, NOW))
    assert [row.payload for row in waiting(ingest, gateway, "malformed")] == [payload]


@pytest.mark.parametrize(
    "payload", [b"", b"\x00\x01\xff", b"x" * 1_000_000, b"[" * 60_000], ids=["empty", "noise", "a million bytes", "deep"]
)
def test_any_bytes_can_be_kept(ingest: Database, payload: bytes) -> None:
    gateway = uuid4().hex
    keep(ingest, raw(gateway, payload, NOW))
    assert [row.payload for row in waiting(ingest, gateway)] == [payload]


def test_a_gateway_and_a_topic_that_nobody_knows_can_be_kept(ingest: Database) -> None:
    keep(ingest, raw("ukjent æøå", b"{}", NOW, leaf="something-new"))
    (row,) = waiting(ingest, "ukjent æøå")
    assert (row.reason, row.topic) == ("unknown_leaf", "dho/v1/ukjent æøå/something-new")


def test_a_bad_status_is_kept_and_not_counted(ingest: Database) -> None:
    gateway = uuid4().hex
    keep(ingest, raw(gateway, b'{"state":"on"}', NOW, leaf="status"))
    assert [(row.reason, row.counted) for row in waiting(ingest, gateway)] == [("wrong_type", False)]


def test_rows_are_listed_newest_first_and_narrowed_down(ingest: Database) -> None:
    gateway = uuid4().hex
    for minutes, payload in enumerate((b"{}", b"nonsense", b"{}")):
        keep(ingest, raw(gateway, payload, NOW + timedelta(minutes=minutes)))
    assert [row.received_at.minute for row in waiting(ingest, gateway)] == [2, 1, 0]
    assert [row.received_at.minute for row in waiting(ingest, gateway, "missing_field")] == [2, 0]
    with ingest.transaction(INGEST, "test", NOW) as tx:
        assert len(quarantine.waiting(tx, gateway=gateway, limit=1)) == 1
        summary = {reason: (count, oldest) for reason, count, oldest in quarantine.by_reason(tx)}
        newest = quarantine.waiting(tx, gateway=gateway, limit=1)[0]
        assert quarantine.show(tx, [newest.id, uuid4()]) == [newest]
    assert summary["missing_field"][0] >= 2
    assert summary["missing_field"][1] <= NOW


def test_a_kept_element_goes_through_the_front_door_again_as_it_came(ingest: Database, who: Cast) -> None:
    before = NOW - timedelta(days=3)
    retained = Message(
        f"dho/v1/{who.tablet}/measurements",
        measured(who.tablet, before, ("spo2", 95, "%")).payload,
        who.tablet,
        "measurements",
        1,
        True,
        before,
        3,
        9,
    )
    keep(ingest, retained)
    (row,) = waiting(ingest, who.tablet, "retained")
    message = quarantine.message(row)
    assert (message.gateway, message.leaf, message.retain, message.received_at) == (who.tablet, "measurements", False, before)
    assert message.payload == retained.payload
    assert [one.uplink is not None for one in decode(message)] == [True]


def test_a_replayed_row_says_what_came_of_it_and_waits_on_if_it_was_refused_again(ingest: Database) -> None:
    gateway = uuid4().hex
    keep(ingest, raw(gateway, b"[{}, {}]", NOW))
    first, second = waiting(ingest, gateway)
    with ingest.transaction(INGEST, "test", NOW) as tx:
        quarantine.settle(tx, [(first.id, "stored"), (second.id, "bad_id")], NOW + timedelta(hours=1))
        assert [row.id for row in quarantine.waiting(tx, gateway=gateway)] == [second.id]
        row, refused_again = sorted(quarantine.show(tx, [first.id, second.id]), key=lambda row: row.replayed_at is None)
    assert (refused_again.replayed_at, refused_again.replay_result) == (None, "bad_id")
    assert (row.replay_result, row.replayed_at, row.payload) == ("stored", NOW + timedelta(hours=1), b"{}")


def total(ingest: Database, name: str, reason: str = "") -> int:
    with ingest.transaction(INGEST, "test", NOW) as tx:
        return counters.totals(tx).get((name, reason), 0)


def test_the_counters_add_up_over_writers_and_batches(ingest: Database, who: Cast) -> None:
    before = {
        key: total(ingest, *key)
        for key in (("received", ""), ("stored", ""), ("duplicate", ""), ("quarantined", "malformed"), ("ignored", "empty_retained"))
    }
    good, bad = decode(measured(who.tablet, NOW, ("spo2", 95, "%"))), decode(raw(who.tablet, b"nonsense", NOW))
    ignored = decode(Message("dho/v1/t/measurements", b"", "t", "measurements", 1, True, NOW, 1, 1))
    own_word = [*decode(raw(who.tablet, b'{"state":"online"}', NOW, leaf="status")), *decode(raw(who.tablet, b"{}", NOW, leaf="status"))]
    for writer in ("ingest-0", "ingest-1", "ingest-0"):
        counter = Counter()
        counter.count(good[0], "stored")
        counter.count(good[0], "duplicate")
        assert isinstance(bad[0].what, Rejected)
        counter.count(bad[0], "quarantined", bad[0].what)
        counter.count(ignored[0], None)
        for one in own_word:
            counter.count(one, "quarantined", one.what if isinstance(one.what, Rejected) else None)
        with ingest.transaction(INGEST, "test", NOW) as tx:
            counters.add(tx, writer, counter)
    gained = {key: total(ingest, *key) - was for key, was in before.items()}
    assert gained == {
        ("received", ""): 9,
        ("stored", ""): 3,
        ("duplicate", ""): 3,
        ("quarantined", "malformed"): 3,
        ("ignored", "empty_retained"): 3,
    }


def test_counters_of_a_batch_that_failed_are_gone_with_it(ingest: Database, who: Cast) -> None:
    before = total(ingest, "received")
    counter = Counter()
    counter.count(decode(measured(who.tablet, NOW, ("spo2", 95, "%")))[0], "stored")

    def fail() -> None:
        with ingest.transaction(INGEST, "test", NOW) as tx:
            counters.add(tx, "ingest-0", counter)
            raise RuntimeError("the batch failed")

    with pytest.raises(RuntimeError):
        fail()
    assert total(ingest, "received") == before


def test_an_element_that_nothing_became_of_is_an_error_rather_than_a_loss(who: Cast) -> None:
    with pytest.raises(ValueError, match="nothing became of it"):
        Counter().count(decode(measured(who.tablet, NOW, ("spo2", 95, "%")))[0], None)


def hear(ingest: Database, *messages: Message) -> None:
    with ingest.transaction(INGEST, "test", NOW) as tx:
        status.hear(tx, [element for message in messages for element in decode(message)])


def gateway_status(database: TestDatabase, gateway: str) -> tuple[object, ...] | None:
    with psycopg.connect(database.url) as connection:
        return connection.execute(
            "SELECT state, battery, app, said_at, heard_at FROM gateway_status WHERE gateway = %s", (gateway,)
        ).fetchone()


def said(gateway: str, payload: bytes, minutes: float) -> Message:
    return raw(gateway, payload, NOW + timedelta(minutes=minutes), leaf="status")


def test_the_newest_status_is_shown_and_a_last_will_is_no_sign_of_life(ingest: Database, database: TestDatabase, who: Cast) -> None:
    tablet = who.patient(None)[1]
    hear(ingest, said(tablet, b'{"state":"online","battery":0.5,"app":"1.4.2"}', 0))
    assert gateway_status(database, tablet) == ("online", 0.5, "1.4.2", NOW, NOW)
    hear(ingest, said(tablet, b'{"state":"online","battery":0.25}', 2), said(tablet, b'{"state":"offline"}', 3))
    assert gateway_status(database, tablet) == ("offline", 0.5, "1.4.2", NOW + timedelta(minutes=3), NOW)
    hear(ingest, said(tablet, b'{"state":"online","battery":0.1}', 1))
    shown = gateway_status(database, tablet)
    assert shown is not None
    assert shown[0] == "offline"


def test_a_bad_status_changes_nothing_shown(ingest: Database, database: TestDatabase, who: Cast) -> None:
    tablet = who.patient(None)[1]
    hear(ingest, said(tablet, b'{"state":"online","battery":0.5}', 0))
    before = gateway_status(database, tablet)
    hear(ingest, said(tablet, b'{"state":"online","battery":50}', 4), said(tablet, b"nonsense", 5))
    assert gateway_status(database, tablet) == before


def test_every_uplink_is_a_sign_of_life_noted_at_most_every_half_minute(ingest: Database, database: TestDatabase, who: Cast) -> None:
    tablet = who.patient(None)[1]
    for seconds, expected in ((0, 0), (20, 0), (31, 31), (10, 31), (62, 62)):
        hear(ingest, raw(tablet, b"nonsense", NOW + timedelta(seconds=seconds)))
        assert gateway_status(database, tablet) == (None, None, None, None, NOW + timedelta(seconds=expected))


def test_an_unknown_gateway_leaves_no_trace(ingest: Database, database: TestDatabase) -> None:
    hear(ingest, raw("nobody", b"{}", NOW), said("nobody", b'{"state":"online"}', 0))
    assert gateway_status(database, "nobody") is None


def test_a_simulated_gateway_is_heard_at_the_simulators_time_alone(ingest: Database, database: TestDatabase, who: Cast) -> None:
    tablet, past = who.patient(None)[1], NOW - timedelta(days=5)
    with psycopg.connect(database.url) as connection:
        connection.execute("UPDATE gateway SET simulated = true WHERE id = %s", (tablet,))
    hear(ingest, said(tablet, b'{"state":"online"}', 0), raw(tablet, b"nonsense", NOW))
    assert gateway_status(database, tablet) is None
    for seconds in (0, 1):
        hear(
            ingest, measured(tablet, past, ("spo2", 95, "%"), received_at=past + timedelta(seconds=seconds)), raw(tablet, b"nonsense", NOW)
        )
        assert gateway_status(database, tablet) == (None, None, None, None, past + timedelta(seconds=seconds))
    hear(ingest, said(tablet, b'{"state":"online","battery":0.5}', 0))
    assert gateway_status(database, tablet) == ("online", 0.5, None, NOW, past + timedelta(seconds=1))


def test_a_message_is_seen_once_and_only_by_its_patients_tablet(ingest: Database, database: TestDatabase, who: Cast) -> None:
    letter, stranger = uuid4(), who.patient(None)[1]
    with psycopg.connect(database.url) as connection:
        connection.execute("INSERT INTO message (id, patient, at, text) VALUES (%s, %s, %s, 'Hei')", (letter, who.eva, NOW))

    def seen_at() -> object:
        with psycopg.connect(database.url) as connection:
            row = connection.execute("SELECT seen_at FROM message WHERE id = %s", (letter,)).fetchone()
        return row and row[0]

    def seen(gateway: str, minutes: int) -> Message:
        at = (NOW + timedelta(minutes=minutes)).isoformat()
        return raw(gateway, f'{{"id":"{uuid4()}","message":"{letter}","at":"{at}"}}'.encode(), NOW, leaf="seen")

    hear(ingest, seen(stranger, 1))
    assert seen_at() is None
    hear(ingest, seen(who.tablet, 2))
    hear(ingest, seen(who.tablet, 3))
    assert seen_at() == NOW + timedelta(minutes=2)
