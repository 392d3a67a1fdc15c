"""`dho watch-feed`: the live feed in a terminal."""

import json
import sys
from typing import Any, TextIO

import click

from dashboards.commands.operator import DEMO_FILE, here
from dashboards.watch_feed import run
from dho.errors import Invalid
from dho.settings import Settings, load

QUIET_OPS = ("heartbeat",)


@click.command("watch-feed")
@click.option("--url", help="Where DHO is, as https://host; by default a running demo, DHO_PUBLIC_URL, or DHO_HTTP_HOST and DHO_HTTP_PORT.")
@click.option("--token-file", type=click.File(), help="A file with the token of `dho admin token`; - is standard input.")
@click.option("--as", "role", default="nurse", show_default=True, help="Beside a running demo: whose eyes (nurse, specialist, gp).")
@click.option("--json", "as_json", is_flag=True, help="Every frame as it came, heartbeats too.")
def watch_feed(url: str | None, token_file: TextIO | None, role: str, as_json: bool) -> None:
    """Show what the live feed says, resuming after every break, until Ctrl-C."""
    settings = load()
    token, address = _token(settings, token_file, role, url)

    def show(frame: dict[str, Any]) -> None:
        if as_json:
            click.echo(json.dumps(frame, ensure_ascii=False))
        elif frame.get("op") not in QUIET_OPS:
            click.echo(_line(frame))
        sys.stdout.flush()

    def away() -> None:
        click.echo(f"Nothing answers at {address}; trying again until it does.", err=True)

    run(f"{address.rstrip('/').replace('http', 'ws', 1)}/api/v1/feed", token, show, away=away)


def _token(settings: Settings, token_file: TextIO | None, role: str, url: str | None) -> tuple[str, str]:
    """Token and address: as given, or those of the demo that runs in the data directory."""
    if token_file is not None:
        return token_file.readline().strip(), url or here().public_url or f"http://{settings.http_host}:{settings.http_port}"
    facts = settings.data_dir / DEMO_FILE
    if not facts.exists():
        raise Invalid("Give the token with --token-file: no demo runs here whose token could be used.")
    demo = json.loads(facts.read_text(encoding="utf-8"))
    if role not in demo["tokens"]:
        raise Invalid(f"The demo has no token for {role}: use {', '.join(demo['tokens'])}.")
    return demo["tokens"][role], url or demo["http"]["url"]


def _line(frame: dict[str, Any]) -> str:
    """One frame in one line, without anybody's name."""
    match frame.get("op"):
        case "welcome":
            return f"welcome: epoch {frame['epoch']}, head {frame['head']}, scope {', '.join(map(str, frame['scope'])) or 'nothing'}"
        case "snapshot":
            alerts = "".join(f"\n  {_alert(alert)}" for alert in frame["alerts"])
            return f"snapshot at {frame['at_seq']}: {len(frame['alerts'])} open alerts{alerts}"
        case "event":
            told = _alert(frame["alert"]) if "alert" in frame else f"{frame.get('patient', '')} {frame.get('zone', '')}"
            return f"{frame['seq']:>7} {frame['at'][:19]}Z {frame['type']:<18} {told}"
        case _:
            return json.dumps(frame, ensure_ascii=False)


def _alert(alert: dict[str, Any]) -> str:
    return f"{alert['zone']:<6} {alert['patient']} {alert['family']} v{alert['version']}: {alert['text']}"
