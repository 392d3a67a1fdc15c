"""When was it measured? RFC 3339 exactly, and a sender's clock that runs ahead is noticed."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.decode.instants import LATEST, instant
from devices.reading import Rejected
from tests.pure.said import RECEIVED, measurement, reading, reason, refusal

EIGHT = datetime(2026, 11, 21, 8, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21T08:01:12Z", EIGHT),
        ("2026-11-21T08:01:12+00:00", EIGHT),
        ("2026-11-21T08:01:12-00:00", EIGHT),
        ("2026-11-21t08:01:12z", EIGHT),
        ("2026-11-21T09:01:12+01:00", EIGHT),
        ("2026-11-20T18:31:12-13:30", EIGHT),
        ("2026-11-21T22:01:12+14:00", EIGHT),
        ("2026-11-20T18:01:12-14:00", EIGHT),
        ("2026-11-21T08:01:12.1Z", EIGHT + timedelta(microseconds=100_000)),
        ("2026-11-21T08:01:12.123456Z", EIGHT + timedelta(microseconds=123_456)),
        ("2026-11-21T08:01:12.9999999Z", EIGHT + timedelta(microseconds=999_999)),
        ("2026-11-21T08:01:12.0000009Z", EIGHT),
        ("2026-11-21T08:01:12.123456789123456789+00:00", EIGHT + timedelta(microseconds=123_456)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59-14:00", LATEST),
        ("9999-12-31T23:59:59Z", LATEST),
    ],
)
def test_an_instant_is_read_exactly_and_cut_to_microseconds(text: str, expected: datetime) -> None:
    found = instant(text)
    assert found == expected
    assert isinstance(found, datetime)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-21",
        "2026-11-21T08:01Z",
        "2026-11-21T08Z",
        "20261121T080112Z",
        "2026-W47-6T08:01:12Z",
        "2026-325T08:01:12Z",
        "2026-11-21 08:01:12Z",
        "2026-11-21_08:01:12Z",
        "2026-11-21T08:01:12,5Z",
        "2026-11-21T08:01:12.Z",
        "2026-11-21T08:01:12.+01:00",
        "2026-11-21T08:01:12.1٢Z",
        "2026-11-21T08:01:12.٢Z",
        "2026-11-21T08:01:12.12345٢Z",
        "2026-11-21T08:01:12.1234567٢Z",
        "2026-11-21T08:01:12.1234567xZ",
        "2026-11-21T08:01:12.5.5Z",
        "2026-11-21T08:01:12+0100",
        "2026-11-21T08:01:12+01",
        "2026-11-21T08:01:12+1:00",
        "2026-11-21T08:01:12+01:00:00",
        "2026-11-21T08:01:12+01:00Z",
        "2026-11-21T08:01:12ZZ",
        "2026-11-21T08:01:12 Z",
        " 2026-11-21T08:01:12Z",
        "2026-11-21T08:01:12Z\n",
        "2026-11-21T08:01:12+14:01",
        "2026-11-21T08:01:12-14:30",
        "2026-11-21T08:01:12+15:00",
        "2026-11-21T08:01:12+23:59",
        "2026-11-21T08:01:12+09:60",
        "2026-11-21T08:01:12+09:99",
        "2026-11-21T08:01:60Z",
        "2026-11-21T23:59:60+00:00",
        "2016-12-31T23:59:60Z",
        "2026-11-21T08:01:61Z",
        "2026-11-21T08:60:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T25:00:00Z",
        "2026-02-29T08:00:00Z",
        "2026-13-01T08:00:00Z",
        "2026-00-10T08:00:00Z",
        "2026-11-31T08:00:00Z",
        "٢٠٢٦-11-21T08:01:12Z",
        "2026-11-21T08:01:1٢Z",
        "2026-11-21T08:01:12+0١:00",
        "-026-11-21T08:01:12Z",
        "12026-11-21T08:01:12Z",
        "+2026-11-21T08:01:12Z",
        "2026-1-21T08:01:12Z",
        "2026-11-21T8:01:12Z",
    ],
)
def test_what_is_not_rfc_3339_is_a_bad_time(text: str) -> None:
    found = instant(text)
    assert isinstance(found, Rejected)
    assert found.reason == "bad_time"
    assert reason(measurement(taken_at=text)) == "bad_time"


@pytest.mark.parametrize(
    "text", ["2026-11-21T08:01:12", "2026-11-21T08:01:12.123", "2026-11-21t08:01:12", "1999-11-21T08:01:12", "2026-13-41T08:01:12"]
)
def test_a_time_without_offset_is_never_guessed(text: str) -> None:
    assert reason(measurement(taken_at=text)) == "no_offset"


@pytest.mark.parametrize(
    "text",
    [
        "1999-12-31T23:59:59.999999Z",
        "2000-01-01T00:59:59+01:00",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0000-05-05T00:00:00Z",
    ],
)
def test_a_time_before_the_year_2000_is_out_of_range(text: str) -> None:
    assert reason(measurement(taken_at=text)) == "time_out_of_range"


def test_the_sentence_shows_how_a_time_is_written() -> None:
    assert "2026-11-21T08:01:12.123+01:00" in refusal(measurement(taken_at="2026-11-21T08:01:12")).detail


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(minutes=-3), timedelta(minutes=5)])
def test_up_to_five_minutes_ahead_counts_as_measured(ahead: timedelta) -> None:
    said = reading(measurement(taken_at=(RECEIVED + ahead).isoformat()))
    assert (said.measured_at, said.clock_suspect) == (RECEIVED + ahead, False)


@pytest.mark.parametrize(
    "ahead", [timedelta(minutes=5, microseconds=1), timedelta(days=400), datetime(9999, 12, 31, tzinfo=UTC) - RECEIVED]
)
def test_further_ahead_counts_as_measured_when_it_came(ahead: timedelta) -> None:
    said = reading(measurement(taken_at=(RECEIVED + ahead).isoformat()))
    assert (said.measured_at, said.clock_suspect) == (RECEIVED, True)
    assert said.taken_at == min(RECEIVED + ahead, LATEST)


def test_a_suspect_clock_does_not_change_what_was_meant() -> None:
    taken_at = (RECEIVED + timedelta(minutes=6)).isoformat()
    first, again = (
        reading(measurement(taken_at=taken_at)),
        reading(measurement(taken_at=taken_at), received_at=RECEIVED + timedelta(minutes=7)),
    )
    assert (first.clock_suspect, again.clock_suspect) == (True, False)
    assert first.digest == again.digest
