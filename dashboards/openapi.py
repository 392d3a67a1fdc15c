"""The OpenAPI document: generated from the routes, with every answer that a route can give."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from dashboards.problems import MEDIA_TYPE, TITLES

DESCRIPTION = (
    "Digital home follow-up. Errors are RFC 9457 problem documents. Lists go on at `next`. A change names the version it saw "
    "(`If-Match` or `expected_version`). A POST with an `Idempotency-Key` is done once. Clients ignore members they do not know."
)
ALWAYS = (503,)
OF_A_PERSON = (401, 403, 422)
_PROBLEM = "#/components/schemas/Problem"


def answers(model: Any, *problems: int, status: int = 200, description: str = "", person: bool = True) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: what it gives when all is well, and the problems it can answer with."""
    fine: dict[str, Any] = {"description": description or "As asked."}
    if model is not None:
        fine["model"] = model
    said: dict[int | str, dict[str, Any]] = {status: fine}
    for code in sorted({*problems, *ALWAYS, *(OF_A_PERSON if person else ())}):
        said[code] = problem_answer(code)
    return said


def problem_answer(code: int) -> dict[str, Any]:
    """One problem among a route's answers."""
    return {"description": TITLES[code], "content": {MEDIA_TYPE: {"schema": {"$ref": _PROBLEM}}}}


def operation_id(route: APIRoute) -> str:
    """The handler's own name: `claim_alert`, not a path with underscores."""
    return route.name


def install(app: FastAPI) -> None:
    """Let the document know what a problem is and how callers are recognised."""
    app.openapi = _document(app, app.openapi)  # type: ignore[method-assign]


def _document(app: FastAPI, generate: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = generate()
            components = made.setdefault("components", {})
            components.setdefault("schemas", {})["Problem"] = PROBLEM
            for name in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(name, None)
            components["securitySchemes"] = SECURITY
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    _complete(path, operation)
            app.openapi_schema = made
        return app.openapi_schema

    return document


def _complete(path: str, operation: dict[str, Any]) -> None:
    said = operation["responses"]
    if "HTTPValidationError" in str(said.get("422", "")):
        said["422"] = problem_answer(422)
    if operation.get("requestBody"):
        said.setdefault("400", problem_answer(400))
        said.setdefault("413", problem_answer(413))
    if any(parameter["in"] == "path" for parameter in operation.get("parameters", ())):
        said.setdefault("404", problem_answer(404))
    if "401" in said and "security" not in operation:
        operation["security"] = [{"session": []}, {"token": []}]


SECURITY: dict[str, Any] = {
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "dho_session",
        "description": "A browser's log-in; changes need a matching Origin.",
    },
    "token": {"type": "http", "scheme": "bearer", "description": "A service token."},
    "gateway": {"type": "http", "scheme": "basic", "description": "A gateway's MQTT credential."},
}
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "description": "/problems/<code>"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code"],
                "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "current": {"type": "integer", "description": "With 409: the version there is now."},
        "receipt": {"type": "object", "description": "From the measurement routes: the receipt of the refused element."},
    },
}
