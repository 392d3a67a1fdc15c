"""About whom is it? By the assignment valid when it was measured; in doubt, nobody."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from devices import registry
from devices.decode import Element, decode
from devices.message import Message
from devices.reading import Invalidation, Reading, Rejected
from dho.db import INGEST, Database
from tests.cast import Cast, cast, measured, raw
from tests.conftest import TestDatabase

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def who(database: TestDatabase) -> Cast:
    return cast(database.url, NOW)


@pytest.fixture(scope="module")
def ingest(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "ingest", size=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def owner(database: TestDatabase) -> Iterator[Database]:
    opened = Database(database.url, "owner", size=1)
    yield opened
    opened.close()


def attributed(ingest: Database, message: Message, *, simulation: bool = False) -> UUID | str:
    """The patient, or the reason why there is none."""
    (element,) = decode(message)
    with ingest.transaction(INGEST, "test", NOW) as tx:
        book = registry.load(tx, {element.gateway}, {element.device} if element.device else set())
    found = registry.attribute(book, registry.arrived(book, element, simulation=simulation), simulation=simulation)
    return found.reason if isinstance(found, Rejected) else found


def spo2(gateway: str, at: datetime = NOW, **members: Any) -> Message:
    return measured(gateway, at, ("spo2", 95, "%"), received_at=NOW, **members)


def serve(owner: Database, gateway: str, patient: UUID, start: datetime, end: datetime | None = None) -> None:
    with owner.transaction(INGEST, "test", NOW) as tx:
        tx.execute(
            "INSERT INTO assignment (id, patient, gateway, during) VALUES (%s, %s, %s, tstzrange(%s, %s))",
            (uuid4(), patient, gateway, start, end),
        )


def gateway(owner: Database, who: Cast, **columns: Any) -> str:
    """A gateway that serves nobody yet."""
    name = f"bare-{uuid4().hex[:8]}"
    with owner.transaction(INGEST, "test", NOW) as tx:
        tx.execute(
            "INSERT INTO gateway (id, centre, secret_hash, registered_at, simulated, revoked_at) VALUES (%s, %s, 'x', %s, %s, %s)",
            (name, who.centre, NOW, columns.get("simulated", False), columns.get("revoked_at")),
        )
    return name


def test_eva_is_found_by_her_tablet_named_or_not(ingest: Database, who: Cast) -> None:
    assert attributed(ingest, spo2(who.tablet)) == who.eva
    assert attributed(ingest, spo2(who.tablet, patient=str(who.eva))) == who.eva
    assert attributed(ingest, spo2(who.tablet, patient=str(who.eva).upper())) == who.eva


def test_unknown_and_somebody_elses_get_one_and_the_same_answer(ingest: Database, who: Cast) -> None:
    other, _ = who.patient(None)
    answers = set()
    for patient in (str(uuid4()), str(other)):
        (element,) = decode(spo2(who.tablet, patient=patient))
        with ingest.transaction(INGEST, "test", NOW) as tx:
            answers.add(registry.attribute(registry.load(tx, {who.tablet}, set()), element, simulation=False))
    assert answers == {registry.NOT_ATTRIBUTABLE}


def test_an_unknown_or_revoked_gateway_speaks_for_nobody(ingest: Database, owner: Database, who: Cast) -> None:
    assert attributed(ingest, spo2("nobody-knows-it", patient=str(who.eva))) == "not_attributable"
    for revoked_at, expected in ((NOW, "not_attributable"), (NOW - DAY, "not_attributable"), (NOW + DAY, who.eva)):
        lent = gateway(owner, who, revoked_at=revoked_at)
        serve(owner, lent, who.eva, NOW - DAY)
        assert attributed(ingest, spo2(lent)) == expected


def test_the_assignment_at_the_measured_time_decides_and_not_the_one_now(ingest: Database, owner: Database, who: Cast) -> None:
    before, after = who.patient(None)[0], who.patient(None)[0]
    lent = gateway(owner, who)
    serve(owner, lent, before, NOW - 10 * DAY, NOW - 2 * DAY)
    serve(owner, lent, after, NOW - 2 * DAY)
    assert attributed(ingest, spo2(lent, NOW - 3 * DAY)) == before
    assert attributed(ingest, spo2(lent, NOW - 2 * DAY - timedelta(microseconds=1))) == before
    assert attributed(ingest, spo2(lent, NOW - 2 * DAY)) == after
    assert attributed(ingest, spo2(lent)) == after
    assert attributed(ingest, spo2(lent, NOW - 3 * DAY, patient=str(after))) == "not_attributable"
    assert attributed(ingest, spo2(lent, NOW - 10 * DAY, patient=str(before))) == before
    assert attributed(ingest, spo2(lent, NOW - 11 * DAY, patient=str(before))) == "not_attributable"


def test_without_a_name_exactly_one_must_be_served_at_that_time(ingest: Database, owner: Database, who: Cast) -> None:
    wife, husband = who.patient(None)[0], who.patient(None)[0]
    shared = gateway(owner, who)
    assert attributed(ingest, spo2(shared)) == "patient_ambiguous"
    serve(owner, shared, wife, NOW - 10 * DAY)
    serve(owner, shared, husband, NOW - 2 * DAY)
    assert attributed(ingest, spo2(shared)) == "patient_ambiguous"
    assert attributed(ingest, spo2(shared, patient=str(husband))) == husband
    assert attributed(ingest, spo2(shared, NOW - 3 * DAY)) == wife
    assert attributed(ingest, spo2(shared, NOW - 20 * DAY)) == "patient_ambiguous"


def test_a_clock_that_runs_ahead_is_attributed_when_it_came(ingest: Database, owner: Database, who: Cast) -> None:
    patient = who.patient(None)[0]
    lent = gateway(owner, who)
    serve(owner, lent, patient, NOW - DAY, NOW + DAY)
    assert attributed(ingest, spo2(lent, NOW + 300 * DAY)) == patient


def test_a_device_that_was_lent_to_somebody_else_is_not_attributed(ingest: Database, who: Cast) -> None:
    other = who.patient(None)[0]
    serial = f"oxi-{uuid4().hex[:8]}"
    who.device(serial, other, NOW - 10 * DAY, NOW - 2 * DAY)
    who.device(serial, who.eva, NOW - DAY)
    assert attributed(ingest, spo2(who.tablet, device=serial)) == who.eva
    assert attributed(ingest, spo2(who.tablet, NOW - 3 * DAY, device=serial)) == "not_attributable"


def test_a_registered_device_that_is_lent_to_nobody_is_not_attributed(ingest: Database, who: Cast) -> None:
    serial = f"oxi-{uuid4().hex[:8]}"
    who.device(serial, who.eva, NOW - 10 * DAY, NOW - 2 * DAY)
    assert attributed(ingest, spo2(who.tablet, NOW - DAY, device=serial)) == "not_attributable"


def test_of_a_device_that_is_not_registered_nothing_is_concluded(ingest: Database, who: Cast) -> None:
    assert attributed(ingest, spo2(who.tablet, device="a private scale")) == who.eva


def test_an_invalidation_is_attributed_at_its_arrival(ingest: Database, owner: Database, who: Cast) -> None:
    patient = who.patient(None)[0]
    lent = gateway(owner, who)
    serve(owner, lent, patient, NOW - 10 * DAY, NOW - DAY)
    body = b'{"id": "%s", "invalidates": "%s", "reason": "r"}' % (str(uuid4()).encode(), str(uuid4()).encode())
    assert attributed(ingest, raw(lent, body, NOW - 2 * DAY)) == patient
    assert attributed(ingest, raw(lent, body, NOW)) == "patient_ambiguous"


def test_a_simulated_gateway_is_refused_outside_a_simulation(ingest: Database, owner: Database, who: Cast) -> None:
    patient = who.patient(None)[0]
    simulated = gateway(owner, who, simulated=True)
    serve(owner, simulated, patient, NOW - 300 * DAY)
    assert attributed(ingest, spo2(simulated), simulation=False) == "not_attributable"
    assert attributed(ingest, spo2(simulated), simulation=True) == patient


def arrived(ingest: Database, message: Message, *, simulation: bool) -> Element:
    (element,) = decode(message)
    with ingest.transaction(INGEST, "test", NOW) as tx:
        return registry.arrived(registry.load(tx, {element.gateway}, set()), element, simulation=simulation)


def test_the_simulators_arrival_time_counts_for_its_gateways_in_a_simulation_alone(ingest: Database, owner: Database, who: Cast) -> None:
    past = NOW - 5 * DAY
    mark = {"x-arrived-at": (past + timedelta(minutes=1)).isoformat()}
    simulated = gateway(owner, who, simulated=True)
    played = arrived(ingest, spo2(simulated, past, **mark), simulation=True)
    assert played.received_at == past + timedelta(minutes=1)
    assert arrived(ingest, spo2(simulated, past, **mark), simulation=False).received_at == NOW
    assert arrived(ingest, spo2(who.tablet, past, **mark), simulation=True).received_at == NOW
    assert arrived(ingest, spo2(simulated, past, **{"x-arrived-at": 5}), simulation=True).received_at == NOW
    assert arrived(ingest, spo2(simulated, past, **{"x-arrived-at": "soon"}), simulation=True).received_at == NOW
    body = b'{"id": "%s", "invalidates": "%s", "reason": "r", "x-arrived-at": "2026-11-10T08:00:00Z"}' % (
        str(uuid4()).encode(),
        str(uuid4()).encode(),
    )
    what = arrived(ingest, raw(simulated, body, NOW), simulation=True).what
    assert isinstance(what, Invalidation)
    assert what.received_at == datetime(2026, 11, 10, 8, tzinfo=UTC)


def test_a_clock_is_suspect_against_the_simulated_arrival(ingest: Database, owner: Database, who: Cast) -> None:
    simulated = gateway(owner, who, simulated=True)
    said_to_arrive = NOW - 5 * DAY
    what = arrived(ingest, spo2(simulated, NOW - 4 * DAY, **{"x-arrived-at": said_to_arrive.isoformat()}), simulation=True).what
    assert isinstance(what, Reading)
    assert (what.clock_suspect, what.measured_at) == (True, said_to_arrive)
