"""`dho admin questionnaire`: a centre loads a form of its own, or wordings for one that ships without."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.command_line import CommandLine
from tests.conftest import TestDatabase


@pytest.fixture
def dho(database: TestDatabase, tmp_path: Path) -> CommandLine:
    return CommandLine(database.url, tmp_path)


def written(path: Path, **changes: Any) -> str:
    items = [{"id": str(n), "text": {"nb": f"Spørsmål {n}"}, "lowest": 0, "highest": 5} for n in range(1, 9)]
    path.write_text(json.dumps({"id": "CAT", "version": 1, "title": {"nb": "CAT"}, "scores": ["CAT"], "items": items} | changes))
    return str(path)


def test_wordings_are_loaded_and_may_be_mended(dho: CommandLine, tmp_path: Path) -> None:
    file = written(tmp_path / "cat.json")
    assert dho("admin", "questionnaire", file).out.strip() == "CAT version 1: 8 questions"
    assert dho("admin", "questionnaire", written(tmp_path / "cat.json", title={"nb": "KOLS-test"})).status == 0


def test_yaml_is_read_too(dho: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "skin.yaml"
    path.write_text("id: skin\nversion: 1\ntitle: {nb: Hud}\nitems:\n- {id: itch, text: {nb: Kløe}, lowest: 0, highest: 10}\n")
    assert dho("admin", "questionnaire", str(path)).out.strip() == "skin version 1: 1 question"


def test_what_cannot_be_used_is_refused_with_every_reason_and_no_traceback(dho: CommandLine, tmp_path: Path) -> None:
    told = dho("admin", "questionnaire", written(tmp_path / "bad.json", version=0, titel={}), status=1)
    assert {line.split(":")[0] for line in told.err.splitlines()} >= {"/version", "/titel"}
    assert "Traceback" not in told.err


def test_other_answers_under_the_same_version_are_refused(dho: CommandLine, tmp_path: Path) -> None:
    told = dho(
        "admin", "questionnaire", written(tmp_path / "cat.json", items=[{"id": "1", "lowest": 0, "highest": 5}], scores=["mMRC"]), status=1
    )
    assert "/scores" in told.err
    items = [{"id": str(n), "lowest": 0, "highest": 9} for n in range(1, 9)]
    told = dho("admin", "questionnaire", written(tmp_path / "cat.json", items=items), status=1)
    assert "version 1 of CAT is there already" in told.error
