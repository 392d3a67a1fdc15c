"""What a back-test costs: seconds for a year of five readings a day, as it arrived and with every deadline in order.

Run it with `python -m tests.bench.backtest_cost`; it prints a table.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from time import process_time
from typing import Any

import dho
from alerts.rehearsal import History, Staffing, rehearse
from alerts.rehearsed import Rehearsal
from dho.calendar import Hours
from dho.plan import read_document, read_plan
from tests.pure.plans import EVA, MORNING, VERSION, reading

USUAL = {"spo2": 94, "pulse": 75, "systolic": 128, "diastolic": 78, "weight": 80, "temperature": 37, "glucose": 7}
OFFICE = Hours.read("Europe/Oslo", False, {day: [["08:00", "15:30"]] for day in ("mon", "tue", "wed", "thu", "fri")})


def a_year(document: Mapping[str, Any]) -> tuple[float, Rehearsal]:
    """Processor seconds for the year, and what came of it; values swing by four around the usual."""
    given = read_plan(document, version=VERSION, timezone="Europe/Oslo", active_from=MORNING)
    codes = sorted(name for name in given.listeners if ":" not in name and name != "consciousness")[:5]
    facts = []
    for day in range(365):
        for place in range(5):
            code = codes[place % len(codes)]
            swing = (day * 7 + place * 3) % 9 - 4
            facts.append(reading(USUAL.get(code, 15) + swing, timedelta(days=day, minutes=place * 61), code))
    begin = process_time()
    told = rehearse(given, History(EVA, facts), facts[-1].received_at, Staffing(OFFICE))
    return process_time() - begin, told


def main() -> None:
    """Print the table."""
    paths = sorted((Path(dho.__file__).parent / "templates").glob("*.json"))
    a_year(read_document(paths[0].read_bytes()))  # calendars and catalogues are read once a process
    for path in paths:
        document = read_document(path.read_bytes())
        seconds, told = a_year(document)
        size = f"({len(document['rules']):2} rules, {len(told.alerts):3} alerts)"
        print(f"back-test of a year, {path.stem:18} {size} {seconds * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
