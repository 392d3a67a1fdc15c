"""The compose client, to read `docker-compose.yml` as an engine would; no engine is needed for that."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.services.debian import INSIDE
from tests.services.postgres import TRIXIE

PLUGIN = "/usr/libexec/docker/cli-plugins/docker-compose"


def _own_client() -> list[str] | None:
    """The machine's own client, or None."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return command
    return None


def missing() -> str | None:
    """Why it cannot be used, in a sentence, or None."""
    return None if _own_client() else TRIXIE.missing()


def compose(folder: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run the client in `folder`, which holds a compose file and what it mounts."""
    own = _own_client()
    if own is not None:
        return subprocess.run([*own, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    inside = ["env", "-C", INSIDE, "HOME=/tmp", PLUGIN, *arguments]
    command = [*TRIXIE.wrap(folder), *TRIXIE.inside(inside, "root")]
    return subprocess.run(command, capture_output=True, text=True, check=False)
