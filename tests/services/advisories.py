"""Known vulnerabilities of what is installed: `python -m tests.services.advisories`. Fails for any; says so if nobody could be asked."""

import json
import subprocess
import sys

LOCK = "requirements-dev.lock"


def main() -> int:
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "-r",
        LOCK,
        "--require-hashes",
        "--disable-pip",
        "--format=json",
        "--progress-spinner=off",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    try:
        told = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print("pip-audit: the advisory service could not be reached; nothing was audited")
        return 0
    asked = [package for package in told if "skip_reason" not in package]
    found = [(package["name"], package["version"], fault["id"]) for package in asked for fault in package["vulns"]]
    for name, version, fault in found:
        print(f"pip-audit: {name} {version} has {fault}")
    if len(asked) < len(told):
        print(f"pip-audit: the advisory service answered for {len(asked)} of {len(told)} packages; the others were not audited")
    else:
        print(f"pip-audit: {len(told)} packages, {len(found)} known vulnerabilities")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
