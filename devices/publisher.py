"""Publish downlinks (plans, messages, requests) and know that the broker has them."""

import secrets
import threading
from typing import Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.address import KEEP_ALIVE_S, BrokerAddress, new_client
from dho.errors import DhoError
from dho.settings import Settings

PATIENCE_S = 10.0


class NotDelivered(DhoError):
    """The broker did not take the message in time, or refused it; the caller keeps it and tries again."""

    code = "not_delivered"


class Publisher:
    """A connection for publishing only, made at the first use. Any number may run under the same `name`; threads may share one."""

    def __init__(self, settings: Settings, name: str, *, patience_s: float = PATIENCE_S) -> None:
        self._address = BrokerAddress.parse(settings.mqtt_url, settings.mqtt_ca_file)
        self._name = f"{name}-{secrets.token_hex(4)}"
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._client: Client | None = None
        self._trouble = ""
        self._refusals: dict[int, str] = {}

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish at QoS 1 and wait for the broker's acknowledgement. Raises NotDelivered."""
        with self._lock:
            client = self._client or self._connect()
            if not self._connected.wait(self._patience_s):
                raise NotDelivered(f"The broker at {self._address.host} cannot be reached{self._trouble}.")
            self._refusals.clear()
            sent = client.publish(topic, payload, qos=1, retain=retain)
            if not self._arrived(sent):
                client.drop_out_messages()
                raise NotDelivered(f"The broker at {self._address.host} did not take a message within {self._patience_s:g} s.")
            if sent.mid in self._refusals:
                raise NotDelivered(f"The broker refused a message: {self._refusals[sent.mid]}.")

    def close(self) -> None:
        """Say goodbye; a later `publish` connects again."""
        with self._lock:
            client, self._client = self._client, None
            if client is not None:
                client.disconnect()
                client.loop_stop()
            self._connected.clear()

    def _arrived(self, sent: MQTTMessageInfo) -> bool:
        try:
            sent.wait_for_publish(self._patience_s)
            return sent.is_published()
        except (RuntimeError, ValueError):
            return False

    def _connect(self) -> Client:
        client = self._client = new_client(self._address, self._name)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish = self._on_publish
        client.reconnect_delay_set(1, 10)
        client.connect_async(self._address.host, self._address.port, KEEP_ALIVE_S)
        client.loop_start()
        return client

    def _on_connect(self, _c: Any, _u: Any, _f: Any, reason: ReasonCode, _p: Properties | None) -> None:
        self._trouble = f" ({reason})" if reason.is_failure else ""
        if not reason.is_failure:
            self._connected.set()

    def _on_disconnect(self, _c: Any, _u: Any, _f: Any, _reason: ReasonCode, _p: Properties | None) -> None:
        self._connected.clear()

    def _on_publish(self, _c: Any, _u: Any, mid: int, reason: ReasonCode, _p: Properties | None) -> None:
        if reason.is_failure:
            self._refusals[mid] = str(reason)
