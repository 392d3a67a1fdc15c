"""Named SQL: every statement stands in `<package>/queries.sql` under `-- name: x` and a sentence that says what it is for."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries(Mapping[str, str]):
    """The statements of one package, by name."""

    def __init__(self, path: Path) -> None:
        parts = _NAME.split(path.read_text(encoding="utf-8"))
        self._statements = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}

    def __getitem__(self, name: str) -> str:
        return self._statements[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


@cache
def queries(package: str) -> Queries:
    """The named statements of a package: `queries("alerts")["lock_patients"]`."""
    return Queries(Path(__file__).parent.parent / package / "queries.sql")
