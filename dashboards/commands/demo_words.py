"""What `dho demo` prints once everything runs: where it is, who can log in, and how to send a measurement by hand."""

import shutil
from pathlib import Path
from typing import Any

import click

from dashboards.commands.demo_people import STAFF
from devices import topics

VALUES = '"values":[{"code":"8310-5","value":38.6,"unit":"Cel"}]'
MEASUREMENT = """{"id":"'$(cat /proc/sys/kernel/random/uuid)'","taken_at":"'$(date -Is)'",""" + VALUES + "}"


def introduce(facts: dict[str, Any], data_dir: Path) -> None:
    """Print it."""
    mqtt, staff = facts["mqtt"], {s.user: s for s in STAFF}
    click.echo(f"\n  Pages     {facts['http']['url']}\n")
    for login in facts["logins"]:
        person = staff[login["user"]]
        click.echo(f"  {login['user']:<9} {login['password']}   {person.name}, {person.role.replace('_', ' ')}")
    click.echo(f"\n  MQTT      {mqtt['host']}:{mqtt['port']} (3.1.1), :{mqtt['port_v5']} (5), :{mqtt['ws_port']} (websockets)")
    if not mqtt["access_list"]:
        click.echo("            This broker has no access list: any gateway could write as another. For a demo only.")
    click.echo(f"  Data      {data_dir} (demo.json there tells programs all of this)\n")
    live = next(gateway for gateway in facts["gateways"] if not gateway["simulated"])
    click.echo("  A fever from a tablet that waits for you; it shows on the open page at once:\n")
    click.echo(f"    {_example(facts, live)}\n")
    click.echo("  Ctrl-C stops everything.\n")


def _example(facts: dict[str, Any], live: dict[str, Any]) -> str:
    if shutil.which("mosquitto_pub"):
        mqtt, topic = facts["mqtt"], topics.topic(live["id"], topics.MEASUREMENTS)
        return f"mosquitto_pub -h {mqtt['host']} -p {mqtt['port']} -u {live['id']} -P {live['password']} -q 1 -t {topic} -m '{MEASUREMENT}'"
    return f"curl -u {live['id']}:{live['password']} {facts['http']['url']}/api/v1/measurements -d '{MEASUREMENT}'"
