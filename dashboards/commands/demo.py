"""`dho demo`: the whole system on one machine, with believable patients, ended by Ctrl-C or by the end of its process."""

import fcntl
import os
import shutil
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from dashboards.commands.demo_data import DemoSecrets, gateway_facts, is_populated, populate, simulator_of, write_private
from dashboards.commands.demo_people import STAFF
from dashboards.commands.demo_words import introduce
from dashboards.commands.operator import DEMO_FILE, OPERATOR, SECRETS_FILE, SQL
from dashboards.commands.roles import until_told_to_stop
from dashboards.commands.supervision import Child, Supervisor
from dashboards.serving import listening_socket
from devices.broker import EmbeddedBroker
from dho import clock
from dho.db import Database
from dho.embedded import EmbeddedPostgres
from dho.errors import DhoError, SettingsError
from dho.log import Log
from dho.migrate import migrate
from dho.settings import Settings, load

log = Log(__name__)
READY_WITHIN_S = 60.0
LOOK_EVERY_S = 0.1
OURS = ("database", "broker", "logs", SECRETS_FILE, DEMO_FILE)


class DemoFailed(DhoError):
    """The demo cannot be started."""

    code = "demo_failed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    patients: int
    days: int
    speed: float


@click.command()
@click.option("--fresh", is_flag=True, help="Forget a former demo in this data directory and begin anew.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the pages. [DHO_HTTP_PORT, 8000]")
@click.option("--patients", type=click.IntRange(2, 5000), default=40, show_default=True, help="How many patients.")
@click.option("--days", type=click.IntRange(0, 365), default=14, show_default=True, help="How many past days are simulated.")
@click.option("--speed", type=click.FloatRange(min=0.1), default=60.0, show_default=True, help="Simulated hours of the past per second.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--quiet", is_flag=True, help="Print nothing but what goes wrong.")
def demo(fresh: bool, port: int | None, patients: int, days: int, speed: float, no_browser: bool, quiet: bool) -> None:
    """Everything on this machine: database, broker, ingest, watch, pages, and patients whose tablets send measurements.

    Keeps its data in DHO_DATA_DIR (.dho) and goes on where it was when started again. Ctrl-C stops all it started.
    """
    settings = load(**({"http_port": port} if port else {}))
    stop = until_told_to_stop()
    with ExitStack() as stack:
        running = Demo(settings, Wanted(patients, days, speed), stack)
        running.start(fresh)
        running.wait_until_ready(stop)
        if stop.is_set():
            return
        facts = running.publish_facts()
        if not quiet:
            introduce(facts, settings.data_dir)
        if not no_browser:
            _open_browser(facts["http"]["url"])
        running.run(stop)
        if not quiet:
            click.echo("Stopping.")


class Demo:
    """The running demo. `stack` ends everything in the opposite order of its start."""

    def __init__(self, settings: Settings, wanted: Wanted, stack: ExitStack) -> None:
        self._settings, self._wanted, self._stack = settings, wanted, stack
        self._home = settings.data_dir.resolve()
        self.url = f"http://{_shown_host(settings.http_host)}:{settings.http_port}"

    def start(self, fresh: bool) -> None:
        """Bring up database and broker, fill them if they are new, and start the roles. Raises `DhoError` with one sentence."""
        self._require_port()
        self._take_home(fresh)
        self._postgres = self._stack.enter_context(EmbeddedPostgres(self._home / "database"))
        migrate(self._postgres.url, test_database=True, simulation=True)
        self._database = Database(self._postgres.url, "owner", size=1)
        self._stack.callback(self._database.close)
        populated = is_populated(self._database, clock.now())
        secrets_file = self._home / SECRETS_FILE
        self._secrets = DemoSecrets.load(secrets_file) if populated else DemoSecrets.make(self._wanted.patients)
        self._broker = self._stack.enter_context(EmbeddedBroker(self._home / "broker", self._secrets.gateways))
        self._secrets.mqtt_url = self._broker.url
        self._secrets.save(secrets_file)
        self._start_roles()
        if not populated:
            populate(self._database, self._secrets, self._wanted.patients, timedelta(days=self._wanted.days), clock.now())
        self._start_simulator()

    def _require_port(self) -> None:
        host, port = self._settings.http_host, self._settings.http_port
        try:
            listening_socket(host, port).close()
        except SettingsError:
            raise DemoFailed(f"Port {port} on {host} cannot be used, perhaps by another demo: choose another with --port.") from None

    def _take_home(self, fresh: bool) -> None:
        try:
            self._home.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_home()
            if fresh:
                _forget(self._home)
            (self._home / DEMO_FILE).unlink(missing_ok=True)
            (self._home / "logs").mkdir(exist_ok=True)
        except OSError as error:
            raise DemoFailed(f"The demo cannot use {self._home}: {error.strerror}.") from None

    def _lock_home(self) -> None:
        """One demo in a data directory: the lock goes with the process, however it ends."""
        lock = self._stack.enter_context((self._home / "lock").open("ab"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoFailed(f"A demo is running already in {self._home}: stop it, or name another DHO_DATA_DIR.") from None

    def _start_roles(self) -> None:
        """As children with their settings in the environment, each with its log file; all end with us, also if we are killed."""
        os.environ |= {
            "DHO_DATABASE_URL": self._postgres.url,
            "DHO_MQTT_URL": self._broker.url,
            "DHO_SECRET_KEY": self._secrets.secret_key,
            "DHO_HTTP_HOST": self._settings.http_host,
            "DHO_HTTP_PORT": str(self._settings.http_port),
            "DHO_DATA_DIR": str(self._home),
        }
        logs = self._home / "logs"
        self._roles = Supervisor([Child(name, [name], logs / f"{name}.log") for name in ("serve", "ingest", "watch")])
        self._stack.callback(self._roles.stop)
        self._roles.start()

    def _start_simulator(self) -> None:
        """The tablets' past days from where a former run came to, then the present; in a thread that ends with us."""
        now = clock.now()
        with self._database.transaction(OPERATOR, "demo", now) as tx:
            reached = tx.row(SQL["simulation_reached"])
        begun = reached.registered_at or now
        since = reached.heard_at or begun - timedelta(days=self._wanted.days)
        simulator = simulator_of(self._secrets, begun, self._broker.port)
        stop = threading.Event()

        def play() -> None:
            try:
                simulator.run(stop, since, self._wanted.speed)
            except Exception:
                log.error("the simulator ended", what="simulator")

        thread = threading.Thread(target=play, name="simulator", daemon=True)
        thread.start()
        self._stack.callback(thread.join, 5)
        self._stack.callback(stop.set)

    def wait_until_ready(self, stop: threading.Event) -> None:
        """Until /readyz says 200. Raises `DemoFailed` if that does not come about."""
        deadline = time.monotonic() + READY_WITHIN_S
        while not (stop.is_set() or _answers(f"{self.url}/readyz")):
            self._look()
            if time.monotonic() > deadline:
                raise DemoFailed(f"The pages did not come up within {READY_WITHIN_S:.0f} s; the logs are in {self._home / 'logs'}.")
            stop.wait(LOOK_EVERY_S)

    def publish_facts(self) -> dict[str, Any]:
        """Write demo.json, now that everything answers; it goes when the demo goes."""
        with self._database.transaction(OPERATOR, "demo", clock.now()) as tx:
            gateways = gateway_facts(tx, self._secrets)
        broker = self._broker
        facts = {
            "http": {"url": self.url},
            "mqtt": {
                "host": "127.0.0.1",
                "port": broker.port,
                "port_v5": broker.port_v5,
                "ws_port": broker.ws_port,
                "access_list": broker.access_list,
            },
            "database": {"url": self._postgres.url},
            "logins": [{"role": s.login, "user": s.user, "password": self._secrets.logins[s.user]} for s in STAFF],
            "tokens": self._secrets.tokens,
            "gateways": gateways,
            "clock": os.environ.get(clock.TEST_CLOCK) or None,
        }
        path = self._home / DEMO_FILE
        self._stack.callback(path.unlink, missing_ok=True)
        write_private(path, facts)
        return facts

    def run(self, stop: threading.Event) -> None:
        """Look after everything until told to stop; what dies is started again."""
        while not stop.wait(LOOK_EVERY_S):
            self._look()

    def _look(self) -> None:
        if self._postgres.pid is None:
            self._postgres.stop()
            self._postgres.start()
        if self._broker.pid is None:
            self._broker.stop()
            self._broker.start()
        self._roles.look()


def _forget(home: Path) -> None:
    """Remove what a former demo left, and nothing else that may lie there."""
    for name in OURS:
        path = home / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _shown_host(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  (our own address)
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _open_browser(url: str) -> None:
    """Only where there is a desktop: a text browser in the terminal would hide what the demo says."""
    if sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        import webbrowser

        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
