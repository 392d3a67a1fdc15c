"""The live feed's queues: each event once to each who may see it, and whoever does not keep up is closed."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from dashboards.feed_reading import Line, Scope
from dashboards.sessions import Viewer
from dashboards.subscribers import LONGEST_WAIT_S, MOST_WAITING, NOT_ALLOWED, NOT_AUTHENTICATED, TOO_SLOW, Event, Subscriber, Subscribers

CENTRE, OTHER, EVA = "centre:1", "centre:2", uuid4()
HOUR = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def subscriber(*keys: str) -> Subscriber:
    viewer = Viewer(uuid4(), "ada", "Ada", "nb", (), "token", uuid4().bytes, None)
    made = Subscriber(viewer, "connection")
    made.live = True
    made.scope = scope(*keys)
    return made


def scope(*keys: str) -> Scope:
    return Scope(dict.fromkeys(keys, "follow_up_nurse"))


def line(seq: int, *audience: str, patient: UUID = EVA) -> Line:
    return Line(seq, patient, frozenset(audience or (CENTRE, f"patient:{patient}")), f'{{"type":"alert.raised","n":{seq}}}')


def connected(*keys: str) -> tuple[Subscribers, Subscriber]:
    everybody, one = Subscribers(), subscriber(*keys)
    everybody.add(one, scope(*keys))
    return everybody, one


def taken(one: Subscriber) -> list[int]:
    numbers = []
    while (event := one.take()) is not None:
        one.sent(event)
        numbers.append(event.line.seq)
    return numbers


def test_an_event_that_matches_two_keys_is_offered_once() -> None:
    everybody, one = connected(CENTRE, f"patient:{EVA}")
    everybody.offer([line(1)], 0)
    assert taken(one) == [1]


def test_cecilie_at_another_centre_is_offered_nothing() -> None:
    everybody, cecilie = connected(OTHER)
    everybody.offer([line(1)], 0)
    assert taken(cecilie) == []


def test_what_the_snapshot_held_is_not_sent_again() -> None:
    everybody, one = connected(CENTRE)
    one.begin()
    everybody.offer([line(1), line(2), line(3)], 0)
    assert one.began(2)
    everybody.offer([line(2), line(4)], 0)
    assert taken(one) == [3, 4]


def test_a_burst_while_the_snapshot_is_read_closes_nobody() -> None:
    everybody, one = connected(CENTRE)
    one.begin()
    everybody.offer([line(n) for n in range(1, 2 * MOST_WAITING + 1)], 0)
    assert one.closing is None
    assert one.began(2 * MOST_WAITING - 1)
    assert taken(one) == [2 * MOST_WAITING]


def test_what_a_burst_pushed_out_after_the_snapshot_makes_it_begin_once_more() -> None:
    everybody, one = connected(CENTRE)
    one.begin()
    everybody.offer([line(n) for n in range(1, 2 * MOST_WAITING + 1)], 0)
    assert not one.began(MOST_WAITING - 1)


def test_a_frame_is_made_once_for_all_who_have_the_same_event_before_it() -> None:
    event = Event(line(5))
    assert event.frame(3) is event.frame(3)
    assert event.frame(3) != event.frame(4)


def test_500_frames_may_wait_and_one_more_closes_the_connection() -> None:
    everybody, slow = connected(CENTRE)
    everybody.offer([line(n) for n in range(1, MOST_WAITING + 1)], 0)
    assert slow.closing is None
    everybody.offer([line(MOST_WAITING + 1)], 0)
    assert slow.closing == TOO_SLOW


def test_a_slow_reader_takes_nobody_along() -> None:
    everybody, slow = connected(CENTRE)
    quick = subscriber(CENTRE)
    everybody.add(quick, scope(CENTRE))
    for n in range(1, MOST_WAITING + 10):
        everybody.offer([line(n)], 0)
        assert taken(quick) == [n]
    assert (slow.closing, quick.closing) == (TOO_SLOW, None)


@pytest.mark.parametrize(("waited", "closed"), [(LONGEST_WAIT_S, None), (LONGEST_WAIT_S + 0.1, TOO_SLOW)])
def test_what_waits_longer_than_ten_seconds_closes_the_connection(waited: float, closed: int | None) -> None:
    everybody, slow = connected(CENTRE)
    everybody.offer([line(1)], 100)
    everybody.close_slow(100 + waited)
    assert slow.closing == closed


def test_a_frame_that_cannot_leave_for_ten_seconds_closes_the_connection() -> None:
    everybody, slow = connected(CENTRE)
    slow.sending_since = 100
    everybody.close_slow(110.1)
    assert slow.closing == TOO_SLOW


def test_a_heartbeat_never_runs_ahead_of_what_waits() -> None:
    everybody, one = connected(CENTRE)
    one.position = 3
    assert one.complete_up_to(9) == 9
    everybody.offer([line(12)], 0)
    assert one.complete_up_to(12) == 11
    assert taken(one) == [12]
    assert one.complete_up_to(12) == 12


def test_a_heartbeat_never_falls_behind_the_snapshot() -> None:
    _, one = connected(CENTRE)
    one.position = 20
    assert one.complete_up_to(12) == 20


def test_a_look_is_logged_once_for_each_patient_connection_and_hour() -> None:
    everybody, one = connected(CENTRE)
    odd = uuid4()
    looks = everybody.looks([line(1), line(2), line(3, CENTRE, patient=odd)], HOUR)
    assert sorted(entry.seq for _, entry in looks) == [1, 3]
    for who, entry in looks:
        who.looked(entry.patient, HOUR)
    assert everybody.looks([line(4)], HOUR) == []
    assert len(everybody.looks([line(5)], HOUR.replace(hour=10))) == 1
    assert one.scope.relation(line(1)).parts[0].relation == CENTRE


def test_a_revoked_token_closes_4401_and_lost_rights_close_4403() -> None:
    everybody, revoked = connected(CENTRE)
    without_rights, untouched = subscriber(CENTRE), subscriber(CENTRE)
    for one in (without_rights, untouched):
        everybody.add(one, scope(CENTRE))
    living = {without_rights.viewer.credential, untouched.viewer.credential}
    everybody.settle([*everybody], living, {untouched.viewer.person: scope(CENTRE)}, False)
    assert (revoked.closing, without_rights.closing, untouched.closing) == (NOT_AUTHENTICATED, NOT_ALLOWED, None)
    assert not untouched.begin_again


def test_another_scope_begins_again_and_old_keys_are_offered_no_more() -> None:
    everybody, one = connected(CENTRE)
    everybody.offer([line(1)], 0)
    everybody.settle([one], {one.viewer.credential}, {one.viewer.person: scope(OTHER)}, False)
    assert one.begin_again
    everybody.offer([line(2)], 0)
    assert not one.waiting


def test_another_history_of_the_database_begins_again_for_everybody() -> None:
    everybody, one = connected(CENTRE)
    everybody.settle([one], {one.viewer.credential}, {one.viewer.person: scope(CENTRE)}, True)
    assert one.begin_again


def test_who_has_left_is_offered_nothing_and_leaves_nothing_behind() -> None:
    everybody, one = connected(CENTRE, OTHER)
    everybody.remove(one)
    everybody.offer([line(1)], 0)
    everybody.settle([one], set(), {}, False)
    assert (len(everybody), one.waiting, one.closing) == (0, type(one.waiting)(), None)
    assert not everybody.of(line(2))
