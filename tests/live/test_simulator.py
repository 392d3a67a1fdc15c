"""Simulated tablets on a real broker: the past in its order, everything answered, then the present."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices import topics
from devices.broker import EmbeddedBroker
from devices.message import Message
from devices.receipts import Receipt
from devices.simulated_days import Condition, profile
from devices.simulator import Simulator
from dho import clock
from tests.live.test_listener import Ingest
from tests.services.processes import wait_for

OSLO = ZoneInfo("Europe/Oslo")
SECRET = "a-secret-of-a-tablet"
PLACES: tuple[tuple[str, Condition], ...] = (
    ("sim-1", "copd"),
    ("sim-2", "heart_failure"),
    ("sim-3", "diabetes"),
    ("sim-4", "hypertension"),
)


class Answering(Ingest):
    """Answers as intake does: by the id that was sent."""

    def _take(self, messages: list[Message]) -> list[Receipt]:
        self.committed += messages
        counted = [message for message in messages if message.leaf in (topics.MEASUREMENTS, topics.ANSWERS)]
        return [Receipt(m.gateway, json.dumps({"id": json.loads(m.payload)["id"]}).encode(), "stored", None) for m in counted]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(tmp_path, {gateway: SECRET for gateway, _ in PLACES}) as running:
        yield running


def test_past_days_come_in_order_and_answered_and_then_the_present(broker: EmbeddedBroker) -> None:
    taking = Answering(broker.url).start()
    today = clock.now().astimezone(OSLO).date()
    patients = [profile(gateway, condition, 1, today, OSLO) for gateway, condition in PLACES]
    simulator, stop = Simulator(patients, dict.fromkeys([g for g, _ in PLACES], SECRET), broker.port), threading.Event()
    since = clock.now() - timedelta(days=4)
    playing = threading.Thread(target=simulator.run, args=(stop, since, 10_000))
    playing.start()
    sent = lambda: [json.loads(payload) for payload in taking.payloads()]  # noqa: E731
    wait_for("the present", lambda: any("x-arrived-at" not in body for body in sent()))
    wait_for("every answer", lambda: simulator.answered == simulator.sent)
    stop.set()
    playing.join(10)
    taking.stop()
    assert not playing.is_alive()
    past = [datetime.fromisoformat(body["x-arrived-at"]).astimezone(UTC) for body in sent() if "x-arrived-at" in body]
    assert len(past) > 12
    assert min(past) >= since
    hours = [int((at - since) / timedelta(hours=1)) for at in past]
    assert hours == sorted(hours), "an hour is answered before the next is sent"
    assert {message.gateway for message in taking.committed} == {gateway for gateway, _ in PLACES}
