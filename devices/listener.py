"""The loop of `dho ingest`: take what has come, commit it, acknowledge, answer.

A batch is whatever queued while the former transaction ran (1 to 500 messages); nothing waits for a batch to fill. The
order is the promise: `take` commits, then the broker's copy is acknowledged, then receipts go. Killed before the commit,
the broker delivers again; killed after it, the tablet sends again and is told `duplicate`. Nothing is acknowledged that
is not committed.
"""

import threading
import time
from collections.abc import Callable, Sequence

from paho.mqtt.subscribeoptions import SubscribeOptions

from devices import topics
from devices.address import BrokerAddress
from devices.broker_session import BrokerSession, Filters
from devices.message import Message
from devices.receipts import Receipt
from dho.db import TransientDatabaseError
from dho.log import Log
from dho.settings import Settings

BATCH = 500
BATCH_BYTES = 8 * 1024 * 1024
PATIENCE_S = 0.25
FIRST_RETRY_S, LONGEST_RETRY_S = 0.05, 5.0
OUTAGE_S = 30.0
KEEP_RETAINED, NO_RETAINED = 0, 2
log = Log(__name__)

Take = Callable[[list[Message]], list[Receipt]]


class Listener:
    """One ingest worker: number `worker` (from 0) of `workers`.

    `take` gets a batch, commits it and returns the receipts. It may raise `TransientDatabaseError` (the same batch is tried
    again); anything else it raises ends `run`: what one message can do wrong is its own business to quarantine.
    """

    def __init__(self, settings: Settings, *, worker: int, workers: int, take: Take) -> None:
        address = BrokerAddress.parse(settings.mqtt_url, settings.mqtt_ca_file)
        self.session = BrokerSession(address, f"dho-ingest-{worker}", *subscriptions(worker, workers))
        self._take = take
        self._longest_outage_s = OUTAGE_S

    def run(self, stop: threading.Event) -> None:
        """Listen until `stop` is set, then finish what is committed. Raises when the network thread ends by itself."""
        self.session.start()
        try:
            while not stop.is_set():
                for batch in _portions(self.session.wait(BATCH, PATIENCE_S)):
                    self._commit(batch, stop)
        finally:
            self.session.stop()

    def _commit(self, batch: list[Message], stop: threading.Event) -> None:
        uplinks = [message for message in batch if message.gateway and message.leaf not in topics.DOWNLINKS]
        delay_s, since = FIRST_RETRY_S, time.monotonic()
        while True:
            try:
                receipts = self._take(uplinks) if uplinks else []
                break
            except TransientDatabaseError as error:
                outage_s = time.monotonic() - since
                log.warning("could not commit a batch", error=error.code, batch=len(batch), waited_ms=int(outage_s * 1000))
                if stop.wait(delay_s) or self._is_lost(batch):
                    return  # unacknowledged: the broker delivers it again
                if outage_s > self._longest_outage_s:
                    self.session.restart()
                    return
                delay_s = min(2 * delay_s, LONGEST_RETRY_S)
        self.session.finish(batch, [(topics.topic(r.gateway, topics.RECEIPTS), r.body) for r in receipts])

    def _is_lost(self, batch: Sequence[Message]) -> bool:
        return all(message.generation != self.session.live_generation for message in batch)


def subscriptions(worker: int, workers: int) -> tuple[Filters, Filters, list[str]]:
    """What a worker listens to: (always, once at connect for the retained states), and what it no longer listens to.

    One worker subscribes plainly, and No Local keeps its own receipts from coming back. Several share one subscription;
    there MQTT forbids No Local, so receipts come back and are passed over (6 µs each): the price of hearing, with any
    number of workers, also a leaf that nobody knows, which must be quarantined and answered. Retained messages are not
    delivered at subscribing, but a publish that asks to be retained can be told by its flag. Only a gateway's last
    `status` is fetched, by the first worker.
    """
    everything = f"{topics.ROOT}/+/+"
    shared = f"$share/{topics.SHARE}/{everything}"
    name, former = (everything, shared) if workers == 1 else (shared, everything)
    options = SubscribeOptions(qos=1, noLocal=workers == 1, retainAsPublished=True, retainHandling=NO_RETAINED)
    states = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=KEEP_RETAINED)
    once = [(f"{topics.ROOT}/+/{topics.STATUS}", states)] if worker == 0 else []
    return [(name, options)], once, [former]


def _portions(batch: list[Message]) -> list[list[Message]]:
    """The batch in pieces of at most about 8 MiB, so that a flood of huge payloads does not become one transaction."""
    portions: list[list[Message]] = []
    size = BATCH_BYTES
    for message in batch:
        if size >= BATCH_BYTES:
            portions.append([])
            size = 0
        portions[-1].append(message)
        size += len(message.payload)
    return portions
