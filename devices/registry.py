"""Attribution: about whom is it? By the assignment valid at the measured time.

Devices and tablets are lent on. This is the one line where one patient's blood pressure could land in another's record, so in doubt
nothing is attributed: the element waits in quarantine and its sender is told.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from devices.decode.instants import AHEAD_LIMIT, instant
from devices.reading import Element, Invalidation, Reading, Rejected
from dho.db import Tx
from dho.sql import queries

SQL = queries("devices")
NOT_ATTRIBUTABLE = Rejected("not_attributable", "This cannot be attributed to a patient of this gateway at the time it was measured.")


class Span(NamedTuple):
    """One assignment: from `start` (inclusive) to `end` (exclusive); None is without end."""

    patient: UUID
    start: datetime | None
    end: datetime | None

    def covers(self, at: datetime) -> bool:
        """Whether it was valid at an instant."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


class GatewayEntry(NamedTuple):
    """What the register says of a gateway."""

    simulated: bool
    revoked_at: datetime | None
    spans: list[Span]

    def serves(self, at: datetime) -> set[UUID]:
        """The patients it served at an instant."""
        return {span.patient for span in self.spans if span.covers(at)}


class Book(NamedTuple):
    """The part of the register that a batch needs. Devices that are not registered do not stand in it."""

    gateways: dict[str, GatewayEntry]
    devices: dict[str, list[Span]]


def load(tx: Tx, gateways: Collection[str], devices: Collection[str]) -> Book:
    """Read the register for these gateways and devices, in one statement."""
    book = Book({}, {})
    rows = tx.execute(SQL["register"], {"gateways": list(gateways), "devices": list(devices)}).fetchall()
    for gateway, device, simulated, revoked_at, patient, start, end in rows:
        if gateway is None:
            spans = book.devices.setdefault(device, [])
        else:
            entry = book.gateways.get(gateway)
            if entry is None:
                entry = book.gateways[gateway] = GatewayEntry(simulated, revoked_at, [])
            spans = entry.spans
        if patient is not None:
            spans.append(Span(patient, start, end))
    return book


def attribute(book: Book, element: Element, *, simulation: bool) -> UUID | Rejected:
    """The patient that an understood element is about, or why nobody can be named.

    The gateway must be registered, not revoked when the element arrived, and marked simulated only in a simulation. An invalidation is
    attributed at its arrival. Unknown patients and somebody else's get one and the same answer. A registered device must have been
    lent to the same patient; of one that is not registered nothing is known, so nothing is concluded from it.
    """
    what = element.what
    assert isinstance(what, Reading | Invalidation)
    gateway = book.gateways.get(element.gateway)
    if (
        gateway is None
        or (gateway.revoked_at is not None and gateway.revoked_at <= what.received_at)
        or (gateway.simulated and not simulation)
    ):
        return NOT_ATTRIBUTABLE
    at = what.measured_at if isinstance(what, Reading) else what.received_at
    served = gateway.serves(at)
    patient = what.patient
    if patient is None:
        if len(served) != 1:
            how_many = "several patients" if served else "nobody"
            return Rejected("patient_ambiguous", f"This gateway served {how_many} at that time: name the patient in /patient.")
        patient = next(iter(served))
    if patient not in served:
        return NOT_ATTRIBUTABLE
    lent_to = book.devices.get(what.device) if isinstance(what, Reading) and what.device else None
    if lent_to is not None and not any(span.patient == patient and span.covers(at) for span in lent_to):
        return NOT_ATTRIBUTABLE
    return patient


def arrived(book: Book, element: Element, *, simulation: bool) -> Element:
    """The same element with the arrival time that the simulator gave (`x-arrived-at`), where that counts: a gateway marked simulated, in a
    simulation. Anywhere else it is an unknown member and changes nothing."""
    what = element.what
    if not simulation or not isinstance(what, Reading | Invalidation) or what.arrived is None:
        return element
    gateway = book.gateways.get(element.gateway)
    at = instant(what.arrived)
    if gateway is None or not gateway.simulated or isinstance(at, Rejected):
        return element
    if isinstance(what, Invalidation):
        return msgspec.structs.replace(element, what=msgspec.structs.replace(what, received_at=at))
    suspect = what.taken_at - at > AHEAD_LIMIT
    reading = msgspec.structs.replace(what, received_at=at, measured_at=at if suspect else what.taken_at, clock_suspect=suspect)
    return msgspec.structs.replace(element, what=reading)
