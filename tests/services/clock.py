"""The clock that a test moves: a file that every process under test reads through `DHO_TEST_CLOCK`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path


class MovableClock:
    """Stands still until moved. `path` goes into `DHO_TEST_CLOCK`."""

    def __init__(self, path: Path, now: datetime) -> None:
        self.path = path
        self.set(now)

    @property
    def now(self) -> datetime:
        return self._now

    def set(self, now: datetime) -> None:
        """Move to an instant; readers see the old one or the new one, never half."""
        self._now = now.astimezone(UTC)
        fresh = self.path.with_suffix(".new")
        fresh.write_text(self._now.isoformat())
        fresh.rename(self.path)

    def advance(self, by: timedelta) -> None:
        self.set(self._now + by)
