"""Mosquitto with the configuration that is shipped, on ports of its own, stopped and killed as a drill wants."""

import os
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from devices import provisioning
from devices.broker import installed_mosquitto
from tests.services.debian import INSIDE
from tests.services.engine import engine
from tests.services.postgres import TRIXIE
from tests.services.processes import Kept, free_port, wait_for

DEPLOY = Path(__file__).parents[2] / "deploy"
SERVICE = ("dho", "service-of-a-test-broker")
PLACES = ("listener", "protocol", "password_file", "acl_file", "persistence_location")
CONNECT, CONNACK = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", b"\x20"
STOP = 'kill -TERM "$server"'


def missing() -> str | None:
    """Why it cannot be used, in a sentence, or None."""
    return None if engine() or installed_mosquitto() else TRIXIE.missing()


class Mosquitto:
    """A broker with passwords and the shipped access list. `url` is the service's own log-in; queues survive `stop` and `start`.

    From a container engine, else from Debian 13's package, else the machine's own.
    """

    def __init__(self, work: Path) -> None:
        self._work = work
        self.host, self.port, self.ws_port = "127.0.0.1", free_port(), free_port()
        self.user, self.password = SERVICE
        self.url = f"mqtt://{self.user}:{self.password}@{self.host}:{self.port}"
        self._kept: Kept | None = None
        work.chmod(0o777)
        shutil.copy(DEPLOY / "mosquitto.access", work / "access")
        (work / "access").chmod(0o644)
        self.add_gateways({self.user: self.password})

    def start(self) -> None:
        if self._kept is None:
            self._kept = self._begin()
            wait_for("Mosquitto answers", self._answers, log=self._work / "server.log")

    def stop(self) -> None:
        """The clean way: queues and sessions are written."""
        if self._kept is not None:
            self._kept.stop()
            self._kept = None

    def kill(self) -> None:
        """At once; what came since the last autosave is lost."""
        if self._kept is not None:
            self._kept.kill()
            self._kept = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def add_gateways(self, passwords: Mapping[str, str]) -> None:
        """Give gateways their log-in, by id. Takes effect at once, without cutting anybody."""
        hashed = {user: provisioning.broker_hash(password) for user, password in passwords.items()}
        provisioning.change_accounts(self._work, lambda accounts: accounts | hashed)
        if self._kept is not None:
            self._kept.reload()

    def _begin(self) -> Kept:
        found = engine()
        if found is not None:
            self._configure(INSIDE, 1883, 9001, "0.0.0.0")
            options = [
                f"--publish=127.0.0.1:{self.port}:1883",
                f"--publish=127.0.0.1:{self.ws_port}:9001",
                f"--volume={self._work}:{INSIDE}",
            ]
            command = ["mosquitto", "-c", f"{INSIDE}/mosquitto.conf"]
            return found.run(f"dho-broker-{self.port}", "broker", command, options, self._work, stop="SIGTERM")
        if TRIXIE.missing() is None:
            self._configure(INSIDE, self.port, self.ws_port, self.host)
            command = TRIXIE.inside(["/usr/sbin/mosquitto", "-c", f"{INSIDE}/mosquitto.conf"], "mosquitto")
            return Kept(command, self._work, stop=STOP, wrap=TRIXIE.wrap(self._work))
        self._configure(str(self._work), self.port, self.ws_port, self.host)
        return Kept([installed_mosquitto() or "mosquitto", "-c", str(self._work / "mosquitto.conf")], self._work, stop=STOP)

    def _configure(self, work: str, port: int, ws_port: int, address: str) -> None:
        """The shipped configuration with this broker's places."""
        shipped = [line for line in (DEPLOY / "mosquitto.conf").read_text().splitlines() if line.split(" ")[0] not in PLACES]
        places = [f"listener {port} {address}", f"listener {ws_port} {address}", "protocol websockets"]
        places += [f"password_file {work}/passwords", f"acl_file {work}/access", f"persistence_location {work}/"]
        if os.geteuid() == 0:
            places.append("user root" if work == str(self._work) else "user mosquitto")
        (self._work / "mosquitto.conf").write_text("\n".join([*shipped, *places]) + "\n")

    def _answers(self) -> bool:
        """Whether it answers a stranger's CONNECT, with a refusal. A socket that is open says too little: it would not survive a reload."""
        try:
            with socket.create_connection((self.host, self.port), 2) as stranger:
                stranger.sendall(CONNECT)
                return stranger.recv(1) == CONNACK
        except OSError:
            return False
