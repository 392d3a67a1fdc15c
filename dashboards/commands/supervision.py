"""Child processes under supervision: what dies is started again, and all of them end with us, also when we are killed."""

import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import IO

from dho.child_process import start_child, stop_child
from dho.errors import DhoError
from dho.log import Log

log = Log(__name__)
FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
STEADY_AFTER_S = 60.0
LOOK_EVERY_S = 0.2
PATIENCE_S = 10.0
HOPELESS = 5  # deaths in a row without a steady minute, before anybody was ready


class RoleFailed(DhoError):
    """A part of the service does not stay up."""

    code = "role_failed"


@dataclass(slots=True)
class Child:
    """One `dho` command kept running. `output` is its log file; None leaves it on our own standard error."""

    name: str
    arguments: Sequence[str]
    output: Path | None = None
    process: "Popen[bytes] | None" = None
    deaths: int = 0
    started_at: float = 0.0
    start_again_at: float | None = None
    _file: IO[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it, with our environment."""
        if self.output is not None and self._file is None:
            self._file = self.output.open("ab")
        self.process = start_child([sys.executable, "-m", "dho", *self.arguments], output=self._file)
        self.started_at, self.start_again_at = time.monotonic(), None

    def last_words(self) -> str:
        """The end of its log, for a sentence about why it does not run."""
        if self.output is None or not self.output.exists():
            return ""
        lines = self.output.read_text(errors="replace").splitlines()
        plain = [line for line in lines if line.startswith("dho: ")]
        return (plain or lines or [""])[-1].removeprefix("dho: ")


class Supervisor:
    """Starts children and keeps them running. Used from the main thread, because children die with the thread that started them."""

    def __init__(self, children: Sequence[Child]) -> None:
        self.children = list(children)

    def start(self) -> None:
        """Start all of them."""
        for child in self.children:
            child.start()

    def look(self) -> None:
        """Start again whoever has died and whose time has come. Raises `RoleFailed` for one that never stays up."""
        now = time.monotonic()
        for child in self.children:
            assert child.process is not None
            if child.start_again_at is not None:
                if now >= child.start_again_at:
                    child.start()
            elif (status := child.process.poll()) is not None:
                child.deaths = 1 if now - child.started_at > STEADY_AFTER_S else child.deaths + 1
                if child.deaths >= HOPELESS:
                    raise RoleFailed(f"dho {child.name} does not stay up: {child.last_words() or f'it ends with status {status}.'}")
                delay = min(FIRST_DELAY_S * 2 ** (child.deaths - 1), LONGEST_DELAY_S)
                log.warning("a role died", role=child.name, code=status, attempts=child.deaths, waited_ms=int(delay * 1000))
                child.start_again_at = now + delay

    def run(self, stop: threading.Event) -> None:
        """Look after them until `stop` is set."""
        while not stop.wait(LOOK_EVERY_S):
            self.look()

    def stop(self) -> None:
        """End all of them: ask first, all at once, then insist."""
        running = [child.process for child in self.children if child.process is not None and child.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            stop_child(process, (signal.SIGTERM, signal.SIGKILL), PATIENCE_S)
