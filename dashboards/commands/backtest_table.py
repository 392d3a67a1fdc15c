"""A back-test in a terminal: the warnings first, then the verdict, then the numbers beside each other."""

from collections import Counter
from typing import Any

import click

Told = dict[str, Any]
BUDGET = {"within": "within", "edge": "at the edge of", "above": "above"}


def write(name: str, told: Told) -> None:
    """One patient's back-test as text."""
    click.echo(f"{name}: {told['start'][:10]} to {told['until'][:10]}, {told['days']:g} days, {told['readings']} readings")
    for warning in told["warnings"]:
        click.secho(f"WARNING  {warning['text']}", fg="red", bold=True)
    click.echo(" ".join(sentence["text"] for sentence in told["verdict"]))
    click.echo(told["assumption"]["text"])
    click.echo()
    _rules(told)
    _load(told)
    _events(told)
    _weeks(told["draft"])
    click.echo()


def _sides(told: Told) -> list[tuple[str, Told]]:
    return [(name, told[name]) for name in ("draft", "active") if told[name] is not None]


def _rules(told: Told) -> None:
    """Alerts by rule and zone: how many in all, and a week."""
    weeks = told["days"] / 7 or 1
    counts = {name: {(r["rule"], r["zone"]): r["alerts"] for r in side["by_rule"]} for name, side in _sides(told)}
    click.echo(f"{'rule':28} {'zone':7}" + "".join(f"{name:>10} {'a week':>8}" for name in counts))
    for rule, zone in sorted({key for of_side in counts.values() for key in of_side}):
        cells = (of_side.get((rule, zone), 0) for of_side in counts.values())
        click.echo(f"{rule:28} {zone:7}" + "".join(f"{count:10} {count / weeks:8.2f}" for count in cells))
    click.echo(f"{'all':36}" + "".join(f"{side['alerts']:10} {side['alerts'] / weeks:8.2f}" for _, side in _sides(told)))
    for name, words in (("rose_to_red", "of which rose to red"), ("unsupported", "of which unsupported later")):
        click.echo(f"{words:36}" + "".join(f"{side[name]:10} {'':8}" for _, side in _sides(told)).rstrip())
    if told["active"] is not None:
        click.echo(f"new {len(told['new'])}, missed {len(told['missed'])}, milder {len(told['milder'])} against the active version")


def _load(told: Told) -> None:
    for name, side in _sides(told):
        load = side["load"]
        click.echo(
            f"{name}: {load['alerts_per_day']:.2f} alerts a day ({BUDGET[load['budget']]} the budget of 0.20 to 0.35), "
            f"{load['minutes_per_week']:.0f} minutes a week; {load['patients_per_nurse']} such patients take {load['share_of_day']:.0%} "
            f"of a nurse's day at {load['minutes_per_alert']} minutes an alert"
        )
        if side["tasks"]:
            click.echo(f"{name}: tasks beside the alerts: " + ", ".join(f"{kind} {count}" for kind, count in sorted(side["tasks"].items())))


def _events(told: Told) -> None:
    for name, side in _sides(told):
        for event in side["events"]:
            caught = f"caught {event['hours_before']:g} h before by {event['by_rule']}" if event["caught"] else "not caught"
            click.echo(f"{name}: {event['kind']} {event['at'][:10]}: {caught}")


def _weeks(side: Told) -> None:
    """A line a week: reds and yellows as marks."""
    marks: Counter[tuple[str, str]] = Counter()
    for week in side["weeks"]:
        marks[str(week["monday"]), week["zone"]] += week["alerts"]
    for monday in sorted({monday for monday, _ in marks}):
        click.echo(f"week of {monday}  {'R' * marks[monday, 'red']}{'y' * marks[monday, 'yellow']}")
