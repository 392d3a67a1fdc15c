"""The words for what was measured: Reading is what a device said, Observation is a fact about a patient.

Between the two stands attribution (`devices/registry.py`): devices are lent on, and that is the one line where one patient's blood
pressure could land in another's record.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct


class Value(Struct, frozen=True, gc=False):
    """One value of a reading: the measurement in its canonical unit, and beside it exactly what was sent."""

    measurement: str
    code: str
    value: Decimal | str
    unit: str
    sent_value: str
    sent_unit: str


class Observation(Struct, frozen=True, gc=False):
    """A fact about one patient: one value, true at one instant.

    `measured_at` orders it and places it in windows; `received_at` drives deadlines. `measurement` is a name from `dho.codes`, or
    `answer:<questionnaire>:<question>` for an answer (then `code` is the question and `unit` is empty). `uplink` is the id that the
    sender gave, `position` the place among that uplink's values; (`measured_at`, `uplink`, `position`) is the clinical order.
    `late` says that a newer reading of the patient was already known when it arrived. With `clock_suspect` the sender's clock ran more
    than five minutes ahead and `measured_at` is the time it was received. `sent_value` and `sent_unit` are as they were sent.
    """

    patient: UUID
    uplink: UUID
    position: int
    measurement: str
    code: str
    value: Decimal | str
    unit: str
    measured_at: datetime
    received_at: datetime
    source: str = "device"
    oxygen_l_min: Decimal | None = None
    late: bool = False
    clock_suspect: bool = False
    sent_value: str = ""
    sent_unit: str = ""
