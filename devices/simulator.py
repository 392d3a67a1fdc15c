"""Simulated tablets: past days quickly and in time order, then real time. They enter over MQTT like any other, and may do nothing more.

A past upload carries `x-arrived-at`, which ingest honours for gateways marked simulated in a demo, and nowhere else. An hour of the past
is answered before the next is sent, so that everything is judged in the order in which it happened. Like real tablets these keep an
upload until its receipt, and send it again after a minute or when the connection is back.
"""

import heapq
import json
import select
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from devices import topics
from devices.simulated_days import Profile, Upload, day, dice_for, wristband
from dho import clock
from dho.log import Log

MOST_OPEN = 200
KEEP_ALIVE_S = 120
SEND_AGAIN_S = 60.0
ANSWERED_WITHIN_S = 30.0
STEP = timedelta(hours=1)
LOOK_EVERY_S = 0.25
WRISTBAND_EVERY = timedelta(minutes=4)
PRESENT = timedelta(minutes=2)
LONGEST_OFFLINE = timedelta(days=3)
OFFLINE, ONLINE = b'{"state":"offline"}', b'{"state":"online","battery":0.8,"app":"1.4.2"}'
log = Log(__name__)


@dataclass(slots=True)
class _Kept:
    upload: Upload
    body: bytes
    sent_at_s: float


class Simulator:
    """The tablets of `patients`, at the broker's 3.1.1 port on this machine. `passwords` are by gateway."""

    def __init__(self, patients: Sequence[Profile], passwords: dict[str, str], port: int, seed: int = 0) -> None:
        self._patients, self._seed = list(patients), seed
        self._tablets = _Tablets(passwords, port, self._answered)
        self._kept: dict[str, _Kept] = {}
        self.sent = self.answered = 0

    def run(self, stop: threading.Event, since: datetime, hours_per_second: float) -> None:
        """Play everything from `since` up to now, then go on in real time until `stop` is set."""
        try:
            self._live(stop, self._past(stop, since, hours_per_second))
        finally:
            self._tablets.close()

    def _past(self, stop: threading.Event, since: datetime, hours_per_second: float) -> list[Upload]:
        """Send the past hour by hour; returns what is left for the present, a heap."""
        waiting = sorted(upload for upload in self._uploads(since - LONGEST_OFFLINE, clock.now()) if upload.send_at >= since)
        reached, place = since, 0
        while not stop.is_set() and reached < clock.now() - PRESENT:
            began = time.monotonic()
            reached = min(reached + STEP, clock.now())
            while place < len(waiting) and waiting[place].send_at <= reached:
                self._send(waiting[place], past=True)
                place += 1
            self._wait_for_answers(stop)
            stop.wait(max(0.0, STEP / timedelta(hours=1) / hours_per_second - (time.monotonic() - began)))
        log.info("simulated past days", count=place)
        return waiting[place:]

    def _live(self, stop: threading.Event, heap: list[Upload]) -> None:
        planned, next_steps = clock.now(), clock.now()
        while not stop.is_set():
            now = clock.now()
            if now.date() > planned.date():
                for upload in self._uploads(planned, now):
                    if upload.send_at > planned:
                        heapq.heappush(heap, upload)
                planned = now
            while heap and heap[0].send_at <= now:
                self._send(heapq.heappop(heap), past=False)
            if self._patients and now >= next_steps:  # also tells the watch that the simulator lives in the present
                self._send(wristband(self._patients[0], now), past=False)
                next_steps = now + WRISTBAND_EVERY
            self._send_again()
            self._tablets.turn(LOOK_EVERY_S)

    def _uploads(self, start: datetime, now: datetime) -> Iterable[Upload]:
        """What is measured on the local dates from `start` to tomorrow."""
        for patient in self._patients:
            first, last = start.astimezone(patient.zone).date(), now.astimezone(patient.zone).date() + timedelta(days=1)
            for number in range((last - first).days + 1):
                yield from self._day(patient, first + timedelta(days=number))

    def _day(self, patient: Profile, on: date) -> list[Upload]:
        return day(patient, on, dice_for(patient, on, self._seed))

    def _send(self, upload: Upload, *, past: bool) -> None:
        body = upload.body
        if past:
            body = json.dumps({**json.loads(body), "x-arrived-at": upload.send_at.isoformat()}).encode()
        self._kept[str(upload.id)] = _Kept(upload, body, time.monotonic())
        self._tablets.publish(upload.gateway, upload.leaf, body)
        self.sent += 1

    def _send_again(self) -> None:
        due = time.monotonic() - SEND_AGAIN_S
        for kept in [kept for kept in self._kept.values() if kept.sent_at_s < due]:
            kept.sent_at_s = time.monotonic()
            self._tablets.publish(kept.upload.gateway, kept.upload.leaf, kept.body)

    def _wait_for_answers(self, stop: threading.Event) -> None:
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while self._kept and not stop.is_set() and time.monotonic() < deadline:
            self._tablets.turn(0.05)
            self._send_again()

    def _answered(self, payload: bytes) -> None:
        with suppress(ValueError, TypeError, KeyError):
            if self._kept.pop(str(json.loads(payload)["id"]), None) is not None:
                self.answered += 1


class _Tablets:
    """Connections of tablets, on one thread; the least lately used is closed when more than `MOST_OPEN` are open."""

    def __init__(self, passwords: dict[str, str], port: int, on_receipt: Any) -> None:
        self._passwords, self._port, self._on_receipt = passwords, port, on_receipt
        self._open: OrderedDict[str, Client] = OrderedDict()

    def publish(self, gateway: str, leaf: str, body: bytes) -> None:
        """Send, if the broker can be reached; if not, the upload is kept and sent again."""
        client = self._open.get(gateway) or self._connect(gateway)
        if client is not None:
            self._open.move_to_end(gateway)
            client.publish(topics.topic(gateway, leaf), body, qos=1)

    def turn(self, patience_s: float) -> None:
        """Read and write what can be read and written, waiting at most `patience_s` seconds for it."""
        sockets = {client.socket(): (gateway, client) for gateway, client in self._open.items()}
        if None in sockets or not sockets:
            self._forget([gateway for gateway, client in self._open.items() if client.socket() is None])
            time.sleep(patience_s if not sockets else 0)
            return
        poll = select.poll()
        by_number = {}
        for sock, (gateway, client) in sockets.items():
            assert sock is not None
            poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if client.want_write() else 0))
            by_number[sock.fileno()] = gateway, client
        ready = poll.poll(patience_s * 1000)
        broken = [by_number[number][0] for number, events in ready if not _serve(by_number[number][1], events)]
        broken += [gateway for gateway, client in by_number.values() if client.loop_misc() != MQTTErrorCode.MQTT_ERR_SUCCESS]
        self._forget(broken)

    def close(self) -> None:
        """Say goodbye to the broker."""
        for gateway, client in self._open.items():
            client.publish(topics.topic(gateway, topics.STATUS), OFFLINE, qos=1, retain=True)
            client.disconnect()
        self._open.clear()

    def _connect(self, gateway: str) -> Client | None:
        client = Client(CallbackAPIVersion.VERSION2, f"{gateway}-simulated", protocol=MQTTProtocolVersion.MQTTv311)
        client.username_pw_set(gateway, self._passwords[gateway])
        client.will_set(topics.topic(gateway, topics.STATUS), OFFLINE, qos=1, retain=True)
        client.on_message = self._on_message
        client.max_inflight_messages = 0
        try:
            client.connect("127.0.0.1", self._port, KEEP_ALIVE_S)
            while not client.is_connected():
                if client.loop(1.0) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    return None
        except OSError:
            return None
        client.subscribe(topics.topic(gateway, topics.RECEIPTS), qos=1)
        client.publish(topics.topic(gateway, topics.STATUS), ONLINE, qos=1, retain=True)
        self._open[gateway] = client
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)[1].disconnect()
        return client

    def _on_message(self, _client: Any, _userdata: Any, message: MQTTMessage) -> None:
        self._on_receipt(message.payload)

    def _forget(self, gateways: Iterable[str]) -> None:
        for gateway in gateways:
            self._open.pop(gateway, None)


def _serve(client: Client, events: int) -> bool:
    if events & select.POLLOUT and client.loop_write() != MQTTErrorCode.MQTT_ERR_SUCCESS:
        return False
    if events & ~select.POLLOUT:
        return client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS and client.socket() is not None
    return True
