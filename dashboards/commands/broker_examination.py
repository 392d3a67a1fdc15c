"""What `dho doctor` finds out about the broker: whether it lets us in, enforces an access list, and how much it holds for ingest."""

import secrets
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from dashboards.commands.examinations import Finding
from devices.address import BrokerAddress, new_client
from dho.errors import DhoError
from dho.settings import Settings

CONNECTS_WITHIN_S = 5.0
ANSWERS_WITHIN_S = 3.0
TOLD_WITHIN_S = 1.0
MANY_WAITING = 10_000
STORED = "$SYS/broker/store/messages/count"
RETAINED = "$SYS/broker/retained messages/count"


def examine_broker(settings: Settings) -> list[Finding]:
    """Everything about the broker that `DHO_MQTT_URL` names."""
    if not settings.mqtt_url:
        return [Finding("broker", "warn", "DHO_MQTT_URL is not set for this command.")]
    try:
        address = BrokerAddress.parse(settings.mqtt_url, settings.mqtt_ca_file)
    except DhoError as error:
        return [Finding("broker", "bad", str(error))]
    probe = _Probe(address)
    try:
        refusal = probe.connect()
        if refusal:
            return [Finding("broker", "bad", refusal)]
        return [Finding("broker", "ok", f"{address.host}:{address.port} lets us in, MQTT 5."), probe.access_list(), probe.queue()]
    finally:
        probe.close()


class _Probe:
    """A connection that writes outside of what the access list allows the service: an enforcing broker refuses, or says nothing."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._topic = f"dho-doctor/{secrets.token_hex(8)}"
        self._connected, self._answered, self._heard, self._told = (threading.Event() for _ in range(4))
        self._reason: ReasonCode | None = None
        self._refused = False
        self._counts: dict[str, int] = {}
        self._client = new_client(address, f"dho-doctor-{secrets.token_hex(4)}")
        self._client.on_connect, self._client.on_message = self._on_connect, self._on_message
        self._client.on_publish = self._on_publish

    def connect(self) -> str | None:
        """None, or the sentence that says why not."""
        where = f"{self._address.host}:{self._address.port}"
        try:
            self._client.connect(self._address.host, self._address.port)
        except OSError as error:
            return f"No broker answers at {where} ({type(error).__name__})."
        self._client.loop_start()
        if not self._connected.wait(CONNECTS_WITHIN_S) or self._reason is None:
            return f"The broker at {where} does not answer."
        return f"The broker refuses our log-in: {self._reason}." if self._reason.is_failure else None

    def access_list(self) -> Finding:
        """Refused, or taken and never delivered: enforced. Delivered to ourselves: not. No answer at all: nobody knows."""
        self._client.subscribe(self._topic, qos=1)
        self._client.publish(self._topic, b"?", qos=1)
        if not self._answered.wait(ANSWERS_WITHIN_S):
            return Finding("access list", "warn", "It could not be found out whether the broker enforces one.")
        if self._refused or not self._heard.wait(TOLD_WITHIN_S):
            return Finding("access list", "ok", "It enforces an access list.")
        said = "It enforces no access list: a gateway could write as another. Never use it for real patients."
        return Finding("access list", "warn" if self._address.host in ("localhost", "127.0.0.1", "::1") else "bad", said)

    def queue(self) -> Finding:
        """Messages that the broker holds for subscribers that have not taken them, where it tells (Mosquitto does)."""
        self._client.subscribe([(STORED, 0), (RETAINED, 0)])
        if not self._told.wait(TOLD_WITHIN_S):
            return Finding("queue", "ok", "This broker does not tell how much waits.")
        waiting = max(0, self._counts[STORED] - self._counts[RETAINED])
        said = f"About {waiting} messages wait at the broker" + (": is `dho ingest` running?" if waiting > MANY_WAITING else ".")
        return Finding("queue", "warn" if waiting > MANY_WAITING else "ok", said)

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, _client: Client, _userdata: Any, _flags: Any, reason: ReasonCode, _properties: Properties | None) -> None:
        self._reason = reason
        self._connected.set()

    def _on_publish(self, _client: Client, _userdata: Any, _mid: int, reason: ReasonCode, _properties: Properties | None) -> None:
        self._refused = reason.is_failure
        self._answered.set()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.topic == self._topic:
            self._heard.set()
        elif message.payload.isdigit():
            self._counts[message.topic] = int(message.payload)
            if len(self._counts) == 2:
                self._told.set()
