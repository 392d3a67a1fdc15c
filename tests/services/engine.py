"""A container engine, where there is one: Docker or Podman, asked by its command line."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from tests.services.processes import Kept

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


@dataclass(frozen=True)
class Engine:
    """`program` is `docker` or `podman`."""

    program: str

    def run(self, name: str, service: str, command: Sequence[str], options: Sequence[str], directory: Path, stop: str) -> Kept:
        """One container of the image that `docker-compose.yml` names for `service`, in the foreground under a keeper.

        `stop` is the signal of a clean stop. The container is removed when it ends; what it must keep lies in mounts.
        """
        label = f"{name}-{os.getpid()}"
        start = [self.program, "run", "--rm", f"--name={label}", *self._as_caller(), *options, image(service), *command]
        kill = f"{self.program} kill {label}"
        return Kept(start, directory, stop=f"{self.program} kill --signal={stop} {label}", kill=kill)

    def _as_caller(self) -> list[str]:
        """Run as whoever runs the tests, so that what is written into mounts can be removed again. Root lets the image choose."""
        if os.geteuid() == 0:
            return []
        keep = ["--userns=keep-id"] if self.program == "podman" else []
        return [*keep, f"--user={os.geteuid()}:{os.getegid()}", "--volume=/etc/passwd:/etc/passwd:ro"]


def image(service: str) -> str:
    """The pinned image of a service in `docker-compose.yml`."""
    return str(yaml.safe_load(COMPOSE.read_text())["services"][service]["image"])


@cache
def engine() -> Engine | None:
    """The first engine that answers, or None."""
    for program in ("docker", "podman"):
        if shutil.which(program) and subprocess.run([program, "info"], capture_output=True, check=False).returncode == 0:
            return Engine(program)
    return None
