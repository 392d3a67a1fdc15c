"""The lock files: hashes for everything, the same versions in both, and no address of anybody's registry."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pip._internal.models.index import PyPI

from tests.pure import house

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
NPM_LOCKS = ("package-lock.json", "tests/services/pglite/package-lock.json")
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")


def locked(lock: str) -> dict[str, str]:
    """Version by name."""
    return {name.lower(): version for name, version in REQUIREMENT.findall((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_in_a_lock_has_a_version_and_a_hash(lock: str) -> None:
    text = re.sub(r"\\\n", " ", (ROOT / lock).read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    assert [line for line in lines if "==" not in line or "--hash=sha256:" not in line] == []


def test_both_locks_agree_on_every_version() -> None:
    run, dev = locked(LOCKS[0]), locked(LOCKS[1])
    assert {name: (version, dev.get(name)) for name, version in run.items() if dev.get(name) != version} == {}


def test_all_that_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    asked_dev = [*asked, *project["project"]["optional-dependencies"]["dev"]]
    assert {name_of(requirement) for requirement in asked} - locked(LOCKS[0]).keys() == set()
    assert {name_of(requirement) for requirement in asked_dev} - locked(LOCKS[1]).keys() == set()


@pytest.mark.parametrize("lock", [*LOCKS, *NPM_LOCKS])
def test_a_lock_says_what_and_never_where_from(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert not re.search(r'"resolved"|--index-url|--extra-index-url|--find-links|@ https?:', text)


@pytest.mark.parametrize("lock", NPM_LOCKS)
def test_every_browser_part_has_a_hash(lock: str) -> None:
    packages = json.loads((ROOT / lock).read_text())["packages"]
    assert [name for name, package in packages.items() if name and not package.get("integrity", "").startswith("sha512-")] == []


def registry_hosts() -> set[str]:
    """The hosts that this machine's own package clients fetch from, read from them so that none has to stand in a file."""
    hosts = {PyPI.netloc, PyPI.file_storage_domain}
    if shutil.which("apt-get"):
        told = subprocess.run(["apt-get", "indextargets", "--format", "$(SITE)"], capture_output=True, text=True, check=False)
        hosts |= {urlsplit(line).netloc for line in told.stdout.split()}
    return {host for host in hosts if "." in host}


def test_no_file_names_a_package_registry() -> None:
    hosts = registry_hosts()
    assert hosts
    found = []
    for path in house.tracked():
        content = path.read_bytes()
        found += [house.relative(path) for host in hosts if host.encode() in content]
    assert found == []
