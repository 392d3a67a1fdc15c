"""The AsyncAPI 3 document: the live feed and the topics of MQTT, from the code that speaks them."""

from functools import cache
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, Field, TypeAdapter

from alerts.alert import EventType
from dashboards.api.shapes import AlertShape, Receipt, Shape, ShownZone
from dashboards.openapi import answers
from dashboards.replies import reply
from dashboards.subscribers import REASONS
from devices import topics

router = APIRouter(tags=["operations"])
Seq = Annotated[int, Field(ge=0)]


class Resume(Shape):
    """Where the client was."""

    epoch: str
    seq: Seq


class HelloFrame(Shape):
    """The client's first frame, within 10 seconds. Browsers leave out the token: their cookie counts."""

    op: Literal["hello"]
    token: str | None = None
    resume: Resume | None = None


class WelcomeFrame(Shape):
    """The server's first frame, and again when the subscriber's scope or the database's history has changed: all state is void then."""

    op: Literal["welcome"]
    epoch: str
    head: Seq
    heartbeat_s: float
    scope: list[str]


class AlertEventFrame(Shape):
    """Something happened to an alert. `prev` is the number of the event before it in this scope."""

    op: Literal["event"]
    seq: Annotated[int, Field(ge=1)]
    prev: Seq
    type: EventType
    at: AwareDatetime
    reason: str | None = None
    alert: AlertShape


class ZoneEventFrame(Shape):
    """A patient's zone is another."""

    op: Literal["event"]
    seq: Annotated[int, Field(ge=1)]
    prev: Seq
    type: Literal["patient.zone"]
    at: AwareDatetime
    patient: UUID
    zone: ShownZone | None
    former: ShownZone | None


class MessageEventFrame(Shape):
    """A message to or from a patient."""

    op: Literal["event"]
    seq: Annotated[int, Field(ge=1)]
    prev: Seq
    type: Literal["message.new"]
    at: AwareDatetime
    patient: UUID
    message: UUID


class SnapshotFrame(Shape):
    """Open alerts in scope as they were at `at_seq`; the frame with `last` true ends the snapshot, which replaces all state."""

    op: Literal["snapshot"]
    at_seq: Seq
    alerts: list[AlertShape]
    last: bool


class HeartbeatFrame(Shape):
    """Everything visible up to `seq` has been sent."""

    op: Literal["heartbeat"]
    seq: Seq
    at: AwareDatetime


FROM_CLIENT = (HelloFrame,)
FROM_SERVER = (WelcomeFrame, AlertEventFrame, ZoneEventFrame, MessageEventFrame, SnapshotFrame, HeartbeatFrame)
EVENT_TYPES = (*get_args(EventType), "patient.zone", "message.new")
_REF = "#/components/schemas/{model}"


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    schemas: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for frame in (*FROM_CLIENT, *FROM_SERVER, Receipt):
        schema = TypeAdapter(frame).json_schema(ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[frame.__name__] = schema
        messages[frame.__name__] = {"contentType": "application/json", "payload": {"$ref": _REF.format(model=frame.__name__)}}
    feed_messages = {frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"} for frame in (*FROM_CLIENT, *FROM_SERVER)}
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "DHO", "version": "1", "description": "The live feed, and the topics that gateways speak on."},
        "defaultContentType": "application/json",
        "channels": {
            "feed": {
                "address": "/api/v1/feed",
                "description": _closing(),
                "messages": feed_messages,
                "bindings": {"ws": {"method": "GET"}},
            },
            **{leaf: _topic(leaf) for leaf in (*topics.UPLINKS, *topics.DOWNLINKS)},
        },
        "operations": {
            "hello": _operation("receive", "feed", FROM_CLIENT),
            "tell": _operation("send", "feed", FROM_SERVER),
            **{f"take_{leaf}": {"action": "receive", "channel": {"$ref": f"#/channels/{leaf}"}} for leaf in topics.UPLINKS},
            **{f"send_{leaf}": {"action": "send", "channel": {"$ref": f"#/channels/{leaf}"}} for leaf in topics.DOWNLINKS},
        },
        "components": {"schemas": schemas, "messages": messages},
    }


def _operation(action: str, channel: str, frames: tuple[type[Shape], ...]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{frame.__name__}"} for frame in frames],
    }


def _topic(leaf: str) -> dict[str, Any]:
    channel: dict[str, Any] = {
        "address": topics.topic("{gateway}", leaf),
        "parameters": {"gateway": {"description": "The gateway's id, which is its MQTT user name."}},
        "bindings": {"mqtt": {"bindingVersion": "0.2.0"}},
    }
    if leaf == topics.RECEIPTS:
        channel["messages"] = {Receipt.__name__: {"$ref": f"#/components/messages/{Receipt.__name__}"}}
    return channel


def _closing() -> str:
    codes = "; ".join(f"{code} {reason}" for code, reason in sorted(REASONS.items()))
    return f"Text frames of at most 64 KiB. Closing codes: 1009 client frame too large; 1012 restarting; {codes}."


@router.get("/api/asyncapi.json", response_model=None, responses=answers(None, person=False, description="The AsyncAPI document."))
def read_asyncapi() -> Response:
    """What is spoken on the live feed and over MQTT."""
    return reply(document())
