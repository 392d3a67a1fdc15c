"""Frames of the live feed: what is stored goes out as it is, and nothing is larger than 64 KiB."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from alerts.alert import Alert
from dashboards.frames import LARGEST_FRAME, event_frame, heartbeat_frame, snapshot_frames, welcome_frame

NINE = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def alert(padding: int = 0, number: int = 1) -> Alert:
    because: list[dict[str, Any]] = [{"rule": "spo2-red", "explanation": "æ" * padding}]
    return Alert(
        id=UUID(int=number),
        version=1,
        patient=uuid4(),
        centre=uuid4(),
        organisation=uuid4(),
        family="spo2",
        zone="red",
        standing="red",
        state="open",
        plan_version=uuid4(),
        plan_number=1,
        raised_at=NINE,
        updated_at=NINE,
        late=False,
        supported=True,
        text={"text": "SpO₂ under 88", "key": "k", "args": {}},
        because=because,
        basis=[],
    )


def test_an_event_goes_out_as_it_was_stored_with_its_number_and_the_one_before() -> None:
    body = '{"type": "alert.raised", "at": "2026-11-24T09:00:00Z", "alert": {"value": 38.10}}'
    frame = event_frame(7, 4, body)
    assert json.loads(frame) == {"op": "event", "seq": 7, "prev": 4, **json.loads(body)}
    assert "38.10" in frame


def test_an_empty_board_is_a_snapshot_too_and_the_last_one() -> None:
    assert [json.loads(frame) for frame in snapshot_frames(12, [])] == [{"op": "snapshot", "at_seq": 12, "alerts": [], "last": True}]


@pytest.mark.parametrize(("alerts", "padding"), [(1, 0), (300, 100), (40, 5_000), (3, 30_000)])
def test_a_large_snapshot_is_cut_into_frames_of_at_most_64_kib_with_one_position(alerts: int, padding: int) -> None:
    frames = list(snapshot_frames(12, [alert(padding, number) for number in range(alerts)]))
    assert max(len(frame.encode()) for frame in frames) <= LARGEST_FRAME
    told = [json.loads(frame) for frame in frames]
    assert [frame["last"] for frame in told] == [False] * (len(told) - 1) + [True]
    assert {frame["at_seq"] for frame in told} == {12}
    assert [UUID(a["id"]).int for frame in told for a in frame["alerts"]] == list(range(alerts))


def test_a_snapshot_tells_an_alert_in_the_same_words_as_an_event() -> None:
    one = alert()
    (frame,) = snapshot_frames(1, [one])
    assert json.loads(frame)["alerts"] == [one.told()]


def test_the_welcome_and_the_heartbeat_say_what_the_contract_says() -> None:
    assert json.loads(welcome_frame("e", 9, 15, ["centre:x"])) == {
        "op": "welcome",
        "epoch": "e",
        "head": 9,
        "heartbeat_s": 15,
        "scope": ["centre:x"],
    }
    assert json.loads(heartbeat_frame(9, NINE)) == {"op": "heartbeat", "seq": 9, "at": "2026-11-24T09:00:00Z"}
