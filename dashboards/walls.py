"""What every request passes, whatever answers it: a number of its own, a limit on its body, and headers that bind the browser."""

import re
from collections.abc import MutableMapping
from typing import Any
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 65_536
LARGEST_PLAN = 262_144
LARGEST_FROM_GATEWAY = 1_048_576
"""Above `LARGEST_BODY` a gateway's payload is refused with a receipt and its bytes are kept, as on MQTT; above this it is not read."""

READ_AND_DROPPED = 8 * 1_048_576
GATEWAY_PATHS = ("/api/v1/measurements", "/api/v1/answers")
_PLANS = re.compile(r"/api/v1/patients/[^/]+/plans")
_HOST = re.compile(rb"[A-Za-z0-9.:\[\]-]{1,255}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
]


def largest_body(path: str) -> int:
    """How many bytes a request to this path may carry."""
    if path in GATEWAY_PATHS:
        return LARGEST_FROM_GATEWAY
    return LARGEST_PLAN if _PLANS.fullmatch(path) else LARGEST_BODY


class Walls:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, *, is_https: bool) -> None:
        self._app, self._is_https = app, is_https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = uuid4().hex
        scope.setdefault("state", {})["request_id"] = number
        headers = dict(scope["headers"])
        added = [*_HEADERS, (b"content-security-policy", _policy(headers.get(b"host", b""))), (b"x-request-id", number.encode())]
        if self._is_https:
            added.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))
        if not scope["path"].startswith("/static/"):
            added.append((b"cache-control", b"no-store"))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(pair for pair in added if pair[0] not in present)]
            await send(message)

        await self._app(scope, _limited(receive, largest_body(scope["path"])), send_with_headers)


def _limited(receive: Receive, limit: int) -> Receive:
    """The body as it comes, refused with 413 as soon as it is longer than `limit`. What follows is read and dropped for a while, because a
    client that still sends would meet a cut connection instead of the answer."""
    read = 0

    async def next_message() -> MutableMapping[str, Any]:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if message["type"] != "http.request" or read <= limit:
            return message
        while message.get("more_body") and read <= READ_AND_DROPPED:
            message = await receive()
            read += len(message.get("body", b""))
        raise HTTPException(413, f"At most {limit} bytes are read here.")

    return next_message


def _policy(host: bytes) -> bytes:
    """Content security policy: our own files, no inline script or style, sockets to the same host, no frame around us."""
    same_host = b" ws://%b wss://%b" % (host, host) if _HOST.fullmatch(host) else b""
    return (
        b"default-src 'self'; connect-src 'self'%b; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
        b" frame-ancestors 'none'" % same_host
    )
