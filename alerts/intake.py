"""The straight line: bytes in, receipts out. Open this file first.

A batch is a transaction. Whatever queued while the former one ran is decoded, attributed, compared with what is known, judged, stored
and journalled together; acknowledgements and receipts follow the commit. A message that fails is quarantined alone and never takes
its neighbours along.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from alerts import consequences, store
from alerts.answering import Answers
from alerts.consequences import Consequences
from alerts.judging import Case, Judge
from devices import counters, inbox, observations, quarantine, registry, status
from devices.counters import Counter
from devices.decode import Element, decode
from devices.message import Message
from devices.reading import Invalidation, Reading, Rejected
from devices.receipts import Receipt
from dho.db import INGEST, Actor, Database, TransientDatabaseError, Tx
from dho.log import Log
from dho.observation import Observation

log = Log(__name__)


@dataclass(slots=True)
class Arrival:
    """One element on its way through: whose it is, and what became of it (None until known)."""

    element: Element
    patient: UUID | None = None
    fate: str | None = None
    rejected: Rejected | None = None
    receipt: bytes = b""


@dataclass(slots=True)
class Batch:
    """What one transaction takes in."""

    arrivals: list[Arrival]
    cases: dict[UUID, Case] = field(default_factory=dict)
    stored: list[Arrival] = field(default_factory=list)


class Intake:
    """Takes batches of messages for one writer (`ingest-0`, `serve`, `import`)."""

    def __init__(self, database: Database, writer: str, *, simulation: bool = False, performer: Actor = INGEST) -> None:
        self._database, self._writer, self._simulation, self._performer = database, writer, simulation, performer
        self._judge = Judge()

    def take(self, messages: Sequence[Message], now: datetime) -> list[Receipt]:
        """Store, judge and answer these messages. Nothing is lost: what cannot be processed is quarantined alone.

        Raises `TransientDatabaseError`: nothing of the batch was kept, and the same batch may be tried again.
        """
        try:
            return self._together(messages, now)
        except TransientDatabaseError:
            raise
        except Exception:
            log.error("a batch failed", batch=len(messages))
            if len(messages) == 1:
                return self._isolate(messages[0], now)
        middle = len(messages) // 2
        return [*self.take(messages[:middle], now), *self.take(messages[middle:], now)]

    def _together(self, messages: Sequence[Message], now: datetime) -> list[Receipt]:
        batch = Batch([Arrival(element) for message in messages for element in decode(message)])
        with self._database.transaction(self._performer, "intake", now, "ingest") as tx:
            attribute(tx, batch, self._simulation)
            batch.cases = {p: Case(locked) for p, locked in store.lock_patients(tx, _patients(batch)).items()}
            compare(tx, batch)
            cases = list(batch.cases.values())
            self._judge.judge(tx, cases)
            outcome = consequences.draw(tx, cases)
            receipts = self._answer(batch, outcome, now)
            self._write(tx, batch, cases, outcome)
        self._judge.remember(cases)
        return receipts

    def _answer(self, batch: Batch, outcome: Consequences, now: datetime) -> list[Receipt]:
        answers = Answers(batch.cases, outcome, now)
        return [receipt for arrival in batch.arrivals if (receipt := answers.to(arrival)) is not None]

    def _write(self, tx: Tx, batch: Batch, cases: list[Case], outcome: Consequences) -> None:
        """Identity, values, refusals, standing, counters; the journal and the feed last."""
        inbox.insert(tx, [inbox.row(a.element, a.patient, a.receipt, self._performer.person) for a in batch.stored if a.patient])
        observations.insert(tx, [o for case in cases for o in case.observations])
        inbox.invalidate(tx, [(a.patient, a.element) for a in batch.stored if isinstance(a.element.what, Invalidation)])
        quarantine.insert(tx, [(a.element, a.rejected) for a in batch.arrivals if a.rejected])
        status.hear(tx, [a.element for a in batch.arrivals])
        if cases:
            self._judge.save(tx, cases, max(a.element.received_at for a in batch.arrivals))
        outcome.record(tx)
        counters.add(tx, self._writer, _counted(batch))

    def _isolate(self, message: Message, now: datetime) -> list[Receipt]:
        """The one message that our own code or the database could not take: keep its bytes, tell its sender."""
        refusals = [(element, Rejected("not_processable", "This could not be processed; its bytes are kept.")) for element in decode(message)]
        batch = Batch([Arrival(element, fate="quarantined", rejected=rejected) for element, rejected in refusals])
        with self._database.transaction(self._performer, "intake", now, "ingest") as tx:
            quarantine.insert(tx, refusals)
            counters.add(tx, self._writer, _counted(batch))
        return self._answer(batch, Consequences({}, {}), now)


def attribute(tx: Tx, batch: Batch, simulation: bool) -> None:
    """About whom is each reading? By the assignment valid when it was measured."""
    book = registry.load(tx, {a.element.gateway for a in batch.arrivals}, {d for a in batch.arrivals if (d := a.element.device)})
    for arrival in batch.arrivals:
        what = arrival.element.what
        if isinstance(what, Reading | Invalidation):
            found = registry.attribute(book, arrival.element, simulation=simulation)
            if isinstance(found, UUID):
                arrival.patient = found
            else:
                what = found
        if isinstance(what, Rejected):
            arrival.rejected, arrival.fate = what, "quarantined"


def compare(tx: Tx, batch: Batch) -> None:
    """What is new, what came before, and what reuses an id for something else; new readings become observations of their case."""
    waiting = [a for a in batch.arrivals if a.patient in batch.cases]
    known = inbox.known(tx, [(a.patient, a.element.uplink) for a in waiting if a.patient and a.element.uplink])
    for arrival in waiting:
        patient, uplink = arrival.patient, arrival.element.uplink
        assert patient is not None and uplink is not None
        digest = inbox.digest(arrival.element, patient)
        if (patient, uplink) in known:
            same = known[patient, uplink] == digest
            arrival.fate = "duplicate" if same else "quarantined"
            arrival.rejected = None if same else Rejected("id_conflict", "This id was used before for something else: send it under a new id.")
            continue
        known[patient, uplink] = digest
        arrival.fate = "stored"
        batch.stored.append(arrival)
    withdrawn = inbox.measured_at(tx, [(a.patient, a.element.what.invalidates) for a in batch.stored if a.patient and isinstance(a.element.what, Invalidation)])
    for arrival in batch.stored:
        assert arrival.patient is not None
        case = batch.cases[arrival.patient]
        if isinstance(arrival.element.what, Reading):
            case.observations += _observations(arrival.element, arrival.patient, case)
    for (patient, uplink), at in withdrawn.items():
        batch.cases[patient].withdrawn[uplink] = at
    _leave_out_invalidated(tx, batch)


def _observations(element: Element, patient: UUID, case: Case) -> list[Observation]:
    newest = case.locked.newest_measured_at
    reading = element.what
    assert isinstance(reading, Reading)
    return observations.of(element, patient, late=newest is not None and reading.measured_at < newest)


def _leave_out_invalidated(tx: Tx, batch: Batch) -> None:
    """An invalidation that came before its reading waited for it: stored, but never judged."""


def _patients(batch: Batch) -> set[UUID]:
    return {a.patient for a in batch.arrivals if a.patient is not None}


def _counted(batch: Batch) -> Counter:
    counter = Counter()
    for arrival in batch.arrivals:
        counter.count(arrival.element, arrival.fate, arrival.rejected)
    return counter
