"""Conservation: `received = stored + duplicate + quarantined`, true at every instant.

The counters are rows, written in the transaction of the batch that they count, one set of rows per writer so that workers never wait
for each other. Whoever reads adds up.
"""

from collections import Counter as Tally
from dataclasses import dataclass, field

from devices.reading import Element, Ignored, Rejected
from dho.db import Tx
from dho.sql import queries

SQL = queries("devices")


@dataclass(slots=True)
class Counter:
    """What became of the elements of one batch, by (name, reason)."""

    rows: Tally[tuple[str, str]] = field(default_factory=Tally)

    def count(self, element: Element, fate: str | None, rejected: Rejected | None = None) -> None:
        """Count one element: `fate` is stored, duplicate or quarantined (then with its reason). Status and `seen` are no part of it."""
        if isinstance(element.what, Ignored):
            self.rows["ignored", element.what.reason] += 1
        elif element.counted:
            if fate not in ("stored", "duplicate", "quarantined"):
                raise ValueError(f"an element was received and nothing became of it: {fate}")
            self.rows["received", ""] += 1
            self.rows[fate, rejected.reason if fate == "quarantined" and rejected else ""] += 1


def add(tx: Tx, writer: str, counter: Counter) -> None:
    """Add a batch to the writer's counters, in the batch's own transaction."""
    if not counter.rows:
        return
    rows = sorted(counter.rows.items())  # always in the same order, so that two transactions of one writer cannot block each other
    tx.execute(
        SQL["add_to_counters"],
        {
            "writer": writer,
            "names": [name for (name, _), _ in rows],
            "reasons": [reason for (_, reason), _ in rows],
            "values": [value for _, value in rows],
        },
    )


def totals(tx: Tx) -> dict[tuple[str, str], int]:
    """The sums over all writers, by (name, reason): what `/metrics` shows."""
    return {(name, reason): value for name, reason, value in tx.execute(SQL["counter_totals"])}
