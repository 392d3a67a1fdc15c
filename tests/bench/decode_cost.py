"""What decoding costs: CPU time per element, by kind, on this machine. `python -m tests.bench.decode_cost`.

The smallest of many short runs is printed, because whatever else the machine does can only make a run longer. In a live batch the same
work costs about half as much again: 500 different messages do not stay in the processor's caches as one message does.
"""

import json
import time
from datetime import UTC, datetime
from uuid import uuid4

from devices.decode import decode
from devices.message import Message

NOW = datetime(2026, 11, 21, 8, tzinfo=UTC)
RUNS, EACH = 60, 400
SPO2 = {"code": "59408-5", "value": 92, "unit": "%"}
PULSE = {"code": "8867-4", "value": 71, "unit": "/min"}
FAHRENHEIT = {"code": "8310-5", "value": 98.6, "unit": "[degF]"}
MG_DL = {"code": "glucose", "value": 112, "unit": "mg/dL"}


def _said(*values: dict[str, object], **members: object) -> dict[str, object]:
    whole = {"id": str(uuid4()), "patient": str(uuid4()), "taken_at": "2026-11-21T08:01:12.123+01:00", "source": "device"}
    return {**whole, "device": "A4C138-0042", "values": list(values), "context": {"oxygen_l_min": 0}, "note": "etter trapp", **members}


PAYLOADS = {
    "two values": json.dumps(_said(SPO2, PULSE)).encode(),
    "two values to convert": json.dumps(_said(FAHRENHEIT, MG_DL)).encode(),
    "in an array of 100": json.dumps([_said(SPO2, PULSE) for _ in range(100)]).encode(),
    "a note with Norwegian letters": json.dumps(_said(SPO2, PULSE, note="blå ånde"), ensure_ascii=False).encode(),
    "refused: unknown unit": json.dumps(_said({**SPO2, "unit": "percent"}, PULSE)).encode(),
    "refused: value is a string": json.dumps(_said({**SPO2, "value": "92"}, PULSE)).encode(),
    "refused: not JSON": json.dumps(_said(SPO2, PULSE)).encode()[:-2],
}


def measure(payload: bytes) -> float:
    """Microseconds of CPU time per element."""
    message = Message("dho/v1/t/measurements", payload, "t", "measurements", 1, False, NOW, 1, 1)
    elements = len(decode(message))
    each = max(1, EACH // elements)
    fastest = float("inf")
    for _ in range(RUNS):
        before = time.process_time()
        for _ in range(each):
            decode(message)
        fastest = min(fastest, time.process_time() - before)
    return fastest / each / elements * 1e6


def main() -> None:
    """Print the table."""
    for what, payload in PAYLOADS.items():
        print(f"{what:32} {measure(payload):7.1f} µs")


if __name__ == "__main__":
    main()
