"""A topic says who speaks and about what, and nothing else is listened to."""

import pytest

from devices import topics


@pytest.mark.parametrize("leaf", [*topics.UPLINKS, *topics.DOWNLINKS, "something-new"])
def test_a_topic_is_read_back_as_it_was_made(leaf: str) -> None:
    assert topics.parse(topics.topic("tablet-7", leaf)) == ("tablet-7", leaf)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "dho/v1",
        "dho/v1/",
        "dho/v1/tablet",
        "dho/v1/tablet/",
        "dho/v1//status",
        "dho/v1/a/b/c",
        "dho/v2/a/status",
        "x",
    ],
)
def test_anything_but_gateway_and_leaf_is_no_topic_of_ours(name: str) -> None:
    assert topics.parse(name) is None


def test_no_leaf_is_both_uplink_and_downlink() -> None:
    assert not set(topics.UPLINKS) & set(topics.DOWNLINKS)


@pytest.mark.parametrize("text", ["t", "018f2c1e-9d3b-7c11-8000-0242ac120002", "gw_1.a"])
def test_a_gateway_id_is_one_topic_level(text: str) -> None:
    assert topics.is_gateway_id(text)


@pytest.mark.parametrize("text", ["", "a/b", "a+", "#", "a b", "a\n", "a\0b", "x" * 65])
def test_a_gateway_id_that_would_reach_another_topic_is_refused(text: str) -> None:
    assert not topics.is_gateway_id(text)
