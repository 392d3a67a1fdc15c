"""Measurements and answers over HTTP: from a gateway that cannot reach its broker, and from staff. Both go down the same straight line as
over MQTT, and the receipt is the answer."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from fastapi import Response

from alerts.intake import Intake
from dashboards import access
from dashboards.api.shapes import Receipt
from dashboards.caller import Caller
from dashboards.house import WRITER, House
from dashboards.idempotency import keep, kept_answer
from dashboards.openapi import answers
from dashboards.problems import TITLES, problem
from dashboards.replies import JSON
from devices import receipts as receipts_of_devices
from devices import topics
from devices.message import Message
from dho.db import INGEST, Actor
from dho.errors import Fault, Invalid

STATUS = {"malformed": 400, "id_conflict": 409, "too_large": 413}
REFUSED = 422
RECEIPT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A measurement, an invalidation or answers, or an array of 1 to 500; as over MQTT.",
        "content": {JSON: {"schema": {"oneOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}}},
    }
}


def receipt_answers(*problems: int, person: bool = True) -> dict[int | str, dict[str, Any]]:
    """What these routes answer: a receipt, or an array of receipts for an array; a refused single object is a problem with its receipt."""
    return answers(Receipt | list[Receipt], 400, 409, 413, REFUSED, *problems, person=person, description="The receipt, or receipts.")


def as_answer(payload: bytes, receipts: list[receipts_of_devices.Receipt], path: str) -> Response:
    """Receipts as the answer to the request that brought `payload`."""
    if payload.lstrip()[:1] == b"[" and not (len(receipts) == 1 and receipts[0].reason in ("malformed", "too_large", "bad_text")):
        return Response(b"[" + b",".join(receipt.body for receipt in receipts) + b"]", 200, media_type=JSON)
    receipt = receipts[0]
    if receipt.reason is None:
        return Response(receipt.body, 200, media_type=JSON)
    status = STATUS.get(receipt.reason, REFUSED)
    told = json.loads(receipt.body)
    return problem(status, receipt.reason, told.get("detail") or TITLES[status], path, receipt=msgspec.Raw(receipt.body))


def take_from_gateway(house: House, gateway: str, leaf: str, payload: bytes, key: str | None, now: datetime, path: str) -> Response:
    """What a gateway sends over HTTP, one request after the other."""

    def take() -> Response:
        message = Message(topics.topic(gateway, leaf), payload, gateway, leaf, 1, False, now, channel="http")
        with house.turn:
            receipts = house.of_gateways.take([message], now)
        return as_answer(payload, receipts, path)

    digest = hashlib.sha256(f"{path}\n".encode() + payload).digest()
    return once_by_receipt(house, INGEST, f"gateway:{gateway}", key, digest, now, take)


def once_by_receipt(
    house: House, actor: Actor, caller: str, key: str | None, digest: bytes, now: datetime, take: Callable[[], Response]
) -> Response:
    """`take()` under an Idempotency-Key. It commits by itself and the answer is kept just after; should the process end in between, the id
    in the body makes the repetition a duplicate."""
    if key is None:
        return take()
    with house.database.transaction(actor, "idempotency", now) as tx:
        kept = kept_answer(tx, caller, key, digest, now)
    if kept is not None:
        return kept
    answer = take()
    if answer.status_code == 200:
        with house.database.transaction(actor, "idempotency", now) as tx:
            keep(tx, caller, key, digest, answer)
    return answer


def enter(caller: Caller, patient: UUID, leaf: str) -> Response:
    """What staff enter for a patient."""
    path = f"/api/v1/patients/{patient}/{leaf}"
    with caller.transaction(f"enter {leaf}") as tx:
        access.look(tx, caller.viewer, patient, f"{leaf}.enter", right="enter", request=caller.request)
    actor = caller.viewer.actor

    def take() -> Response:
        payload = as_staff(caller.body, patient)
        message = Message(f"http/patients/{patient}/{leaf}", payload, "", leaf, 1, False, caller.now, channel="http")
        intake = Intake(caller.house.intake, WRITER, performer=actor)
        return as_answer(payload, intake.take([message], caller.now, about=patient), path)

    return once_by_receipt(caller.house, actor, caller.name, caller.key, caller.digest, caller.now, take)


def as_staff(body: bytes, patient: UUID) -> bytes:
    """The same body with `source` "staff"; the address says whom it is about. What cannot be read is passed on as it came, to be refused
    there. Raises `Invalid` if it names somebody else."""
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw] | list[msgspec.Raw])
        if isinstance(found, dict):
            return _one_as_staff(found, patient, "")
        elements = [_element_as_staff(raw, patient, index) for index, raw in enumerate(found)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return body
    return b"[" + b",".join(elements) + b"]"


def _element_as_staff(raw: msgspec.Raw, patient: UUID, index: int) -> bytes:
    try:
        return _one_as_staff(msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), patient, f"/{index}")
    except msgspec.MsgspecError:
        return bytes(raw)


def _one_as_staff(members: dict[str, msgspec.Raw], patient: UUID, pointer: str) -> bytes:
    named = members.get("patient")
    if named is not None and bytes(named).decode("utf-8", "replace").strip().strip('"').lower() != str(patient):
        refusal = "The body names another patient than the address."
        raise Invalid(refusal, (Fault(f"{pointer}/patient", "not_attributable", refusal),))
    if "invalidates" not in members:
        members["source"] = msgspec.Raw(b'"staff"')
    return msgspec.json.encode(members)
