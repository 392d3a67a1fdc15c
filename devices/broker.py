"""The embedded broker: for the demo and for quick tests, on 127.0.0.1 only, as a child that ends with us.

Where Mosquitto is installed it is used, with passwords and the access list (`access_list` True). Elsewhere it is rumqttd from a wheel:
QoS 1, durable sessions, `$share`, retained, wills and passwords, but no access list, no new account without a restart, and no memory over
a restart. Never for real patients.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from devices import provisioning
from dho.child_process import start_child, stop_child
from dho.errors import DhoError

SERVICE_USER = "dho"
LARGEST_PACKET = 2 * 1024 * 1024
START_LIMIT_S = 15.0
MOSQUITTO_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin:/usr/local/opt/mosquitto/sbin"
RUMQTTD = """
import logging, sys
logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it reports every packet as an error
from iotcore import IotCoreBroker
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""


class EmbeddedBrokerError(DhoError):
    """The embedded broker cannot be started; the sentence says why."""

    code = "embedded_broker"


def installed_mosquitto() -> str | None:
    """The path of Mosquitto's server, which ordinary users often do not have on their PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=MOSQUITTO_PLACES)


class EmbeddedBroker:
    """One broker with its files in `data_dir`, running between `start` and `stop`. `gateways` are passwords by id.

    `port` speaks MQTT 3.1.1, `port_v5` MQTT 5 and `ws_port` 3.1.1 over websockets; with Mosquitto the first two are the same. Ports and the
    service's log-in stay over `stop` and `start`.
    """

    def __init__(self, data_dir: Path, gateways: Mapping[str, str], *, mosquitto: str | None = "installed") -> None:
        self._dir = data_dir.resolve()
        self._mosquitto = installed_mosquitto() if mosquitto == "installed" else mosquitto
        self._users = {SERVICE_USER: secrets.token_urlsafe(24), **gateways}
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.port_v5, self.ws_port = _free_ports(3)
        if self._mosquitto:
            self.port_v5 = self.port

    @property
    def access_list(self) -> bool:
        """Whether gateways are kept apart. Without, one that knows any password can write as another."""
        return self._mosquitto is not None

    @property
    def url(self) -> str:
        """The service's own log-in, MQTT 5."""
        return f"mqtt://{SERVICE_USER}:{self._users[SERVICE_USER]}@127.0.0.1:{self.port_v5}"

    @property
    def pid(self) -> int | None:
        """Process id of the running broker, or None."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the broker and wait until every port answers. Raises EmbeddedBrokerError."""
        if self.pid is not None:
            return
        try:
            self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            command = self._configure_mosquitto(self._mosquitto) if self._mosquitto else self._configure_rumqttd()
            with (self._dir / "broker.log").open("wb") as log:
                self._process = start_child(command, end_signal=signal.SIGTERM, output=log, directory=self._dir)
        except OSError as error:
            raise EmbeddedBrokerError(f"The embedded broker cannot use {self._dir}: {error.strerror}.") from error
        self._wait_until_listening()

    def stop(self) -> None:
        """Stop the broker. Mosquitto writes its queues and retained messages first."""
        if self._process is not None:
            stop_child(self._process, (signal.SIGTERM, signal.SIGKILL), 5.0)
            self._process = None

    def kill(self) -> None:
        """End the broker as a power cut would, for drills."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def add_gateway(self, gateway: str, password: str) -> None:
        """Let one more gateway in. Mosquitto reads its accounts again; rumqttd is started again and forgets what it held."""
        self._users[gateway] = password
        if self.pid is None:
            return
        if self._mosquitto:
            self._write_accounts()
            os.kill(self.pid or 0, signal.SIGHUP)
        else:
            self.stop()
            self.start()

    def _write_accounts(self) -> None:
        hashed = {user: provisioning.broker_hash(password) for user, password in self._users.items()}
        provisioning.change_accounts(self._dir, lambda _: hashed)

    def _configure_mosquitto(self, program: str) -> list[str | Path]:
        """The shipped configuration in small: nothing dropped, sessions kept, everybody apart."""
        self._write_accounts()
        (self._dir / "access").write_text(provisioning.access_list(SERVICE_USER))
        (self._dir / "access").chmod(0o600)
        lines = [
            "per_listener_settings false",
            f"listener {self.port} 127.0.0.1",
            f"listener {self.ws_port} 127.0.0.1",
            "protocol websockets",
            "allow_anonymous false",
            f"password_file {self._dir / provisioning.PASSWORD_FILE}",
            f"acl_file {self._dir / 'access'}",
            "persistence true",
            f"persistence_location {self._dir}/",
            "autosave_interval 5",
            "max_inflight_messages 1000",
            "max_queued_messages 1000000",
            "max_queued_bytes 1073741824",
            f"max_packet_size {LARGEST_PACKET}",
            "set_tcp_nodelay true",
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        (self._dir / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        return [program, "-c", self._dir / "mosquitto.conf"]

    def _configure_rumqttd(self) -> list[str | Path]:
        listeners = (("v4", self.port), ("v5", self.port_v5), ("ws", self.ws_port))
        accounts = "".join(f"{_quoted(user)} = {_quoted(password)}\n" for user, password in self._users.items())
        config = [
            "id = 0\n[router]\nid = 0\nmax_connections = 10010\nmax_outgoing_packet_count = 200\n",
            "max_segment_size = 104857600\nmax_segment_count = 10\n",
        ]
        for kind, port in listeners:
            config.append(f'[{kind}.1]\nname = "{kind}"\nlisten = "127.0.0.1:{port}"\nnext_connection_delay_ms = 0\n')
            config.append(f"[{kind}.1.connections]\nconnection_timeout_ms = 60000\nmax_payload_size = {LARGEST_PACKET}\n")
            config.append(f"max_inflight_count = 1000\ndynamic_filters = true\n[{kind}.1.connections.auth]\n{accounts}")
        file = self._dir / "rumqttd.toml"
        file.touch(mode=0o600)
        file.write_text("".join(config))
        return [sys.executable, "-c", RUMQTTD, file]

    def _wait_until_listening(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_LIMIT_S
        for port in (self.port, self.port_v5, self.ws_port):
            while not _answers(port):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    lines = (self._dir / "broker.log").read_text(errors="replace").strip().splitlines()
                    self.stop()
                    raise EmbeddedBrokerError(f"The embedded broker does not start: {lines[-1] if lines else 'no reason given'}")
                time.sleep(0.01)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
