"""A home tablet for tests: a plain paho client, 3.1.1 or 5, that publishes and keeps what comes back."""

import secrets
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from devices import topics
from tests.services.processes import wait_for


class Tablet:
    """Connected on entry, subscribed to its receipts (or to `downlink`), and gone without a farewell after `vanish`."""

    def __init__(self, gateway: str, port: int, user: str, password: str, *, v5: bool = False, downlink: str = topics.RECEIPTS) -> None:
        version = MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311
        self.gateway, self.received = gateway, list[bytes]()
        self.client = Client(CallbackAPIVersion.VERSION2, f"{gateway}-{secrets.token_hex(3)}", protocol=version)
        self.client.username_pw_set(user, password)
        self.client.will_set(topics.topic(gateway, topics.STATUS), b'{"state":"offline"}', qos=1, retain=True)
        self.client.max_inflight_messages = 0
        self._port, self._downlink, self._subscribed = port, downlink, False

    def __enter__(self) -> Self:
        self.client.on_message, self.client.on_subscribe = self._on_message, self._on_subscribe
        self.client.connect("127.0.0.1", self._port)
        self.client.loop_start()
        self.client.subscribe(topics.topic(self.gateway, self._downlink), qos=1)
        wait_for("the tablet is subscribed", lambda: self._subscribed)
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def send(self, leaf: str, *payloads: bytes, qos: int = 1, retain: bool = False) -> None:
        """Publish and wait until the broker has it."""
        sent = [self.client.publish(topics.topic(self.gateway, leaf), payload, qos=qos, retain=retain) for payload in payloads]
        for one in sent:
            one.wait_for_publish(30)

    def vanish(self) -> None:
        """Cut the connection, as a lost network does; the broker sends the last will."""
        self.client.reconnect_delay_set(60, 60)
        sock = self.client.socket()
        assert sock is not None
        sock.close()

    def _on_message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        self.received.append(bytes(message.payload))

    def _on_subscribe(self, *_: Any) -> None:
        self._subscribed = True
