"""Imported lines through the broker, as a tablet sends them: kept until their receipt, sent again when none comes."""

import json
import queue
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from paho.mqtt.client import Client, MQTTMessage

from dashboards.commands.import_delivery import Delivered
from dashboards.commands.measurement_lines import Line
from devices import topics
from devices.address import BrokerAddress, new_client
from dho.errors import DhoError

MOST_ELEMENTS, MOST_BYTES = 200, 60_000
MOST_ON_THE_WAY = 2_000
PATIENCE_S = 20.0
ATTEMPTS = 6
CONNECT_WITHIN_S = 10.0


class NoBroker(DhoError):
    """The broker cannot be reached or refuses the gateway."""

    code = "broker_unavailable"


@dataclass(slots=True)
class Waiting:
    """Lines that were sent under one id (the same content twice has the same id), and when they were last sent."""

    lines: list[Line]
    element: bytes
    sent_at: float
    attempts: int = 1


class OverMqtt:
    """One gateway's connection. `close` ends it."""

    def __init__(self, address: BrokerAddress) -> None:
        assert address.user is not None
        self._gateway = address.user
        self._receipts: queue.Queue[bytes] = queue.Queue()
        self._refusal: queue.Queue[str] = queue.Queue()
        self._client = new_client(address, f"import-{uuid4()}")
        self._client.on_connect, self._client.on_message = self._on_connect, self._on_message
        self._client.on_subscribe = lambda *_: self._refusal.put("")
        self._waiting: dict[str, Waiting] = {}
        try:
            self._client.connect(address.host, address.port)
            self._client.loop_start()
            refusal = self._refusal.get(timeout=CONNECT_WITHIN_S)
        except (OSError, queue.Empty):
            raise NoBroker(f"No broker answers at {address.host}:{address.port}.") from None
        if refusal:
            self.close()
            raise NoBroker(f"The broker refuses gateway {self._gateway}: {refusal}.")

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()

    def deliver(self, lines: Sequence[tuple[Line, UUID]]) -> Iterator[Delivered]:
        """See `Delivery`. A line without any receipt after several attempts is rejected as such."""
        fresh: list[bytes] = []
        for line, patient in lines:
            element = line.element(patient)
            identity = str(line.id or line.identity(patient))
            if identity in self._waiting:
                self._waiting[identity].lines.append(line)
                continue
            self._waiting[identity] = Waiting([line], element, time.monotonic())
            fresh.append(element)
            if len(fresh) >= MOST_ELEMENTS or sum(map(len, fresh)) > MOST_BYTES:
                self._send(fresh)
                fresh = []
            while len(self._waiting) >= MOST_ON_THE_WAY:
                yield from self._hear()
        self._send(fresh)
        while self._waiting:
            yield from self._hear()

    def _send(self, elements: Sequence[bytes]) -> None:
        """As arrays that stay below the size limit."""
        array: list[bytes] = []
        for element in elements:
            if array and (sum(map(len, array)) + len(array) + len(element) > MOST_BYTES or len(array) >= MOST_ELEMENTS):
                self._publish(array)
                array = []
            array.append(element)
        if array:
            self._publish(array)

    def _publish(self, array: Sequence[bytes]) -> None:
        self._client.publish(topics.topic(self._gateway, topics.MEASUREMENTS), b"[" + b",".join(array) + b"]", qos=1)

    def _hear(self) -> Iterator[Delivered]:
        """The next receipt, or, when nothing has come for a while, everything once more."""
        try:
            body = self._receipts.get(timeout=1.0)
        except queue.Empty:
            yield from self._again()
            return
        receipt = json.loads(body)
        found = self._waiting.pop(str(receipt.get("id", "")).lower(), None)
        for number, line in enumerate(found.lines if found else ()):
            told = Delivered.of(line, receipt)
            yield Delivered(line.place, "duplicate") if number and told.status == "stored" else told

    def _again(self) -> Iterator[Delivered]:
        now = time.monotonic()
        overdue = [identity for identity, waiting in self._waiting.items() if now - waiting.sent_at > PATIENCE_S]
        for identity in [i for i in overdue if self._waiting[i].attempts >= ATTEMPTS]:
            overdue.remove(identity)
            for line in self._waiting.pop(identity).lines:
                yield Delivered(line.place, "rejected", "no_receipt", f"No receipt came after {ATTEMPTS} attempts.")
        for identity in overdue:
            self._waiting[identity].sent_at, self._waiting[identity].attempts = now, self._waiting[identity].attempts + 1
        self._send([self._waiting[identity].element for identity in overdue])

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._refusal.put(str(reason))
        else:
            client.subscribe(topics.topic(self._gateway, topics.RECEIPTS), qos=1)

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self._receipts.put(bytes(message.payload))
