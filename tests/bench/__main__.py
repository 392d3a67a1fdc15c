"""`make bench`: measure, print, keep. `--quick` in a few minutes; `--only burst latency` for parts."""

import argparse
import time
from statistics import median
from typing import Any

from tests.bench import bursts, history, latency, report, world
from tests.bench.bursts import Result
from tests.bench.ground import Ground, ground

PARTS = ("burst", "latency", "backlog", "history")
PATIENTS = 2000


def main() -> None:
    options = _options()
    with ground() as services:
        print(f"On {services.database} and {services.broker_said}.\n")
        everything: dict[str, Any] = {"machine": report.machine(services.database), "quick": options.quick}
        targets: dict[str, tuple[float | None, str, float]] = {}
        for part in options.only:
            begun = time.monotonic()
            globals()[f"measure_{part}"](services, options, everything, targets)
            print(f"\n({part}: {time.monotonic() - begun:.0f} s)\n")
        everything["targets"] = targets
        print("\n".join(report.verdicts(targets)))
    print(f"\nKept in {report.keep(everything)}")


def measure_burst(services: Ground, options: argparse.Namespace, everything: dict[str, Any], targets: dict[str, Any]) -> None:
    """Every way in turn, round by round, so that a busy minute of the machine hits all of them."""
    results: list[Result] = []
    place = world.make(services, PATIENTS)
    strangers = bursts.strangers(PATIENTS)
    for number in range(options.rounds):
        for way in bursts.LIMITS:
            count = options.messages if way in ("acknowledge", "bare") else options.messages // 5
            results.append(bursts.limit(services, way, count, strangers, place.url, number))
        results.append(bursts.copy(services, options.messages, place.url))
        for way, workers in (("one", 1), ("two", 2)):
            with bursts.service(services, place, workers) as running:
                results.append(running.burst(way, options.messages, number))
    everything["burst"] = results
    print("\n".join(report.table(results)))
    best = max("one", "two", key=lambda way: report.ratio(results, way, "bare") or 0)
    targets[f"burst of the bare loop ({report.SAID[best]})"] = report.ratio(results, best, "bare"), "at least", 0.5
    targets["burst of one message, one commit (psycopg)"] = report.ratio(results, best, "single"), "at least", 10
    targets["burst of one message, one commit (SQLModel)"] = report.ratio(results, best, "model"), "at least", 10
    targets["size of an ingest process, MB"] = max(r.rss_mb for r in results if r.way in ("one", "two")), "under", 150


def measure_latency(services: Ground, options: argparse.Namespace, everything: dict[str, Any], targets: dict[str, Any]) -> None:
    """With everything running that a centre needs."""
    measured = latency.measure(services, world.make(services, PATIENTS), options.seconds)
    everything["latency"] = measured
    print("\n".join(report.latency_table(measured)))
    targets["publish → frame of a red, p50 ms"] = measured["frame_ms"].p50, "under", 4
    targets["publish → frame of a red, p99 ms"] = measured["frame_ms"].p99, "under", 20


def measure_backlog(services: Ground, options: argparse.Namespace, everything: dict[str, Any], targets: dict[str, Any]) -> None:
    """A burst, then an outage in which the tablets go on, then what waits at the broker."""
    with bursts.service(services, world.make(services, PATIENTS), 1) as running:
        burst = running.burst("one", options.messages, 1)
        backlog = running.backlog("backlog", options.backlog, 2)
    everything["backlog"] = [burst, backlog]
    print("\n".join(report.table([burst, backlog])))
    targets["a backlog's rate of the burst's"] = backlog.rate / burst.rate, "at least", 0.9
    targets["size of ingest after a backlog, MB"] = backlog.rss_mb, "under", 150


def measure_history(services: Ground, options: argparse.Namespace, everything: dict[str, Any], targets: dict[str, Any]) -> None:
    """The same bursts on an empty and on a full history, in turn."""
    places = {"empty": world.make(services, PATIENTS), "full": world.make(services, PATIENTS)}
    with bursts.service(services, places["full"], 1):
        pass  # everybody has been judged once, as they have where years of history lie
    history.fill(places["full"], options.values)
    print(f"{options.values:,} stored values take {history.size_mb(places['full']):,.0f} MB.\n")
    results: list[Result] = []
    for number in range(options.rounds):
        for name, place in places.items():
            results.append(bursts.limit(services, "bare", options.messages, place.tablets, place.url, number))
            results[-1].way = f"bare, {name}"
            with bursts.service(services, place, 1) as running:
                results.append(running.burst(f"one, {name}", options.messages, number))
    everything["history"] = {"values": options.values, "results": results}
    print("\n".join(report.table(results)))
    for way in ("bare", "one"):
        empty, full = ([r for r in results if r.way == f"{way}, {name}"] for name in ("empty", "full"))
        longer = median(a.seconds / b.seconds for a, b in zip(full, empty, strict=True))
        busier = median(_cpu(a) / _cpu(b) for a, b in zip(full, empty, strict=True))
        print(f"{report.SAID[f'{way}, full']}: {longer:.2f} times as long, {busier:.2f} times the CPU of empty.")
        if way == "one":
            targets["time per message with a full history, of empty"] = longer, "under", 1.25
            targets["CPU per message with a full history, of empty"] = busier, "under", 1.25


def _cpu(result: Result) -> float:
    return result.cpu_ms["way"] + result.cpu_ms["database"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small counts, one round: to see that it runs")
    parser.add_argument("--only", nargs="+", default=PARTS, choices=PARTS, help="parts of it")
    parser.add_argument("--rounds", type=int, help="how often each way is measured (3)")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.messages = 6_000 if options.quick else 20_000
    options.backlog = 20_000 if options.quick else 100_000
    options.values = 200_000 if options.quick else 5_000_000
    options.seconds = 10 if options.quick else 60
    return options


if __name__ == "__main__":
    main()
