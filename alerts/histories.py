"""A patient's stored history for a rehearsal: what was measured and when it came, what people decided, what was withdrawn."""

from datetime import datetime
from uuid import UUID

from alerts.judging import BEGINNING
from alerts.rehearsal import History, Withdrawn
from alerts.store import SQL
from dho.db import Tx
from dho.evaluation import Handled, Rebased
from dho.observation import Observation


def history_of(tx: Tx, patient: UUID, until: datetime) -> History:
    """Everything known of the patient up to `until`. Needs a role that may read observations."""
    rows = tx.rows(SQL["history"], {"patient": patient, "until": until})
    observations = [
        Observation(
            r.patient, r.uplink, r.position, r.measurement, r.code, r.value if r.letter is None else r.letter, r.unit, r.measured_at,
            r.received_at, r.source or "", r.oxygen_l_min, r.late, r.clock_suspect,
        )
        for r in rows
    ]  # fmt: skip
    decided = tx.rows(SQL["staff_facts_after"], {"patients": [patient], "instants": [BEGINNING]})
    decisions = [Handled(r.target, r.at) if r.kind == "handled" else Rebased(r.target, r.at) for r in decided if r.at <= until]
    withdrawn = [Withdrawn(r.uplink, r.at) for r in tx.rows(SQL["withdrawals"], {"patient": patient, "until": until})]
    return History(patient, observations, decisions, withdrawn)
