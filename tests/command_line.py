"""`dho` called in the test's own process, against a database of the test's."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from dho.__main__ import cli
from tests.cast import SECRET_KEY


@dataclass(frozen=True)
class Said:
    """What a command answered. `error` is the sentence that the program would end with."""

    status: int
    out: str
    err: str
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def word(self) -> str:
        """The one word or id that it printed."""
        return self.out.strip()


@dataclass
class CommandLine:
    """`dho("admin", "centre", "add", …)`; anything but a sentence for people fails the test at once."""

    database_url: str
    directory: Path
    more: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, stdin: str = "", status: int = 0) -> Said:
        given = {
            "DHO_DATABASE_URL": self.database_url,
            "DHO_SECRET_KEY": SECRET_KEY,
            "DHO_DATA_DIR": str(self.directory),
            "DHO_MQTT_ACCOUNTS_DIR": str(self.directory / "accounts"),
            **self.more,
        }
        result = CliRunner(env=given).invoke(cli, [str(argument) for argument in arguments], input=stdin)
        failed = result.exception is not None and not isinstance(result.exception, SystemExit)
        if failed and not hasattr(result.exception, "code"):
            assert result.exception is not None
            raise result.exception
        said = Said(1 if failed else result.exit_code, result.stdout, result.stderr, str(result.exception) if failed else "")
        assert said.status == status, f"dho {' '.join(map(str, arguments))} ended with {said.status}: {said.error}{said.err}{said.out}"
        return said
