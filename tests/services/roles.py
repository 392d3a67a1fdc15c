"""`dho ingest`, `dho watch` and `dho serve` as processes of their own, ended with the test."""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from signal import SIGKILL, SIGTERM
from typing import Any

from dho.child_process import start_child, stop_child
from tests.services.processes import free_port, wait_for

SECRET = "a-key-for-tests-that-is-long-enough-to-be-taken"


class Role:
    """One running `dho` command, with `environment` as its only `DHO_*` settings. `url` is where `serve` answers."""

    def __init__(self, arguments: tuple[str, ...], directory: Path, environment: Mapping[str, str]) -> None:
        self.arguments = arguments
        self._already = 0
        self.url = f"http://127.0.0.1:{environment['DHO_HTTP_PORT']}"
        self._log = directory / f"{'-'.join(part.strip('-') for part in arguments)}.log"
        self._directory, self._environment = directory, dict(environment)
        self.start()

    def start(self) -> None:
        """Start it, or start it again after `kill` or `stop`, with the same settings."""
        self._already = len(self.log)
        forget = [part for name in os.environ if name.startswith("DHO_") for part in ("-u", name)]
        settings = [f"{name}={value}" for name, value in self._environment.items()]
        command = ["env", *forget, *settings, sys.executable, "-m", "dho", *self.arguments]
        with self._log.open("ab") as output:
            self.process = start_child(command, output=output, directory=self._directory, end_signal=SIGKILL)

    def wait_until_ready(self, seconds: float = 30) -> "Role":
        """`serve` answers /readyz with 200; the others have logged that they are ready."""
        wait_for(f"dho {' '.join(self.arguments)} is ready", self._is_ready, seconds, self._log)
        return self

    def stop(self) -> None:
        """The clean way."""
        stop_child(self.process, (SIGTERM, SIGKILL), 20)

    def kill(self) -> None:
        """Without any warning."""
        stop_child(self.process, (SIGKILL,), 20)

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Its structured log lines."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def _is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"dho {' '.join(self.arguments)} ended with status {self.process.returncode}:\n{self.log[-3000:]}")
        if self.arguments[0] != "serve":
            return '"did": "ready"' in self.log[self._already :]
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


def environment(database_url: str, broker_url: str, directory: Path, clock: Path | None) -> dict[str, str]:
    """What every role of a test is given."""
    given = {
        "DHO_DATABASE_URL": database_url,
        "DHO_MQTT_URL": broker_url,
        "DHO_SECRET_KEY": SECRET,
        "DHO_DATA_DIR": str(directory / "data"),
        "DHO_HTTP_PORT": str(free_port()),
        "DHO_FEED_HEARTBEAT_S": "1",
        "DHO_LOG_LEVEL": "debug",
    }
    if clock is not None:
        given["DHO_TEST_CLOCK"] = str(clock)
    return given
