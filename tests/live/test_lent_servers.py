"""The services that tests start: nothing of them outlives the run, and a broker's queue outlives the broker."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event

import paho.mqtt.client as mqtt
import psutil
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for

STARTS_ALL_AND_IS_KILLED = """
import os, sys
from pathlib import Path
import psutil
from tests.services import postgres
from tests.services.mosquitto import Mosquitto
from tests.services.pglite import PGlite
work = Path(sys.argv[1])
for name in ("database", "broker", "pglite"):
    (work / name).mkdir()
postgres.timescaledb(work / "database").start()
Mosquitto(work / "broker").start()
PGlite(work / "pglite")
print(*(child.pid for child in psutil.Process().children(recursive=True)), flush=True)
os.kill(os.getpid(), 9)
"""


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.usefixtures("own_timescaledb", "mosquitto", "pglite")
def test_a_killed_test_run_leaves_no_server_and_no_directory(work_directory: Callable[[str], Path]) -> None:
    work = work_directory("killed")
    command = [sys.executable, "-c", STARTS_ALL_AND_IS_KILLED, str(work)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    servers = [int(pid) for pid in killed.stdout.split()]
    assert len(servers) >= 6, "three keepers and three servers"
    wait_for("all servers are gone", lambda: not any(map(is_running, servers)), 15)
    wait_for("all directories are gone", lambda: not list(work.iterdir()), 15)


def session(broker: Mosquitto, user: str, password: str, client_id: str) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
    client.username_pw_set(user, password)
    expiry = Properties(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 3600
    connected = Event()
    client.on_connect = lambda *_: connected.set()
    client.connect(broker.host, broker.port, clean_start=False, properties=expiry)
    client.loop_start()
    assert connected.wait(10)
    return client


def test_the_shipped_configuration_keeps_what_waits_for_a_sleeping_worker_over_a_restart(mosquitto: Mosquitto) -> None:
    mosquitto.add_gateways({"g-1": "a-secret-of-the-tablet"})
    worker = session(mosquitto, mosquitto.user, mosquitto.password, "worker")
    subscribed = Event()
    worker.on_subscribe = lambda *_: subscribed.set()
    worker.subscribe("dho/v1/+/measurements", qos=1)
    assert subscribed.wait(10)
    worker.disconnect()
    worker.loop_stop()

    tablet = session(mosquitto, "g-1", "a-secret-of-the-tablet", "tablet")
    for number in range(2000):  # more than the broker's own defaults would keep
        published = tablet.publish("dho/v1/g-1/measurements", str(number), qos=1)
    published.wait_for_publish(10)
    tablet.publish("dho/v1/g-2/measurements", "as somebody else", qos=1).wait_for_publish(10)
    tablet.disconnect()
    tablet.loop_stop()
    mosquitto.restart()

    heard: list[bytes] = []
    worker = mqtt.Client(CallbackAPIVersion.VERSION2, "worker", protocol=mqtt.MQTTv5)
    worker.username_pw_set(mosquitto.user, mosquitto.password)
    worker.on_message = lambda _client, _data, message: heard.append(message.payload)
    expiry = Properties(PacketTypes.CONNECT)
    expiry.SessionExpiryInterval = 3600
    worker.connect(mosquitto.host, mosquitto.port, clean_start=False, properties=expiry)
    worker.loop_start()
    wait_for("everything that waited", lambda: len(heard) >= 2000, 20)
    worker.disconnect()
    worker.loop_stop()
    assert sorted(heard) == sorted(str(number).encode() for number in range(2000))
