"""Observations: facts about patients, one row per value. Never updated; identity is the inbox's."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from devices.reading import Element, Reading
from dho.db import Tx
from dho.observation import Observation
from dho.sql import queries

SQL = queries("devices")
TYPES = "timestamptz uuid uuid int2 text text numeric text text text text timestamptz text numeric bool bool"


def of(element: Element, patient: UUID, *, late: bool) -> list[Observation]:
    """The facts that a reading gives about its patient. `late`: a newer reading of the patient was already known."""
    reading = element.what
    assert isinstance(reading, Reading)
    return [
        Observation(
            patient,
            reading.uplink,
            position,
            value.measurement,
            value.code,
            value.value,
            value.unit,
            reading.measured_at,
            reading.received_at,
            reading.source or ("device" if reading.questionnaire is None else "patient"),
            reading.oxygen_l_min,
            late,
            reading.clock_suspect,
            value.sent_value,
            value.sent_unit,
        )
        for position, value in enumerate(reading.values)
    ]


def insert(tx: Tx, observations: Sequence[Observation]) -> None:
    """Store facts, in one statement."""
    if not observations:
        return
    rows = (
        (
            o.measured_at,
            o.patient,
            o.uplink,
            o.position,
            o.measurement,
            o.code,
            o.value if isinstance(o.value, Decimal) else None,
            o.value if isinstance(o.value, str) else None,
            o.unit,
            o.sent_value,
            o.sent_unit,
            o.received_at,
            o.source,
            o.oxygen_l_min,
            o.late,
            o.clock_suspect,
        )
        for o in observations
    )
    tx.copy(SQL["copy_observations"], TYPES, rows)
