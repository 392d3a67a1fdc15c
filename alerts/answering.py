"""What the sender is told: receipts that say what became of each element, where the patient stands now, and who looks and when."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import UNSET

from alerts.alert import Alert
from alerts.consequences import Consequences
from alerts.judging import Case
from devices import receipts
from devices.reading import Element, Reading, Rejected
from devices.receipts import Attention, Receipt
from dho.codes import BY_NAME
from dho.rules.sight import Seen

SURPRISING_REPEAT_S = 300


class Answers:
    """The receipts of one batch, after it was judged. What is the same for many is worked out once."""

    def __init__(self, cases: Mapping[UUID, Case], outcome: Consequences, now: datetime) -> None:
        self._cases, self._outcome, self._now = cases, outcome, now
        self._open: dict[UUID, list[Alert]] = {}
        for (patient, _), alert in outcome.open.items():
            self._open.setdefault(patient, []).append(alert)
        self._staffed: dict[UUID, tuple[bool, datetime | None]] = {}

    def stored(self, element: Element, patient: UUID, *, duplicate: bool, late: bool) -> Receipt:
        """It is kept: with the zone after the commit, what the plan says to do in it, and whether to measure again."""
        case = self._cases[patient]
        body = receipts.accepted(
            element,
            patient,
            self._attention(patient),
            duplicate=duplicate,
            zone=case.zone,
            advice=self._advice(case),
            repeat_in_s=None if duplicate else self._repeat_in_s(case, element),
            late=late,
        )
        return Receipt(element.gateway, body, "duplicate" if duplicate else "stored", None)

    def rejected(self, element: Element, why: Rejected, patient: UUID | None) -> Receipt:
        """It is not kept as a measurement; its bytes are."""
        known = patient if patient in self._cases else None
        body = receipts.rejected(element, why, self._attention(known) if known else None, known)
        return Receipt(element.gateway, body, "rejected", why.reason)

    def _attention(self, patient: UUID) -> Attention:
        responsible = self._outcome.responsible.get(patient)
        if responsible is None:
            return Attention(False, UNSET, patient in self._open)
        if responsible.centre not in self._staffed:
            self._staffed[responsible.centre] = responsible.hours.is_open(self._now), responsible.hours.next_open(self._now)
        is_open, opens = self._staffed[responsible.centre]
        return Attention(is_open, opens or UNSET, patient in self._open)

    def _advice(self, case: Case) -> str | None:
        """The plan's own words for the zone; a pending red already carries the red call instruction."""
        if case.plan is None or case.zone not in ("yellow", "red"):
            return None
        pending_red = any(alert.state == "pending_confirm" and alert.zone == "red" for alert in self._open.get(case.patient, ()))
        level = "red" if pending_red else case.zone
        return next((str(zone["action"]) for zone in case.plan.zones if zone.get("level") == level and zone.get("action")), None)

    def _repeat_in_s(self, case: Case, element: Element) -> int | None:
        """Seconds within which to measure again: a rule waits for a repeat, or a value is surprising. `no_confirm` skips the latter."""
        reading = element.what
        if not isinstance(reading, Reading):
            return None
        waits = [
            verdict.confirm_until - self._now
            for verdict in case.verdicts
            if verdict.confirm_until and verdict.judged_at == reading.measured_at and verdict.result == "not_evaluable"
        ]
        if waits:
            return max(1, int(min(waits).total_seconds()))
        if any(v.no_confirm and v.result == "fires" and v.judged_at == reading.measured_at for v in case.verdicts):
            return None
        return SURPRISING_REPEAT_S if _is_surprising(reading, case.previous) else None


def _is_surprising(reading: Reading, previous: Mapping[str, Seen]) -> bool:
    """Against the range that is worth asking about, and against the previous valid reading (`dho.codes`)."""
    for value in reading.values:
        row = BY_NAME.get(value.measurement)
        if row is None or isinstance(value.value, str):
            continue
        if row.ask and not row.ask[0] <= value.value <= row.ask[1]:
            return True
        before = previous.get(value.measurement)
        if (
            row.ask_change is not None
            and before is not None
            and before.number is not None
            and abs(value.value - before.number) > row.ask_change
        ):
            return True
    return False
