"""Answers in JSON: decimals as the numbers they are, instants in UTC."""

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

ENCODER = msgspec.json.Encoder(decimal_format="number")
JSON = "application/json"


def reply(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`content` as JSON."""
    return Response(ENCODER.encode(content), status, dict(headers or {}), JSON)


def nothing() -> Response:
    """204: done, and nothing to say."""
    return Response(status_code=204)


def page(items: list[Any], following: str | None) -> Response:
    """One page of a list, and where it goes on."""
    return reply({"items": items, "next": following})
