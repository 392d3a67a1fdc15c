"""What the network thread reads and writes, and how receipts leave: without a broker."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import wire
from devices.address import BrokerAddress
from devices.listener import subscriptions
from devices.outflow import Outflow
from dho.errors import SettingsError

PUBLISHED = st.builds(
    wire.Published,
    st.text(st.characters(blacklist_categories=("Cs",)), min_size=1, max_size=40).map(str.encode),
    st.binary(max_size=400),
    st.sampled_from([0, 1]),
    st.booleans(),
    st.integers(1, 65_535),
)


def packet(sent: wire.Published, properties: bytes = b"") -> bytes:
    """The packet as a broker writes it."""
    mid = struct.pack(">H", sent.mid) if sent.qos else b""
    body = struct.pack(">H", len(sent.topic)) + sent.topic + mid + length(len(properties)) + properties + sent.payload
    return bytes([0x30 | sent.qos << 1 | sent.retain]) + length(len(body)) + body


def length(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


@given(st.lists(PUBLISHED, max_size=20), st.binary(max_size=200))
def test_every_publish_is_read_as_it_was_sent(sent: list[wire.Published], properties: bytes) -> None:
    data = b"".join(packet(one, properties) for one in sent)
    expected = [one if one.qos else one._replace(mid=0) for one in sent]
    assert wire.read_packets(data) == (expected, len(data))


@given(st.lists(PUBLISHED, min_size=1, max_size=6), st.data())
def test_a_stream_cut_anywhere_yields_the_same_packets(sent: list[wire.Published], data: st.DataObject) -> None:
    stream = b"".join(packet(one) for one in sent)
    found, partial = [], b""
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        partial, stream = partial + stream[:cut], stream[cut:]
        packets, taken = wire.read_packets(partial)
        found, partial = found + packets, partial[taken:]
    assert [one.payload for one in found if isinstance(one, wire.Published)] == [one.payload for one in sent]
    assert partial == b""


def test_a_megabyte_is_read_in_one_piece() -> None:
    big = wire.Published(b"dho/v1/tablet/measurements", b"x" * 1_048_576, 1, False, 7)
    assert wire.read_packets(packet(big))[0] == [big]


def test_pings_and_grants_are_left_to_paho_whole_and_in_order() -> None:
    connack, suback = b"\x20\x03\x00\x00\x00", b"\x90\x04\x00\x01\x00\x01"
    sent = wire.Published(b"t", b"1", 1, False, 3)
    packets, _ = wire.read_packets(connack + packet(sent) + suback)
    assert packets == [wire.Control(connack), sent, wire.Control(suback)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x40\x02\x00\x07", wire.Acknowledged(7, False)),
        (b"\x40\x03\x01\x00\x10", wire.Acknowledged(256, False)),
        (b"\x40\x04\x00\x07\x87\x00", wire.Acknowledged(7, True)),
    ],
)
def test_an_acknowledgement_says_whether_the_broker_took_it(data: bytes, expected: wire.Acknowledged) -> None:
    assert wire.read_packets(data)[0] == [expected]


@pytest.mark.parametrize("data", [b"\x32\xff\xff\xff\xff\x01", b"\x32\x05\xff\xff\x00\x00\x00", b"\x36\x06\x00\x01t\x00\x01\x00"])
def test_what_is_not_mqtt_is_refused_and_not_guessed(data: bytes) -> None:
    with pytest.raises(wire.BrokenPacket):
        wire.read_packets(data)


@given(st.binary(max_size=100))
def test_no_bytes_whatever_raise_anything_else(data: bytes) -> None:
    try:
        packets, taken = wire.read_packets(data)
    except wire.BrokenPacket:
        return
    assert 0 <= taken <= len(data)
    assert bool(taken) == bool(packets)


def test_our_own_receipts_are_written_as_a_broker_reads_them() -> None:
    for size in (0, 90, 130, 20_000):
        written = wire.publication(b"dho/v1/tablet/receipts", 1001, b"y" * size)
        assert wire.read_packets(written)[0] == [wire.Published(b"dho/v1/tablet/receipts", b"y" * size, 1, False, 1001)]


def test_acknowledgements_keep_the_order_of_arrival() -> None:
    assert wire.acknowledgements([3, 1, 2]) == b"\x40\x02\x00\x03\x40\x02\x00\x01\x40\x02\x00\x02"


def sent_by(outflow: Outflow) -> list[wire.Published]:
    return [one for one in wire.read_packets(outflow.packets(1_000_000))[0] if isinstance(one, wire.Published)]


def test_no_more_receipts_are_in_flight_than_the_broker_allows() -> None:
    outflow = Outflow(most_waiting=100, most_in_flight=2)
    outflow.add([("t", b"1"), ("t", b"2"), ("t", b"3")])
    first = sent_by(outflow)
    assert [one.payload for one in first] == [b"1", b"2"]
    outflow.acknowledged(first[0].mid, False)
    assert [one.payload for one in sent_by(outflow)] == [b"3"]


def test_a_receipt_in_flight_when_the_connection_is_lost_is_sent_again_and_first() -> None:
    outflow = Outflow(most_waiting=100, most_in_flight=2)
    outflow.add([("t", b"1"), ("t", b"2"), ("t", b"3")])
    sent_by(outflow)
    outflow.connection_lost()
    assert [one.payload for one in sent_by(outflow)] == [b"1", b"2"]


def test_a_stalled_broker_costs_receipts_that_are_counted_never_memory() -> None:
    outflow = Outflow(most_waiting=10, most_in_flight=1)
    outflow.add([("t", b"x")] * 25)
    assert (outflow.dropped, outflow.is_crowded) == (15, True)


def test_a_message_id_still_in_flight_is_not_given_twice() -> None:
    outflow = Outflow(most_waiting=500, most_in_flight=500)
    outflow.add([("t", b"oldest")])
    oldest = sent_by(outflow)[0].mid
    for _ in range(150):
        outflow.add([("t", b"")] * 499)
        later = sent_by(outflow)
        assert oldest not in {one.mid for one in later}
        for one in later:
            outflow.acknowledged(one.mid, False)


def test_one_worker_hears_everything_but_its_own_receipts() -> None:
    filters, once, former = subscriptions(0, 1)
    ((name, options),) = filters
    assert (name, options.QoS, options.noLocal, options.retainAsPublished) == ("dho/v1/+/+", 1, True, True)
    assert options.retainHandling == 2
    assert [(name, options.retainHandling) for name, options in once] == [("dho/v1/+/status", 0)]
    assert former == ["$share/dho-ingest/dho/v1/+/+"], "what a session of several workers left behind would deliver twice"


def test_several_workers_share_one_subscription_and_the_first_fetches_states() -> None:
    assert [name for name, _ in subscriptions(1, 2)[0]] == ["$share/dho-ingest/dho/v1/+/+"]
    assert not subscriptions(1, 2)[0][0][1].noLocal, "MQTT forbids No Local on a shared subscription"
    assert [len(subscriptions(worker, 2)[1]) for worker in (0, 1)] == [1, 0]


def test_the_address_is_read_with_its_quoted_password() -> None:
    address = BrokerAddress.parse("mqtts://dho:p%40ss%2F@broker.example:8884")
    assert (address.host, address.port, address.user, address.password, address.tls) == (
        "broker.example",
        8884,
        "dho",
        "p@ss/",
        True,
    )
    assert BrokerAddress.parse("mqtt://broker").port == 1883


@pytest.mark.parametrize("url", ["", "http://x", "mqtt://", "mqtt://u:geheim@h:99999", "broker:1883", "mqtt://h/path"])
def test_an_address_that_cannot_be_used_is_one_sentence_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        BrokerAddress.parse(url)
    assert "geheim" not in str(refusal.value)
