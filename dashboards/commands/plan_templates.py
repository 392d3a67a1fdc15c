"""The plan templates that ship with the project, and validated plan documents as the JSON text that is stored."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

import dho
from dho.errors import NotFound
from dho.plan import PlanRef, read_plan
from dho.plan_text import read_document

FOLDER = Path(dho.__file__).parent / "templates"
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_NOBODYS = PlanRef(UUID(int=0), 1)


def template_names() -> list[str]:
    """Every template's name."""
    return sorted(path.stem for path in FOLDER.iterdir() if path.suffix in (".json", ".yaml", ".yml"))


def template(name: str) -> dict[str, Any]:
    """A template's document, without the identity of the template itself. `NotFound` if there is none of that name."""
    if name not in template_names():
        raise NotFound(f"There is no template {name}: there are {', '.join(template_names())}.")
    path = next(path for path in FOLDER.iterdir() if path.stem == name)
    return dict(read_document(path.read_text(encoding="utf-8")))


def checked_text(document: Mapping[str, Any], timezone: str = "Europe/Oslo") -> str:
    """The document as JSON, numbers as they were written. Raises `PlanRefused` with every reason if it is no plan."""
    read_plan(document, version=_NOBODYS, timezone=timezone)
    return _ENCODER.encode(document).decode()


def template_text(name: str) -> str:
    """A template, checked, as JSON text."""
    return checked_text(template(name))
