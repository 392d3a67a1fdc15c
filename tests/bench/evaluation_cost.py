"""What judging costs: microseconds a reading with six rules, and a year of five readings a day from scratch.

Run it with `python -m tests.bench.evaluation_cost`; it prints a table.
"""

from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import dho
from dho.evaluation import advance, initial, judge, zone_of
from dho.plan import Plan, read_document, read_plan
from dho.state import State
from tests.pure.plans import FEVER, MORNING, SPO2_MORNING, SPO2_RED, SPO2_YELLOW, VERSION, plan, reading

PULSE: dict[str, Any] = {"kind": "threshold", "code": "8867-4", "unit": "/min"}
SIX = (
    SPO2_YELLOW | {"persist": {"k": 2, "n": 3}, "clear": {"margin": 1, "consecutive": 2}},
    SPO2_RED | {"confirm": {"within": "PT10M"}},
    FEVER | {"no_confirm": True},
    PULSE | {"id": "pulse-high", "above": 110, "zone": "yellow"},
    PULSE | {"id": "pulse-very-high", "above": 130, "zone": "red"},
    {"id": "silent", "kind": "missing", "item": "spo2-morning", "zone": "not_reported"},
)


def six_rules() -> Plan:
    """The plan of the throughput benchmark: five thresholds and a missing rule."""
    return plan(*SIX, schedule=[SPO2_MORNING | {"required": True}], active_from=MORNING - timedelta(days=1))


def per_reading(count: int = 20_000, *, stored: bool = False) -> tuple[float, float]:
    """Microseconds of `advance` and of `zone_of` for a quiet green reading that arrives alone; `stored` with load and dump of the state."""
    given = six_rules()
    state = initial(given)
    readings = [reading(95 + n % 3, timedelta(minutes=n * 290)) for n in range(count)]
    judged = zones = 0.0
    for one in readings:
        begin = perf_counter()
        if stored:
            state = State.load(state.dump())
        state, _ = advance(given, state, (one,), one.received_at)
        middle = perf_counter()
        zone_of(given, state, one.received_at)
        judged, zones = judged + middle - begin, zones + perf_counter() - middle
    return judged / count * 1e6, zones / count * 1e6


def year(document: Any) -> float:
    """Seconds to judge a year of five readings a day from scratch, now and then beyond the limits."""
    given = read_plan(document, version=VERSION, timezone="Europe/Oslo", active_from=MORNING)
    codes = sorted(name for name in given.listeners if ":" not in name and name != "consciousness")[:5]
    usual = {"spo2": 94, "pulse": 75, "systolic": 128, "diastolic": 78, "weight": 80, "temperature": 37, "glucose": 7}
    facts = []
    for day in range(365):
        for place in range(5):
            code = codes[place % len(codes)]
            swing = (day * 7 + place * 3) % 9 - 4
            facts.append(reading(usual.get(code, 15) + swing, timedelta(days=day, minutes=place * 61), code))
    begin = perf_counter()
    judge(given, facts, facts[-1].received_at)
    return perf_counter() - begin


def main() -> None:
    """Print the table."""
    for name, stored in (("state in memory", False), ("state loaded and dumped", True)):
        judged, zones = per_reading(stored=stored)
        print(f"advance, one quiet reading, six rules, {name:24} {judged:7.1f} µs   zone_of {zones:5.1f} µs")
    for path in sorted((Path(dho.__file__).parent / "templates").glob("*.json")):
        document = read_document(path.read_bytes())
        print(f"a year of five readings a day, {path.stem:18} ({len(document['rules']):2} rules) {year(document) * 1000:7.0f} ms")


if __name__ == "__main__":
    main()
