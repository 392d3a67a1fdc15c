"""The table that is printed, and the JSON that is kept."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.bench.bursts import Result
from tests.bench.latency import Spread

RESULTS = Path(__file__).parent / "results"
SAID = {
    "acknowledge": "acknowledge-only paho subscriber, no work",
    "bare": "bare loop: paho, decode, one batch with duplicate check, commit, acknowledge",
    "copy": "COPY of the same rows, no broker",
    "single": "one message, one commit (paho, psycopg)",
    "model": "one message, one commit (paho, SQLModel session)",
    "one": "dho ingest, one process",
    "two": "dho ingest, two processes",
    "backlog": "dho ingest, one process, backlog after an outage",
    "bare, empty": "bare loop, empty history",
    "bare, full": "bare loop, full history",
    "one, empty": "dho ingest, empty history",
    "one, full": "dho ingest, full history",
}

COMMITTED = {
    "committed_ms": "publish → committed and receipted",
    "red_ms": "publish → committed and receipted, reds alone",
    "frame_ms": "publish → websocket frame of a red",
}


def machine(database: str) -> dict[str, Any]:
    """What it ran on, as far as the figures depend on it."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "database": database,
        "load_before": os.getloadavg()[0],
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())


def medians(results: Sequence[Result]) -> dict[str, Result]:
    """By way, the median of its rounds, figure by figure."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.way, []).append(result)
    return {
        way: Result(
            way,
            of_way[0].messages,
            median(r.seconds for r in of_way),
            {name: median(r.cpu_ms.get(name, 0) for r in of_way) for name in of_way[0].cpu_ms},
            max(r.rss_mb for r in of_way),
        )
        for way, of_way in found.items()
    }


def ratio(results: Sequence[Result], way: str, limit: str) -> float | None:
    """How fast a way is against its limit: the median over the rounds, each compared within itself."""
    ours, theirs = ([r for r in results if r.way == name] for name in (way, limit))
    return median(a.rate / b.rate for a, b in zip(ours, theirs, strict=False)) if ours and theirs else None


def table(results: Sequence[Result]) -> list[str]:
    """One row a way: messages a second, against the bare loop, CPU per message by process, largest size."""
    lines = [
        "| way | messages/s | of bare | CPU ms per message: way | database | broker | load | most MB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for way, result in medians(results).items():
        part = ratio(results, way, "bare")
        cpu = [f"{result.cpu_ms[name]:.3f}" if name in result.cpu_ms else "–" for name in ("way", "database", "broker", "load")]
        size = f"{result.rss_mb:.0f}" if result.rss_mb else "–"
        lines.append(f"| {SAID[way]} | {result.rate:,.0f} | {f'{part:.2f}' if part else '–'} | {' | '.join(cpu)} | {size} |")
    return lines


def latency_table(measured: Mapping[str, Any]) -> list[str]:
    """Committed and on the feed."""
    lines = [f"| at {measured['per_second']} messages/s | p50 ms | p95 | p99 | most | of |", "|---|---:|---:|---:|---:|---:|"]
    for name, said in COMMITTED.items():
        spread: Spread = measured[name]
        lines.append(f"| {said} | {spread.p50:.1f} | {spread.p95:.1f} | {spread.p99:.1f} | {spread.most:.1f} | {spread.count} |")
    return lines


def verdicts(figures: Mapping[str, tuple[float | None, str, float]]) -> list[str]:
    """Each target: (measured, "at least" or "under", target)."""
    lines = ["| target | asked | measured | |", "|---|---:|---:|---|"]
    for said, (measured, which, target) in figures.items():
        if measured is None:
            continue
        met = measured >= target if which == "at least" else measured < target
        lines.append(f"| {said} | {which} {target:g} | {measured:.2f} | {'met' if met else 'MISSED'} |")
    return lines


def keep(everything: Mapping[str, Any]) -> Path:
    """Write the JSON; its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(everything, default=_plain, indent=1))
    return path


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not kept")
