"""Topic names below `dho/v1/`: who speaks, and about what. The contract's table, as code.

A gateway's id is one topic level. Uplinks are written by gateways, downlinks by us; nothing else is spoken here.
"""

import re

ROOT = "dho/v1"
MEASUREMENTS = "measurements"
ANSWERS = "answers"
FHIR = "fhir"
GATT = "gatt"
SEEN = "seen"
STATUS = "status"
RECEIPTS = "receipts"
PLAN = "plan"
MESSAGES = "messages"
REQUESTS = "requests"

UPLINKS = (MEASUREMENTS, ANSWERS, FHIR, GATT, SEEN, STATUS)
DOWNLINKS = (RECEIPTS, PLAN, MESSAGES, REQUESTS)
SHARE = "dho-ingest"
_PREFIX = ROOT + "/"
_GATEWAY_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def topic(gateway: str, leaf: str) -> str:
    """The topic of one gateway's leaf."""
    return f"{_PREFIX}{gateway}/{leaf}"


def parse(name: str) -> tuple[str, str] | None:
    """(gateway, leaf) of a topic, or None if it is not `dho/v1/<gateway>/<leaf>`. The leaf need not be a known one."""
    if not name.startswith(_PREFIX):
        return None
    gateway, slash, leaf = name[len(_PREFIX) :].partition("/")
    if not (gateway and slash and leaf) or "/" in leaf:
        return None
    return gateway, leaf


def is_gateway_id(text: str) -> bool:
    """Whether `text` can be a gateway's id, its MQTT user name and one topic level, as the database has it too."""
    return _GATEWAY_ID.fullmatch(text) is not None
