"""Send what waits in the outbox, and try again until it arrived."""

from datetime import datetime, timedelta

from alerts.store import SQL
from devices.publisher import NotDelivered, Publisher
from dho.db import WATCH, Database
from dho.log import Log

log = Log(__name__)
AT_ONCE = 200
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=2), timedelta(minutes=5)


def send_waiting(database: Database, publisher: Publisher, now: datetime) -> int:
    """Send up to `AT_ONCE` rows; each is marked with what became of it. Returns how many were sent."""
    with database.transaction(WATCH, "outbox", now) as tx:
        rows = tx.rows(SQL["claim_outbox"], {"now": now, "limit": AT_ONCE})
        if not rows:
            return 0
        sent, again, failures = [], [], []
        for row in rows:
            try:
                publisher.publish(row.target, bytes(row.payload), retain=row.retain)
                outcome: tuple[datetime | None, str | None] = (now, None)
            except NotDelivered as error:
                outcome = (None, str(error))
            sent.append(outcome[0])
            failures.append(outcome[1])
            again.append(now + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(row.attempts, 10)))
        tx.execute(SQL["settle_outbox"], {"ids": [r.id for r in rows], "sent": sent, "again": again, "failures": failures})
        return sum(at is not None for at in sent)
