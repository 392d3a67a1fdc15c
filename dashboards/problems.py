"""What went wrong, as RFC 9457 problem documents: ours, the framework's and the database's, all in one shape.

`type` is `/problems/<code>`; `errors` points at each field with a code. Domain errors know nothing of HTTP: the table here does.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from dho.db import TransientDatabaseError
from dho.errors import Conflict, DhoError, Fault, Invalid, InvalidTransition, NotAllowed, NotFound
from dho.log import Log

log = Log(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
UNTRANSLATABLE, BAD_ENCODING = "22P05", "22021"  # SQLSTATEs of U+0000 and lone surrogates, which no text column holds

TITLES = {
    400: "The request cannot be read",
    401: "You are not logged in",
    403: "Your role does not carry this right",
    404: "There is nothing here",
    405: "This method is not offered here",
    409: "It has changed or cannot change that way",
    410: "Too long ago",
    413: "The request is too large",
    415: "This content type is not read here",
    422: "The request cannot be used",
    428: "Say which version you mean",
    429: "Too many attempts",
    500: "Something went wrong here",
    503: "Not available right now",
}
CODES = {
    400: "malformed",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "wrong_content_type",
}


class Problem(DhoError):
    """A problem that only exists between client and server: its status stands with it."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.status, self.code, self.headers, self.members = status, code, dict(headers or {}), members


class NotAuthenticated(DhoError):
    """No credential, or one that is unknown, ended or expired: all look the same."""

    code = "not_authenticated"


STATUS: dict[type[DhoError], int] = {
    NotAuthenticated: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    InvalidTransition: 409,
    Invalid: 422,
    TransientDatabaseError: 503,
}


def status_of(error: DhoError) -> int:
    """The HTTP status of a domain error; one that no row names is our own fault."""
    if isinstance(error, Problem):
        return error.status
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem(
    status: int,
    code: str,
    detail: str,
    instance: str,
    *,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    **members: Any,
) -> Response:
    """One problem document as an answer."""
    document: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": TITLES.get(status, "It did not work"),
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if faults:
        document["errors"] = [{"pointer": f.pointer, "code": f.code, "detail": f.detail} for f in faults]
    return Response(msgspec.json.encode(document | members), status, dict(headers or {}), MEDIA_TYPE)


def of_error(error: DhoError, instance: str) -> Response:
    """The problem document of a domain error."""
    if isinstance(error, Problem):
        return problem(error.status, error.code, str(error), instance, headers=error.headers, **error.members)
    status = status_of(error)
    headers = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}.get(status, {})
    members = {"current": error.current} if isinstance(error, Conflict) else {}
    faults = error.faults if isinstance(error, Invalid) else ()
    return problem(status, error.code, str(error), instance, faults=faults, headers=headers, **members)


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    app.add_exception_handler(DhoError, _domain)
    app.add_exception_handler(HTTPException, _framework)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(PoolTimeoutError, _busy)
    app.add_exception_handler(psycopg.DataError, _unkeepable)
    app.add_exception_handler(Exception, _unforeseen)


async def _domain(request: Request, error: Exception) -> Response:
    assert isinstance(error, DhoError)
    if status_of(error) == 500:
        log.error("an error has no status", problem=error.code)
    return of_error(error, request.url.path)


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "http")
    detail = {404: "There is no such address.", 405: f"{request.method} is not offered here."}.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405 and (offered := _methods_of(request.app, request.url.path)):
        headers["Allow"] = ", ".join(offered)
    return problem(error.status_code, code, detail, request.url.path, headers=headers)


def _methods_of(app: FastAPI, path: str) -> list[str]:
    """What is offered at this address, for the `Allow` of a 405."""
    offered: set[str] = set()
    for known, operations in app.openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\\{[^}]+\\}", "[^/]+", re.escape(known)), path):
            offered |= {method.upper() for method in operations}
    return sorted(offered)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = list(error.errors())
    if any(e["type"] == "json_invalid" for e in found):
        return problem(400, "malformed", "The body is not JSON.", request.url.path)
    if any(e["loc"][:1] == ("path",) for e in found):
        return of_error(NotFound("There is nothing here under that id."), request.url.path)
    faults = [Fault(_pointer(e["loc"]), _code(str(e["type"])), str(e["msg"])) for e in found]
    return problem(422, "invalid", "The request cannot be used; each reason is named.", request.url.path, faults=faults)


def _pointer(location: Sequence[Any]) -> str:
    """A JSON pointer into the body; what stood in the query or a header is said so: `/query/limit`."""
    parts = list(location[1:] if location[:1] == ("body",) else location)
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _code(kind: str) -> str:
    """Pydantic's word for a fault, in the contract's words where it has one."""
    if kind == "missing":
        return "missing_field"
    return "wrong_type" if kind.endswith(("_type", "_parsing", "_attributes_type")) else kind


async def _busy(request: Request, error: Exception) -> Response:
    return of_error(TransientDatabaseError("All connections are busy; try again soon."), request.url.path)


async def _unkeepable(request: Request, error: Exception) -> Response:
    """A text that the database cannot hold is the sender's fault, wherever it stood; any other value that it refuses is ours. What the
    driver refuses before it asks the database has no SQLSTATE."""
    assert isinstance(error, psycopg.DataError)
    if error.sqlstate in (None, UNTRANSLATABLE, BAD_ENCODING):
        said = "A text holds a character that cannot be kept, such as U+0000."
        return problem(422, "bad_text", said, request.url.path)
    log.error("the database refused a value", problem=error.sqlstate)
    return await _unforeseen(request, error)


async def _unforeseen(request: Request, error: Exception) -> Response:
    return problem(500, "internal", "The fault is ours and has been written down.", request.url.path)
