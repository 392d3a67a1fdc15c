"""`dho demo` as somebody meets it who knows nothing of the code: one command, demo.json, MQTT, HTTP and the live feed."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import Any
from uuid import uuid4

import psutil
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from websockets.sync.client import connect

from tests.services.processes import free_port, wait_for

MARK = "DHO_DATA_DIR"


class Demo:
    """One `dho demo` in a directory of its own."""

    def __init__(self, home: Path, *more: str) -> None:
        self.home, self.port = home, free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DHO_")}
        self._environment = {**clean, MARK: str(home)}
        self._log = home.parent / f"{home.name}.log"
        self._command = [sys.executable, "-m", "dho", "demo", "--port", str(self.port), "--no-browser", *more]
        self.start()

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log, cwd=self.home.parent)
        wait_for("the demo is up", self._is_up, 90, self._log)
        self.facts: dict[str, Any] = json.loads((self.home / "demo.json").read_text())

    def start_again(self) -> None:
        """The same data directory, without `--fresh`."""
        self._command.remove("--fresh")
        self.start()

    def _is_up(self) -> bool:
        assert self.process.poll() is None, self._log.read_text(errors="replace")
        return (self.home / "demo.json").exists()

    def family(self) -> list[psutil.Process]:
        """Every process that was started for this demo."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == str(self.home) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def end(self, how: signal.Signals) -> int:
        """Send a signal, and wait until nothing of the demo is left."""
        self.process.send_signal(how)
        status = self.process.wait(30)
        wait_for("nothing is left", lambda: not self.family(), 20, self._log)
        return status

    def get(self, path: str, role: str = "nurse") -> Any:
        asked = urllib.request.Request(
            f"{self.facts['http']['url']}{path}", headers={"Authorization": f"Bearer {self.facts['tokens'][role]}"}
        )
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return json.load(answer)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another `dho` command beside the running demo."""
        called = [sys.executable, "-m", "dho", *arguments]
        return subprocess.run(called, env=self._environment, capture_output=True, text=True, timeout=60, cwd=self.home.parent)

    @property
    def said(self) -> str:
        return self._log.read_text(errors="replace")


class Tablet:
    """A home tablet, known by what demo.json says of it."""

    def __init__(self, demo: Demo, gateway: dict[str, Any]) -> None:
        self.id, self.patient = gateway["id"], gateway["patient"]
        self.receipts: Queue[dict[str, Any]] = Queue()
        subscribed: Queue[bool] = Queue()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(gateway["id"], gateway["password"])
        self._client.on_message = lambda _c, _u, message: self.receipts.put(json.loads(message.payload))
        self._client.on_subscribe = lambda *_: subscribed.put(True)
        self._client.connect(demo.facts["mqtt"]["host"], demo.facts["mqtt"]["port"])
        self._client.loop_start()
        self._client.subscribe(f"dho/v1/{self.id}/receipts", qos=1)
        subscribed.get(timeout=10)

    def send(self, code: str, value: float, unit: str) -> dict[str, Any]:
        """Measure something now, and wait for the receipt."""
        body = {"id": str(uuid4()), "taken_at": datetime.now(UTC).isoformat(), "values": [{"code": code, "value": value, "unit": unit}]}
        self._client.publish(f"dho/v1/{self.id}/measurements", json.dumps(body), qos=1)
        receipt = self.receipts.get(timeout=20)
        assert receipt["id"] == body["id"]
        return receipt

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    running = Demo(tmp_path_factory.mktemp("demo") / "data", "--fresh", "--patients", "12", "--days", "3")
    yield running
    if running.process.poll() is None:
        running.end(signal.SIGKILL)


def live(demo: Demo) -> list[dict[str, Any]]:
    return [gateway for gateway in demo.facts["gateways"] if not gateway["simulated"]]


def alerts_of(demo: Demo, patient: str, role: str = "nurse") -> list[dict[str, Any]]:
    return [alert for alert in demo.get("/api/v1/alerts", role)["items"] if alert["patient"] == patient]


def test_demo_json_is_ours_alone_and_says_everything_that_a_program_needs(demo: Demo) -> None:
    assert stat.S_IMODE((demo.home / "demo.json").stat().st_mode) == 0o600
    facts = demo.facts
    assert facts.keys() == {"http", "mqtt", "database", "logins", "tokens", "gateways", "clock"}
    assert facts["http"] == {"url": f"http://127.0.0.1:{demo.port}"}
    assert facts["mqtt"].keys() == {"host", "port", "port_v5", "ws_port", "access_list"}
    assert facts["tokens"].keys() == {"nurse", "specialist", "gp", "admin"}
    assert all(login.keys() == {"role", "user", "password"} for login in facts["logins"])
    assert all(gateway.keys() == {"id", "password", "patient", "centre", "simulated"} for gateway in facts["gateways"])
    assert len({gateway["centre"] for gateway in live(demo)}) == 2
    assert facts["clock"] is None


def test_it_prints_where_the_pages_are_who_can_log_in_and_how_to_send_something(demo: Demo) -> None:
    assert f"http://127.0.0.1:{demo.port}" in demo.said
    assert all(login["password"] in demo.said for login in demo.facts["logins"])
    assert "8310-5" in demo.said
    if not demo.facts["mqtt"]["access_list"]:
        assert "no access list" in demo.said


def test_a_fever_from_a_live_tablet_is_receipted_and_reaches_the_nurses_list_and_feed(demo: Demo) -> None:
    tablet = Tablet(demo, live(demo)[0])
    with connect(f"ws://127.0.0.1:{demo.port}/api/v1/feed") as feed:
        feed.send(json.dumps({"op": "hello", "token": demo.facts["tokens"]["nurse"]}))
        frames = [json.loads(feed.recv(10)) for _ in range(2)]
        while not frames[-1].get("last"):
            frames.append(json.loads(feed.recv(10)))
        receipt = tablet.send("8310-5", 38.4, "Cel")
        assert (receipt["status"], receipt["zone"], receipt["attention"]["alert_open"]) == ("stored", "red", True)
        deadline = time.monotonic() + 10
        while not (frames[-1].get("type") == "alert.raised" and frames[-1]["alert"]["patient"] == tablet.patient):
            assert time.monotonic() < deadline
            frames.append(json.loads(feed.recv(10)))
    tablet.close()
    (alert,) = alerts_of(demo, tablet.patient)
    assert (alert["family"], alert["zone"], alert["state"]) == ("temperature", "red", "open")
    assert frames[-1]["alert"]["id"] == alert["id"]
    assert [a["id"] for a in alerts_of(demo, tablet.patient, "specialist")] == [alert["id"]]
    assert [a["id"] for a in alerts_of(demo, tablet.patient, "gp")] == [alert["id"]]


def test_the_other_centres_patient_is_not_the_nurses(demo: Demo) -> None:
    first = live(demo)[0]
    other = next(gateway for gateway in live(demo) if gateway["centre"] != first["centre"])
    tablet = Tablet(demo, other)
    assert tablet.send("8310-5", 39.0, "Cel")["zone"] == "red"
    tablet.close()
    assert alerts_of(demo, tablet.patient) == []


def test_simulated_days_have_been_lived_and_the_live_tablets_are_left_alone(demo: Demo) -> None:
    def zones() -> dict[str, Any] | None:
        found = {patient["id"]: patient["zone"] for patient in demo.get("/api/v1/patients")["items"]}
        mine = {g["patient"] for g in demo.facts["gateways"] if g["simulated"]} & found.keys()
        return found if mine and all(found[patient] is not None for patient in mine) else None

    assert wait_for("every simulated patient has a zone", zones, 60)
    quarantined = json.loads(demo.command("quarantine", "list", "--json").stdout)
    assert not {row["gateway"] for row in quarantined} & {gateway["id"] for gateway in live(demo)}


def test_a_role_that_is_killed_is_back_and_nothing_is_lost(demo: Demo) -> None:
    ingest = next(process for process in demo.family() if "ingest" in process.cmdline())
    ingest.kill()
    tablet = Tablet(demo, live(demo)[0])
    assert tablet.send("8867-4", 71, "/min")["status"] == "stored"
    tablet.close()
    told = {finding["what"]: finding["state"] for finding in json.loads(demo.command("doctor", "--json").stdout)}
    assert told["conservation"] == told["schema"] == told["broker"] == "ok"


def test_a_second_demo_on_the_same_data_or_port_is_one_sentence(demo: Demo) -> None:
    same_home = demo.command("demo", "--port", str(free_port()), "--no-browser")
    assert (same_home.returncode, same_home.stderr.count("\n")) == (1, 1)
    assert "running already" in same_home.stderr
    assert (demo.home / "demo.json").exists()
    same_port = demo.command("demo", "--port", str(demo.port), "--no-browser")
    assert (same_port.returncode, same_port.stderr.count("\n")) == (1, 1)
    assert f"Port {demo.port}" in same_port.stderr


def test_it_refuses_to_run_the_roles_against_what_the_demo_runs(demo: Demo) -> None:
    given = {
        "DHO_DATABASE_URL": demo.facts["database"]["url"],
        "DHO_MQTT_URL": f"mqtt://127.0.0.1:{demo.facts['mqtt']['port_v5']}",
        "DHO_SECRET_KEY": "x" * 40,
    }
    words = [sys.executable, "-m", "dho", "up"]
    done = subprocess.run(words, env={**os.environ, **given}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "demo" in done.stderr


def test_stopped_and_started_again_it_goes_on_where_it_was_and_kill_leaves_nothing_behind(demo: Demo) -> None:
    before = demo.facts
    assert demo.end(signal.SIGINT) == 0
    assert not (demo.home / "demo.json").exists()
    demo.start_again()
    assert demo.facts["gateways"] == before["gateways"]
    assert demo.facts["logins"] == before["logins"]
    assert [a["family"] for a in alerts_of(demo, live(demo)[0]["patient"])] == ["temperature"]
    demo.end(signal.SIGKILL)
