"""The fallback for gateways: measurements and answers over HTTP, with the MQTT credential, when the broker cannot be reached."""

import base64
import binascii
import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from dashboards.api.entering import RECEIPT_BODY, receipt_answers, take_from_gateway
from dashboards.caller import IdempotencyKey, whole_body
from dashboards.house import house_of
from dashboards.problems import Problem
from dashboards.sessions import hash_token
from devices import topics
from dho import clock
from dho.db import Actor
from dho.sql import queries

SQL = queries("dashboards")
router = APIRouter(prefix="/api/v1", tags=["gateways"])
BASIC = {**RECEIPT_BODY, "security": [{"gateway": []}]}


def gateway_of(request: Request) -> str:
    """The gateway that sends this request. Raises 401 for an unknown, revoked or wrongly authenticated one, all alike."""
    house = house_of(request)
    name, secret = _credential(request.headers.get("authorization", ""))
    with house.database.transaction(Actor("person"), "recognise gateway", clock.now()) as tx:
        row = tx.row(SQL["gateway_secret"], {"gateway": name})
    known = bytes(row.secret_hash) if row and row.revoked_at is None else b""
    if not hmac.compare_digest(hash_token(house.settings.secret_key, secret), known):
        raise _not_authenticated()
    return name


def _credential(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise _not_authenticated() from None
    if scheme.lower() != "basic" or not colon or "\0" in name:
        raise _not_authenticated()
    return name, secret


def _not_authenticated() -> Problem:
    said = "Send the gateway's MQTT user name and password with HTTP Basic."
    return Problem(401, "not_authenticated", said, {"WWW-Authenticate": 'Basic realm="dho", charset="UTF-8"'})


Body = Annotated[bytes, Depends(whole_body)]
GatewayId = Annotated[str, Depends(gateway_of)]


@router.post("/measurements", response_model=None, responses=receipt_answers(401, person=False), openapi_extra=BASIC)
def take_measurements(request: Request, body: Body, gateway: GatewayId, idempotency_key: IdempotencyKey = None) -> Response:
    """Measurements or invalidations, as on the topic `measurements`."""
    return take_from_gateway(house_of(request), gateway, topics.MEASUREMENTS, body, idempotency_key, clock.now(), request.url.path)


@router.post("/answers", response_model=None, responses=receipt_answers(401, person=False), openapi_extra=BASIC)
def take_answers(request: Request, body: Body, gateway: GatewayId, idempotency_key: IdempotencyKey = None) -> Response:
    """Answers to a questionnaire, as on the topic `answers`."""
    return take_from_gateway(house_of(request), gateway, topics.ANSWERS, body, idempotency_key, clock.now(), request.url.path)
