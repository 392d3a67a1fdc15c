"""Structured logs without personal data: one JSON object a line, a verb and its fields.

Fields come from a fixed list, so that nobody logs a name, a note or an identity number by habit: an unknown field is an error under
test and dropped otherwise.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

FIELDS = frozenset(
    {
        "alert",
        "attempts",
        "backlog",
        "batch",
        "bytes",
        "centre",
        "code",
        "command",
        "count",
        "duration_ms",
        "error",
        "event",
        "gateway",
        "ground",
        "host",
        "job",
        "level",
        "lost",
        "method",
        "migration",
        "mid",
        "origin",
        "patients",
        "pid",
        "plan_version",
        "port",
        "problem",
        "queue",
        "reason",
        "request",
        "role",
        "rows",
        "seq",
        "state",
        "status",
        "stored",
        "topic",
        "uplink",
        "version",
        "waited_ms",
        "what",
        "worker",
    }
)
_RESERVED = frozenset(vars(logging.makeLogRecord({})))


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "from": record.name,
            "did": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key in FIELDS}
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _where(record)
        return json.dumps(line, default=str, ensure_ascii=False)


def _where(record: logging.LogRecord) -> list[str]:
    """File and line of each step, never the values: an exception's own text may quote what was sent."""
    assert record.exc_info
    step, steps = record.exc_info[2], []
    while step:
        code = step.tb_frame.f_code
        steps.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return steps[-8:]


class Log:
    """`log = Log(__name__)`; `log.info("stored a batch", batch=12)`."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def _write(self, level: int, did: str, failed: bool, fields: dict[str, Any]) -> None:
        unknown = fields.keys() - FIELDS
        if unknown:
            raise ValueError(f"log fields {sorted(unknown)} are not on the list in dho/log.py")
        if self._logger.isEnabledFor(level):
            self._logger.log(level, did, extra=fields, exc_info=failed)

    def debug(self, did: str, **fields: Any) -> None:
        """For whoever is looking for a fault."""
        self._write(logging.DEBUG, did, False, fields)

    def info(self, did: str, **fields: Any) -> None:
        """What happened."""
        self._write(logging.INFO, did, False, fields)

    def warning(self, did: str, **fields: Any) -> None:
        """What somebody should look at."""
        self._write(logging.WARNING, did, False, fields)

    def error(self, did: str, **fields: Any) -> None:
        """What went wrong; inside `except` with its type and steps."""
        self._write(logging.ERROR, did, sys.exc_info()[0] is not None, fields)


def configure(level: str) -> None:
    """Send this process's logs to standard error, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Line())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
