"""The only file that reads the wall clock.

Time is an argument everywhere else: a shell reads it once at the door and passes `now` on. Under test all roles read it from the
file named by `DHO_TEST_CLOCK` (one RFC 3339 instant), so that a test can move a whole running system to Easter or to a clock-change
night. `dho.db` refuses to start with such a clock unless the database is marked as a test database.
"""

import os
from datetime import UTC, datetime
from pathlib import Path

TEST_CLOCK = "DHO_TEST_CLOCK"


def now() -> datetime:
    """The present instant, aware, in UTC, to the microsecond."""
    path = os.environ.get(TEST_CLOCK)
    if path:
        return datetime.fromisoformat(Path(path).read_text().strip()).astimezone(UTC)
    return datetime.now(UTC)


def is_test_clock() -> bool:
    """True if this process reads its time from a file."""
    return bool(os.environ.get(TEST_CLOCK))
