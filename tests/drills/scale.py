"""How large the drills are: `make test` runs them small, `make drills` (or `DHO_DRILL_SCALE=1`) at full size."""

import os

SCALE = float(os.environ.get("DHO_DRILL_SCALE", "0.075"))


def scaled(full: int, least: int = 1) -> int:
    """So many at this run's scale, but at least `least`."""
    return max(least, round(full * SCALE))
