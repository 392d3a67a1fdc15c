"""Topic names below `dho/v1/`: who speaks, and about what. The contract's table, as code.

A gateway's id is one topic level. Uplinks are written by gateways, downlinks by us; nothing else is spoken here.
"""

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
_FORBIDDEN = frozenset("/+#\0")
LONGEST_GATEWAY_ID = 64


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
    """Whether `text` can be a gateway's id, its MQTT user name and one topic level: 1 to 64 printable characters."""
    return 1 <= len(text) <= LONGEST_GATEWAY_ID and text.isprintable() and " " not in text and not _FORBIDDEN & set(text)
