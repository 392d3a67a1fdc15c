"""One durable session with the broker, on one network thread that alone touches the connection.

The thread reads what comes into a bounded queue and does as it is told after a commit: acknowledge, then publish receipts.
Because acknowledging happens on the thread that also connects, no acknowledgement can reach another connection than the
one (the *generation*) its message came on, though message ids are reused after a reconnect.
"""

import select
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices import topics, wire
from devices.address import KEEP_ALIVE_S, BrokerAddress
from devices.buffered_client import BufferedClient, BufferedSocket, buffered_client
from devices.message import Message
from devices.outflow import Outflow
from dho import clock
from dho.errors import DhoError
from dho.log import Log

RECEIVE_MAXIMUM = 1000
SESSION_EXPIRY_S = 7 * 24 * 3600
SHORTEST_DELAY_S, LONGEST_DELAY_S = 1.0, 10.0
MOST_WAITING_BYTES = 32 * 1024 * 1024
MOST_WAITING_RECEIPTS = 10_000
MOST_UNSENT = 1024 * 1024
FAREWELL_S = 2.0
STALL_S = 5.0
TAKEN_OVER = 0x8E
log = Log(__name__)


class BrokerRefusal(DhoError):
    """The broker does not let the service in, or does not let it listen."""

    code = "broker_refused"


@dataclass(slots=True)
class Counts:
    """What this session has done since it was made. `stale` acknowledgements belonged to a connection that was gone."""

    received: int = 0
    overflowed: int = 0
    acknowledged: int = 0
    stale: int = 0
    connections: int = 0


Receipts = Sequence[tuple[str, bytes]]
Filters = Sequence[tuple[str, SubscribeOptions]]


class BrokerSession:
    """Connects, subscribes, queues, acknowledges; connects again when the connection is lost, 1 to 10 s apart.

    `filters` are subscribed at every connect. `once` too, but given up as soon as the broker has granted it: it is there for
    its retained messages, and would deliver twice what `filters` covers as well. `former` filters, which a session of another
    shape may have left at the broker, are given up first.
    """

    def __init__(self, address: BrokerAddress, client_id: str, filters: Filters, once: Filters = (), former: Sequence[str] = ()) -> None:
        self.counts = Counts()
        self.receipts = Outflow(MOST_WAITING_RECEIPTS, RECEIVE_MAXIMUM)
        self._address, self._filters, self._once = address, list(filters), list(once)
        self._former = list(former)
        self._asked: dict[int, Filters] = {}
        self._client = self._new_client(client_id)
        self._thread = threading.Thread(target=self._run, name=client_id, daemon=True)
        self._failure: BaseException | None = None
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._ready = threading.Condition()
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._done: deque[tuple[Sequence[Message], Receipts]] = deque()
        self._generation = 0
        self._live = 0
        self._crowded_since = time.monotonic()
        self._ending = self._restarting = False

    # What the worker calls -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the network thread."""
        self._thread.start()

    def wait(self, limit: int, timeout_s: float) -> list[Message]:
        """What has come, oldest first, at most `limit`; empty if nothing came in `timeout_s` seconds.

        Raises what ended the network thread, if something did.
        """
        with self._ready:
            if not self._waiting and self._thread.is_alive():
                self._ready.wait(timeout_s)
            if not self._thread.is_alive() and not self._ending:
                raise self._failure or RuntimeError("the network thread has ended")
            batch = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
            self._waiting_bytes -= _size(batch)
        return batch

    def finish(self, messages: Sequence[Message], receipts: Receipts) -> None:
        """After the commit: acknowledge `messages` if their connection still lives, then publish (topic, body) pairs."""
        self._done.append((messages, receipts))
        self._wake()

    def restart(self) -> None:
        """Forget what waits and connect again, so that the broker delivers everything unacknowledged once more."""
        self._restarting = True
        self._wake()

    def stop(self) -> None:
        """Send what is finished, say goodbye (the broker keeps the session) and end the thread."""
        self._ending = True
        self._wake()
        self._thread.join()

    @property
    def live_generation(self) -> int:
        """The generation of the connection that is up, or 0."""
        return self._live

    @property
    def is_listening(self) -> bool:
        """Whether the broker has granted every subscription on the connection that is up."""
        return bool(self._live) and not self._asked

    def _wake(self) -> None:
        self._wake_write.send(b"\0")

    # The network thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        delay_s = 0.0
        try:
            while not self._ending:
                if self._client.socket() is not None:
                    self._turn(1.0)
                    delay_s = SHORTEST_DELAY_S if self._live else delay_s
                elif not self._pause(delay_s):
                    delay_s = min(max(2 * delay_s, SHORTEST_DELAY_S), LONGEST_DELAY_S)
                    self._connect()
            self._say_goodbye()
        except BaseException as failure:
            self._failure = failure
        finally:
            self._live = 0
            with self._ready:
                self._ready.notify_all()

    def _turn(self, patience_s: float) -> None:
        """One round: wait until there is something to do, read, settle what the worker finished, write."""
        client, buffered = self._client, self._client.buffered
        assert buffered is not None
        has_room = self._waiting_bytes < MOST_WAITING_BYTES
        broker, wake = buffered.fileno(), self._wake_read.fileno()
        writing = [broker] if buffered.unsent or client.want_write() else []
        patience_s = 0 if buffered.pending() else patience_s
        readable, _, _ = select.select([broker, wake] if has_room else [wake], writing, [], patience_s)
        if wake in readable:
            self._wake_read.recv(4096)
        if self._restarting:
            self._restarting = False
            buffered.shut()
        elif has_room and (broker in readable or buffered.pending()):
            self._read(buffered)
        if buffered.is_closed:
            client.loop_read()  # paho finds the end of the stream, closes, and calls `_on_disconnect`
        self._settle(buffered)
        if client.socket() is not None:
            client.loop_write()
            buffered.flush()
            client.loop_misc()

    def _read(self, buffered: BufferedSocket) -> None:
        now: datetime | None = None
        fresh: list[Message] = []
        for packet in buffered.read_packets():
            if isinstance(packet, wire.Published):
                now = now or clock.now()
                fresh.append(self._message(packet, now))
            elif isinstance(packet, wire.Acknowledged):
                self.receipts.acknowledged(packet.mid, packet.refused)
                self._crowded_since = time.monotonic()
            else:
                buffered.feed(packet.packet)
                self._client.loop_read()
        if fresh and self._live:
            self.counts.received += len(fresh)
            with self._ready:
                if len(self._waiting) > 2 * RECEIVE_MAXIMUM:  # only QoS 0 can come faster than we acknowledge
                    self.counts.overflowed += sum([message.qos == 0 for message in fresh])
                    fresh = [message for message in fresh if message.qos]
                self._waiting.extend(fresh)
                self._waiting_bytes += _size(fresh)
                self._ready.notify()

    def _message(self, packet: wire.Published, now: datetime) -> Message:
        name = packet.topic.decode(errors="replace")
        gateway, leaf = topics.parse(name) or ("", "")
        return Message(name, packet.payload, gateway, leaf, packet.qos, packet.retain, now, self._live, packet.mid)

    def _settle(self, buffered: BufferedSocket) -> None:
        """Acknowledge what the worker committed, in the order of arrival, then let receipts go.

        While receipts crowd up, acknowledgements are held back, and with them the broker's next messages; but not for
        longer than `STALL_S` without one receipt taken: then receipts are dropped, and measurements go on.
        """
        if not self.receipts.is_crowded:
            self._crowded_since = time.monotonic()
        while self._done and (not self.receipts.is_crowded or time.monotonic() - self._crowded_since > STALL_S):
            messages, receipts = self._done.popleft()
            mids = [message.mid for message in messages if message.generation == self._live and message.mid]
            self.counts.acknowledged += len(mids)
            self.counts.stale += len(messages) - len(mids)
            buffered.write(wire.acknowledgements(mids))
            self.receipts.add(receipts)
        if self._live:
            buffered.write(self.receipts.packets(MOST_UNSENT - buffered.unsent))

    def _pause(self, seconds: float) -> bool:
        """Wait before the next attempt; True if the wait was cut short."""
        woken = bool(select.select([self._wake_read], [], [], seconds)[0])
        if woken:
            self._wake_read.recv(4096)
            self._restarting = False
        return woken

    def _say_goodbye(self) -> None:
        until = time.monotonic() + FAREWELL_S
        while self._live and not (self.receipts.is_idle and not self._done) and time.monotonic() < until:
            self._turn(0.05)
        if self._client.socket() is not None:
            self._client.disconnect()
            self._client.loop_write()

    # Connecting, and paho's callbacks: all on the network thread --------------------------------------------------------

    def _new_client(self, client_id: str) -> BufferedClient:
        client = buffered_client(client_id)
        self._address.prepare(client)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe = self._on_subscribe
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        address = self._address
        client.connect_async(address.host, address.port, KEEP_ALIVE_S, clean_start=False, properties=properties)
        return client

    def _connect(self) -> None:
        try:
            self._client.reconnect()
        except OSError as error:
            log.warning("could not reach the broker", error=type(error).__name__, host=self._address.host)

    def _on_connect(self, _client: Any, _userdata: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            log.warning("was refused by the broker", reason=str(reason), host=self._address.host)
            if not self.counts.connections:
                raise BrokerRefusal(f"The broker refused the log-in of DHO_MQTT_URL: {reason}.")
            return
        self._generation += 1
        self._live = self._generation
        self.counts.connections += 1
        self.receipts.most_in_flight = min(RECEIVE_MAXIMUM, getattr(properties, "ReceiveMaximum", RECEIVE_MAXIMUM))
        self._asked = {}
        if self._former:
            self._client.unsubscribe(self._former)
        for filters in (self._filters, self._once):
            if filters:
                _, mid = self._client.subscribe(filters)
                self._asked[mid or 0] = filters
        state = "resumed" if flags.session_present else "new"
        log.info("connected to the broker", host=self._address.host, port=self._address.port, state=state)

    def _on_disconnect(
        self, _client: Any, _userdata: Any, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._live = 0
        self.receipts.connection_lost()
        with self._ready:
            self._waiting.clear()
            self._waiting_bytes = 0
        log.info("lost the broker", reason=str(reason))
        if flags.is_disconnect_packet_from_server and reason.value == TAKEN_OVER:
            raise BrokerRefusal("Another process listens under this worker's number; give each worker its own.")

    def _on_subscribe(self, _client: Any, _userdata: Any, mid: int, reasons: list[ReasonCode], _properties: Properties | None) -> None:
        asked = self._asked.pop(mid, [])
        refused = [name for (name, _), reason in zip(asked, reasons, strict=True) if reason.is_failure]
        if refused:
            raise BrokerRefusal(f"The broker refuses the subscription to {', '.join(refused)}; see its access list.")
        if asked is self._once:
            self._client.unsubscribe([name for name, _ in asked])
        if not self._asked:
            log.info("ready")


def _size(messages: Sequence[Message]) -> int:
    return sum([len(message.payload) for message in messages])
