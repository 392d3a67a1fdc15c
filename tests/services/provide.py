"""Fetch every service that this machine can have: `python -m tests.services.provide`. Quick when all is there.

Always ends well; what could not be had is said here and named again at the end of the tests that needed it.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.services import debian, pglite
from tests.services.catalogue import SERVICES, chromium_path
from tests.services.engine import engine
from tests.services.postgres import BOOKWORM, HOST15, TRIXIE


def main() -> int:
    begun = time.monotonic()
    with ThreadPoolExecutor() as threads:
        waiting = {what: threads.submit(work) for what, work in _work().items()}
    for what, future in waiting.items():
        error = future.exception()
        if error is not None:
            print(f"could not fetch {what}: {error}")
    for service in SERVICES.values():
        print(f"{service.what}: {service.missing() or 'ready'}")
    print(f"services took {time.monotonic() - begun:.0f} s")
    return 0


def _work() -> dict[str, Callable[[], None]]:
    """What is worth fetching here, by name."""
    work: dict[str, Callable[[], None]] = {"TimescaleDB Community in WebAssembly": pglite.provide}
    if not debian.is_debian_root():
        return work
    if chromium_path() is None:
        work["Chromium"] = lambda: debian.install("chromium")
    if engine() is None:
        work["TimescaleDB and Mosquitto"] = lambda: _root(TRIXIE)
    if not (HOST15 / "postgres").exists():
        work["PostgreSQL 15"] = lambda: _root(BOOKWORM)
    return work


def _root(root: debian.Root) -> None:
    debian.install("debootstrap")
    debian.make_root(root)


if __name__ == "__main__":
    sys.exit(main())
