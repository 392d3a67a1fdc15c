"""The listener on real brokers: nothing acknowledged before its commit, nothing lost, nothing unanswered."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from devices import broker_session, topics
from devices.broker import EmbeddedBroker
from devices.broker_session import BrokerRefusal
from devices.listener import Listener
from devices.message import Message
from devices.publisher import NotDelivered, Publisher
from devices.receipts import Receipt
from dho.db import TransientDatabaseError
from dho.settings import Settings
from tests.live.tablets import Tablet
from tests.services.mosquitto import Mosquitto
from tests.services.processes import wait_for

EVA, ODD = "tablet-eva", "tablet-odd"
SECRET = "a-secret-of-a-tablet"


class Ingest:
    """A listener on a thread of its own, over a `take` that keeps what it committed. `trouble` is raised by the next takes, in turn."""

    def __init__(self, url: str, worker: int = 0, workers: int = 1) -> None:
        self.committed: list[Message] = []
        self.trouble: list[Exception] = []
        self.asked = 0
        self.failure: BaseException | None = None
        self.stopping = threading.Event()
        self.listener = Listener(Settings(mqtt_url=url), worker=worker, workers=workers, take=self._take)
        self._thread = threading.Thread(target=self._run)

    def start(self) -> "Ingest":
        self._thread.start()
        wait_for("ingest listens or has failed", lambda: self.listener.session.is_listening or self.failure)
        return self

    def stop(self) -> None:
        self.stopping.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def payloads(self, leaf: str = topics.MEASUREMENTS) -> list[bytes]:
        return [message.payload for message in self.committed if message.leaf == leaf]

    def _run(self) -> None:
        try:
            self.listener.run(self.stopping)
        except BaseException as failure:
            self.failure = failure

    def _take(self, messages: list[Message]) -> list[Receipt]:
        self.asked += 1
        if self.trouble:
            raise self.trouble.pop(0)
        self.committed += messages
        answered = [message for message in messages if message.leaf != topics.STATUS]
        return [Receipt(message.gateway, b"got " + message.payload[:50], "stored", None) for message in answered]


@pytest.fixture(scope="module")
def broker(mosquitto: Mosquitto) -> Mosquitto:
    mosquitto.add_gateways({EVA: SECRET, ODD: SECRET})
    return mosquitto


@pytest.fixture
def ingest(broker: Mosquitto) -> Iterator[Callable[..., Ingest]]:
    running: list[Ingest] = []

    def start(worker: int = 0, workers: int = 1) -> Ingest:
        running.append(Ingest(broker.url, worker, workers).start())
        return running[-1]

    yield start
    for one in running:
        one.stop()


@pytest.fixture
def eva(broker: Mosquitto) -> Iterator[Tablet]:
    with Tablet(EVA, broker.port, EVA, SECRET) as tablet:
        yield tablet


@pytest.mark.parametrize("v5", [False, True])
def test_what_a_tablet_sends_is_committed_and_answered(broker: Mosquitto, ingest: Callable[..., Ingest], v5: bool) -> None:
    taking = ingest()
    with Tablet(EVA, broker.port, EVA, SECRET, v5=v5) as tablet:
        tablet.send(topics.MEASUREMENTS, b"one", b"two")
        wait_for("both receipts", lambda: len(tablet.received) == 2)
    assert tablet.received == [b"got one", b"got two"]
    first = taking.committed[0]
    assert (first.gateway, first.leaf, first.qos, first.retain, first.channel) == (EVA, topics.MEASUREMENTS, 1, False, "mqtt")


def test_a_lone_message_waits_for_no_batch(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    ingest()
    eva.send(topics.MEASUREMENTS, b"warm up")
    wait_for("the first receipt", lambda: len(eva.received) == 1)
    waited = []
    for number in range(10):
        since = time.monotonic()
        eva.send(topics.MEASUREMENTS, b"x")
        wait_for("its receipt", lambda known=number: len(eva.received) == known + 2)
        waited.append(time.monotonic() - since)
    assert min(waited) < broker_session.SHORTEST_DELAY_S / 5


def test_a_burst_is_answered_message_by_message(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    eva.send(topics.MEASUREMENTS, *[b"%d" % number for number in range(3000)])
    wait_for("every receipt", lambda: len(eva.received) == 3000)
    assert sorted(eva.received) == sorted(b"got %d" % number for number in range(3000))
    assert taking.listener.session.receipts.dropped == 0


def test_what_died_with_the_worker_comes_again(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    dying = ingest()
    dying.trouble = [MemoryError()]
    eva.send(topics.MEASUREMENTS, b"one", b"two", b"three")
    wait_for("the worker has died", lambda: isinstance(dying.failure, MemoryError))
    assert dying.committed == []
    again = ingest()
    wait_for("all three again", lambda: len(again.committed) == 3)
    assert again.payloads() == [b"one", b"two", b"three"]


def test_a_busy_database_is_asked_again_with_the_same_batch(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    taking.trouble = [TransientDatabaseError("away"), TransientDatabaseError("away")]
    eva.send(topics.MEASUREMENTS, b"kept")
    wait_for("the receipt", lambda: bool(eva.received))
    assert (taking.payloads(), taking.asked, taking.listener.session.counts.connections) == ([b"kept"], 3, 1)


def test_a_long_outage_ends_in_a_new_connection_and_redelivery(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    taking.listener._longest_outage_s = 0.1
    taking.trouble = [TransientDatabaseError("away")] * 4
    eva.send(topics.MEASUREMENTS, b"kept")
    wait_for("the receipt", lambda: bool(eva.received))
    assert taking.payloads() == [b"kept"]
    assert taking.listener.session.counts.connections >= 2


def test_an_acknowledgement_never_reaches_another_connection(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    session = taking.listener.session
    inner = taking.listener._take

    def cut_before_the_commit_returns(messages: list[Message]) -> list[Receipt]:
        taking.listener._take = inner
        session.restart()
        wait_for("the connection is another", lambda: session.live_generation > messages[0].generation)
        return inner(messages)

    taking.listener._take = cut_before_the_commit_returns
    eva.send(topics.MEASUREMENTS, b"twice")
    wait_for("it came again and was acknowledged", lambda: session.counts.acknowledged == 1)
    assert (taking.payloads(), session.counts.stale) == ([b"twice", b"twice"], 1)


def test_messages_sent_while_nobody_listens_wait_at_the_broker(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    ingest().stop()
    eva.send(topics.MEASUREMENTS, *[b"%d" % number for number in range(1500)])
    later = ingest()
    wait_for("everything", lambda: len(later.committed) == 1500)
    assert later.payloads() == [b"%d" % number for number in range(1500)]


def test_a_restarted_broker_is_found_again(broker: Mosquitto, ingest: Callable[..., Ingest]) -> None:
    taking = ingest()
    broker.restart()
    with Tablet(EVA, broker.port, EVA, SECRET) as tablet:
        tablet.send(topics.MEASUREMENTS, b"after")
        wait_for("the receipt", lambda: bool(tablet.received))
    assert taking.payloads() == [b"after"]


def test_an_unknown_leaf_is_heard_and_our_own_downlinks_are_not(broker: Mosquitto, ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    publisher = Publisher(Settings(mqtt_url=broker.url), "test")
    publisher.publish(topics.topic(EVA, topics.MESSAGES), b"{}")
    publisher.close()
    eva.send("something-new", b"?")
    wait_for("its receipt", lambda: bool(eva.received))
    assert {(message.leaf, message.payload) for message in taking.committed} == {("something-new", b"?")}  # at least once


def test_a_retained_publish_is_told_by_its_flag_and_not_replayed(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    first = ingest()
    eva.send(topics.MEASUREMENTS, b"old", retain=True)
    wait_for("its receipt", lambda: bool(eva.received))
    assert {message.retain for message in first.committed} == {True}  # at least once
    first.stop()
    again = ingest()
    eva.send(topics.MEASUREMENTS, b"", retain=True)
    wait_for("the one that takes it back", lambda: len(eva.received) == 2)
    assert again.payloads() == [b""]


def test_the_last_status_of_every_tablet_is_fetched_at_start_and_comes_once(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    eva.send(topics.STATUS, b'{"state":"online"}', retain=True)
    taking = ingest()
    wait_for("its status", lambda: taking.payloads(topics.STATUS)[-1:] == [b'{"state":"online"}'])
    seen = len(taking.payloads(topics.STATUS))
    eva.send(topics.STATUS, b'{"state":"online","battery":0.5}', retain=True)
    eva.send(topics.MEASUREMENTS, b"after it")
    wait_for("what came after it", lambda: taking.payloads() == [b"after it"])
    assert len(taking.payloads(topics.STATUS)) == seen + 1


def test_a_tablet_that_vanishes_is_reported_by_its_last_will(broker: Mosquitto, ingest: Callable[..., Ingest]) -> None:
    taking = ingest()
    with Tablet(ODD, broker.port, ODD, SECRET) as tablet:
        tablet.vanish()
        wait_for("the will", lambda: b'{"state":"offline"}' in taking.payloads(topics.STATUS))


def test_a_megabyte_arrives_whole(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    eva.send(topics.MEASUREMENTS, b"x" * 1_000_000)
    wait_for("its receipt", lambda: bool(eva.received))
    assert [len(payload) for payload in taking.payloads()] == [1_000_000]


def test_one_gateway_cannot_speak_as_another(broker: Mosquitto, ingest: Callable[..., Ingest], eva: Tablet) -> None:
    taking = ingest()
    with Tablet(EVA, broker.port, ODD, SECRET) as impostor:
        impostor.client.publish(topics.topic(EVA, topics.MEASUREMENTS), b"not hers", qos=1)
        eva.send(topics.MEASUREMENTS, b"hers")
        wait_for("her receipt", lambda: bool(eva.received))
        assert (taking.payloads(), impostor.received) == ([b"hers"], [])


def test_two_workers_share_the_load_and_lose_nothing(ingest: Callable[..., Ingest], eva: Tablet) -> None:
    ingest().stop()
    workers = [ingest(0, 2), ingest(1, 2)]
    eva.send(topics.MEASUREMENTS, *[b"%d" % number for number in range(2000)])
    wait_for("every receipt", lambda: len(eva.received) == 2000)
    assert sorted(eva.received) == sorted(b"got %d" % number for number in range(2000))
    assert all(worker.payloads() for worker in workers)


def test_a_wrong_log_in_ends_the_worker_with_one_sentence(broker: Mosquitto) -> None:
    refused = Ingest(broker.url.replace(f":{broker.password}@", ":wrong@")).start()
    wait_for("it has ended", lambda: refused.failure)
    assert isinstance(refused.failure, BrokerRefusal)
    assert "DHO_MQTT_URL" in str(refused.failure)


def test_a_second_process_under_the_same_number_takes_over_and_the_first_says_so(ingest: Callable[..., Ingest]) -> None:
    first = ingest()
    ingest()
    wait_for("the first has ended", lambda: isinstance(first.failure, BrokerRefusal))
    assert "worker's number" in str(first.failure)


def test_a_network_thread_that_died_ends_the_worker(ingest: Callable[..., Ingest], eva: Tablet, monkeypatch: pytest.MonkeyPatch) -> None:
    taking = ingest()

    def broken(*_: object) -> Message:
        raise ZeroDivisionError

    monkeypatch.setattr(taking.listener.session, "_message", broken)
    eva.send(topics.MEASUREMENTS, b"kept at the broker")
    wait_for("the worker has ended", lambda: isinstance(taking.failure, ZeroDivisionError))


def test_a_downlink_that_nobody_takes_is_said_to_be_undelivered() -> None:
    publisher = Publisher(Settings(mqtt_url="mqtt://dho:x@127.0.0.1:1"), "test", patience_s=0.2)
    with pytest.raises(NotDelivered, match="cannot be reached"):
        publisher.publish(topics.topic(EVA, topics.PLAN), b"{}", retain=True)
    publisher.close()


def test_a_retained_plan_waits_for_the_tablet(broker: Mosquitto) -> None:
    publisher = Publisher(Settings(mqtt_url=broker.url), "test")
    publisher.publish(topics.topic(EVA, topics.PLAN), b'{"patients":[]}', retain=True)
    with Tablet(EVA, broker.port, EVA, SECRET, downlink=topics.PLAN) as tablet:
        wait_for("the plan", lambda: bool(tablet.received))
    publisher.publish(topics.topic(EVA, topics.PLAN), b"", retain=True)
    publisher.close()
    assert tablet.received == [b'{"patients":[]}']


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path_factory.mktemp("rumqttd"), {EVA: SECRET, ODD: SECRET}, mosquitto=None) as running:
        yield running


@pytest.mark.parametrize("v5", [False, True])
def test_the_embedded_broker_carries_measurements_and_receipts(embedded: EmbeddedBroker, v5: bool) -> None:
    taking = Ingest(embedded.url).start()
    with Tablet(EVA, embedded.port_v5 if v5 else embedded.port, EVA, SECRET, v5=v5) as tablet:
        tablet.send(topics.MEASUREMENTS, *[b"%d" % number for number in range(300)])
        wait_for("every receipt", lambda: len(tablet.received) == 300)
        tablet.send("something-new", b"?")
        wait_for("a receipt for the unknown leaf", lambda: len(tablet.received) == 301)
    taking.stop()
    assert sorted(set(taking.payloads())) == sorted(b"%d" % number for number in range(300))


def test_the_embedded_broker_delivers_again_what_was_not_committed(embedded: EmbeddedBroker) -> None:
    dying = Ingest(embedded.url).start()
    dying.trouble = [MemoryError()]
    with Tablet(EVA, embedded.port, EVA, SECRET) as tablet:
        tablet.send(topics.MEASUREMENTS, b"once more")
        wait_for("the worker has died", lambda: dying.failure)
        again = Ingest(embedded.url).start()
        wait_for("the receipt", lambda: bool(tablet.received))
    again.stop()
    assert b"once more" in again.payloads()


def test_the_embedded_broker_asks_for_passwords_and_admits_new_gateways(embedded: EmbeddedBroker) -> None:
    embedded.add_gateway("tablet-new", SECRET)
    with Tablet("tablet-new", embedded.port, "tablet-new", SECRET) as tablet:
        tablet.send(topics.MEASUREMENTS, b"hello")
    assert embedded.access_list is False
    refused = Client(CallbackAPIVersion.VERSION2, "intruder")
    refused.username_pw_set("tablet-new", "wrong")
    refused.connect("127.0.0.1", embedded.port)
    refused.loop_start()
    wait_for("the broker has hung up", lambda: refused.socket() is None)
    assert not refused.is_connected()
    refused.loop_stop()


def test_the_embedded_broker_listens_on_this_machine_alone(embedded: EmbeddedBroker) -> None:
    listening = Path("/proc/net/tcp").read_text().split("\n")
    open_to_all = {int(line.split()[1].split(":")[1], 16) for line in listening[1:] if " 00000000:" in line[:16] and " 0A " in line}
    assert not open_to_all & {embedded.port, embedded.port_v5, embedded.ws_port}
    assert urlsplit(embedded.url).hostname == "127.0.0.1"


def test_a_browser_reaches_the_embedded_broker_over_websockets(embedded: EmbeddedBroker) -> None:
    client = Client(CallbackAPIVersion.VERSION2, client_id="browser", transport="websockets")
    client.username_pw_set(EVA, SECRET)
    client.connect("127.0.0.1", embedded.ws_port)
    client.loop_start()
    wait_for("connected", client.is_connected)
    client.disconnect()
    client.loop_stop()
