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
from devices import counters, inbox, observations, quarantine, questionnaires, registry, status
from devices.counters import Counter
from devices.decode import decode
from devices.message import Message
from devices.questionnaires import Filled
from devices.reading import Element, Invalidation, Reading, Rejected
from devices.receipts import Receipt
from dho.db import INGEST, Actor, Database, TransientDatabaseError, Tx
from dho.log import Log
from dho.questionnaire import Shelf

log = Log(__name__)
ID_CONFLICT = Rejected("id_conflict", "This id was used before for something else: send it under a new id.")
NOT_PROCESSABLE = Rejected("not_processable", "This could not be processed; its bytes are kept, and somebody looks at them.")


@dataclass(slots=True)
class Arrival:
    """One element on its way through: about whom it is, and what became of it."""

    element: Element
    patient: UUID | None = None
    fate: str | None = None
    rejected: Rejected | None = None
    late: bool = False
    receipt: Receipt | None = None


@dataclass(slots=True)
class Batch:
    """What one transaction takes in."""

    arrivals: list[Arrival]
    cases: dict[UUID, Case] = field(default_factory=dict)
    heard: dict[str, datetime] = field(default_factory=dict)
    shelf: Shelf = questionnaires.SHIPPED
    forms: list[Filled] = field(default_factory=list)

    @property
    def stored(self) -> list[Arrival]:
        """What is new and kept."""
        return [arrival for arrival in self.arrivals if arrival.fate == "stored"]


class Intake:
    """Takes batches for one writer (`ingest-0`, `serve`, `import`), on behalf of the plan or of a member of staff."""

    def __init__(self, database: Database, writer: str, *, simulation: bool = False, performer: Actor = INGEST) -> None:
        self._database, self._writer, self._simulation, self._performer = database, writer, simulation, performer
        self._judge = Judge()
        self._heard: dict[str, datetime] = {}

    def take(self, messages: Sequence[Message], now: datetime, *, about: UUID | None = None) -> list[Receipt]:
        """Store, judge and answer these messages; receipts come in their order. What cannot be processed is quarantined alone.

        `about` names the patient where no gateway does: a value entered by staff, or history that is imported. Raises
        `TransientDatabaseError`: nothing of the batch was kept, and the same batch may be tried again.
        """
        try:
            return self._take_together(messages, now, about)
        except TransientDatabaseError:
            raise
        except Exception:
            log.error("a batch failed", batch=len(messages))
        if len(messages) == 1:
            return self._isolate(messages[0], now)
        middle = len(messages) // 2
        return [*self.take(messages[:middle], now, about=about), *self.take(messages[middle:], now, about=about)]

    def _take_together(self, messages: Sequence[Message], now: datetime, about: UUID | None) -> list[Receipt]:
        batch = Batch([Arrival(element) for message in messages for element in decode(message)])
        with self._database.transaction(self._performer, "intake", now, "ingest") as tx:
            attribute(tx, batch, about, self._simulation)
            batch.cases = open_cases(tx, batch, self._simulation)
            compare(tx, batch)
            cases = list(batch.cases.values())
            self._judge.judge(tx, cases)
            outcome = consequences.draw(tx, cases)
            answer(batch, outcome, now)
            self._write(tx, batch, cases, outcome)
        self._judge.remember(cases)
        if not self._simulation:
            self._heard |= batch.heard
        return [arrival.receipt for arrival in batch.arrivals if arrival.receipt is not None]

    def _write(self, tx: Tx, batch: Batch, cases: list[Case], outcome: Consequences) -> None:
        """Identity, values, refusals, standing, counters; the journal and the feed last."""
        stored = batch.stored
        inbox.insert(
            tx, [inbox.row(a.element, a.patient, a.receipt.body, self._performer.person) for a in stored if a.patient and a.receipt]
        )
        observations.insert(tx, [o for case in cases for o in (*case.observations, *case.set_aside)])
        quarantine.insert(tx, [(a.element, a.rejected) for a in batch.arrivals if a.rejected])
        questionnaires.insert(tx, batch.forms)
        inbox.invalidate(tx, [(a.patient, a.element) for a in stored if a.patient and isinstance(a.element.what, Invalidation)])
        batch.heard = status.hear(tx, [a.element for a in batch.arrivals], self._heard)
        if cases:
            self._judge.save(tx, cases, heard=True)
        counters.add(tx, self._writer, _counted(batch))
        outcome.record(tx)

    def _isolate(self, message: Message, now: datetime) -> list[Receipt]:
        """The one message that our own code or the database could not take: keep its bytes, tell its sender."""
        batch = Batch([Arrival(element, fate="quarantined", rejected=NOT_PROCESSABLE) for element in decode(message)])
        with self._database.transaction(self._performer, "intake", now, "ingest") as tx:
            quarantine.insert(tx, [(a.element, NOT_PROCESSABLE) for a in batch.arrivals])
            counters.add(tx, self._writer, _counted(batch))
        answer(batch, Consequences({}, {}), now)
        return [arrival.receipt for arrival in batch.arrivals if arrival.receipt is not None]


def attribute(tx: Tx, batch: Batch, about: UUID | None, simulation: bool) -> None:
    """About whom is each element? By the assignment valid when it was measured. And are answers such as their questionnaire knows?"""
    book = registry.load(tx, {a.element.gateway for a in batch.arrivals}, {d for a in batch.arrivals if (d := a.element.device)})
    batch.shelf = questionnaires.load(tx, questionnaires.asked_in([a.element for a in batch.arrivals]))
    for arrival in batch.arrivals:
        arrival.element = registry.arrived(book, questionnaires.checked(batch.shelf, arrival.element), simulation=simulation)
        what = arrival.element.what
        if isinstance(what, Reading | Invalidation):
            found = about or registry.attribute(book, arrival.element, simulation=simulation)
            if isinstance(found, UUID):
                arrival.patient = found
                continue
            what = found
        if isinstance(what, Rejected):
            arrival.rejected, arrival.fate = what, "quarantined"


def open_cases(tx: Tx, batch: Batch, simulation: bool) -> dict[UUID, Case]:
    """Lock everybody the batch is about. A simulated patient whose past is being played lives at the simulator's time."""
    newest: dict[UUID, datetime] = {}
    for arrival in batch.arrivals:
        if arrival.patient is not None:
            at = arrival.element.received_at
            newest[arrival.patient] = max(at, newest.get(arrival.patient, at))
    locked = store.lock_patients(tx, newest)
    return {p: Case(row, newest[p] if simulation and row.kind == "simulated" else tx.now) for p, row in locked.items()}


def compare(tx: Tx, batch: Batch) -> None:
    """What is new, what came before, and what reuses an id for something else. The lock makes a plain look-up decide."""
    waiting = [a for a in batch.arrivals if a.patient in batch.cases]
    known, invalid = inbox.look_up(tx, [(a.patient, a.element.uplink) for a in waiting if a.patient and a.element.uplink])
    for arrival in waiting:
        patient, what = arrival.patient, arrival.element.what
        assert patient is not None
        assert isinstance(what, Reading | Invalidation)
        digest = known.setdefault((patient, what.uplink), what.digest)
        if digest is what.digest:
            arrival.fate = "stored"
        elif digest == what.digest:
            arrival.fate = "duplicate"
        else:
            arrival.fate, arrival.rejected = "quarantined", ID_CONFLICT
    _withdraw(tx, batch)
    _observe(batch, invalid)


def _withdraw(tx: Tx, batch: Batch) -> None:
    """Readings that an invalidation takes out, if they have come already; it waits for the others."""
    named = [(a.patient, a.element.what.invalidates) for a in batch.stored if a.patient and isinstance(a.element.what, Invalidation)]
    for (patient, uplink), at in inbox.measured_at(tx, named).items():
        batch.cases[patient].withdrawn[uplink] = at


def _observe(batch: Batch, invalid: set[inbox.Key]) -> None:
    """New readings become facts of their case, in the order they came; one that was invalidated before it came is stored and not judged."""
    invalid |= {(a.patient, a.element.what.invalidates) for a in batch.stored if a.patient and isinstance(a.element.what, Invalidation)}
    newest = {patient: case.locked.newest_measured_at for patient, case in batch.cases.items()}
    for arrival in batch.stored:
        patient, what = arrival.patient, arrival.element.what
        if patient is None or not isinstance(what, Reading):
            continue
        before = newest[patient]
        arrival.late = before is not None and what.measured_at < before
        newest[patient] = what.measured_at if before is None else max(before, what.measured_at)
        case = batch.cases[patient]
        facts = observations.of(arrival.element, patient, late=arrival.late)
        if (form := questionnaires.filled(batch.shelf, arrival.element, patient, facts)) is not None:
            batch.forms.append(form)
        (case.set_aside if (patient, what.uplink) in invalid else case.observations).extend(facts)


def answer(batch: Batch, outcome: Consequences, now: datetime) -> None:
    """A receipt for every element whose sender gets one."""
    answers = Answers(batch.cases, outcome, now)
    for arrival in batch.arrivals:
        if not arrival.element.counted:
            continue
        if arrival.rejected:
            arrival.receipt = answers.rejected(arrival.element, arrival.rejected, arrival.patient)
        elif arrival.patient is not None:
            arrival.receipt = answers.stored(arrival.element, arrival.patient, duplicate=arrival.fate == "duplicate", late=arrival.late)


def _counted(batch: Batch) -> Counter:
    counter = Counter()
    for arrival in batch.arrivals:
        counter.count(arrival.element, arrival.fate, arrival.rejected)
    return counter
