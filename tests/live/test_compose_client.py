"""The compose client reads `docker-compose.yml` as we mean it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Compose = Callable[[Path, list[str]], subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(work_directory: Callable[[str], Path]) -> Path:
    """The compose file and what it mounts, with secrets of its own."""
    here = work_directory("compose")
    shutil.copy(ROOT / "docker-compose.yml", here)
    shutil.copy(ROOT / "Dockerfile", here)
    shutil.copytree(ROOT / "deploy", here / "deploy", ignore=shutil.ignore_patterns("secrets"))
    subprocess.run(["sh", here / "deploy/make-secrets"], check=True)
    return here


def services(compose: Compose, folder: Path, *profiles: str) -> set[str]:
    chosen = [part for profile in profiles for part in ("--profile", profile)]
    done = compose(folder, [*chosen, "config", "--format", "json"])
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout)["services"])


def test_the_client_accepts_the_file(compose: Compose, folder: Path) -> None:
    assert services(compose, folder) == {"database", "broker", "accounts", "migrate", "ingest", "watch", "serve"}


def test_the_demo_joins_only_by_its_profile(compose: Compose, folder: Path) -> None:
    assert "demo" in services(compose, folder, "demo")


def test_secrets_are_made_once_and_kept(folder: Path) -> None:
    before = {path.name: path.read_text() for path in (folder / "deploy/secrets").iterdir()}
    subprocess.run(["sh", folder / "deploy/make-secrets"], check=True)
    assert {path.name: path.read_text() for path in (folder / "deploy/secrets").iterdir()} == before
    assert len(set(before.values())) == len(before)
    assert len(before["secret_key"]) >= 32
