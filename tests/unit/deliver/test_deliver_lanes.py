"""Who may have how many pushes in flight."""

from __future__ import annotations

from collections import Counter

from idlebell.deliver.breaker import Reply, State
from idlebell.deliver.lanes import Heard, Lanes
from idlebell.deliver.settings import LANES_KEPT, DeliverySettings
from idlebell.net.http_pool import CONNECTIONS_PER_ORIGIN

A, B, C = b"a", b"b", b"c"


def lanes(in_flight: int = 12) -> Lanes:
    return Lanes(DeliverySettings(in_flight=in_flight))


def heard(reply: Reply = Reply.ANSWERED, endpoint: int = 1, took: float = 0.0, now: float = 0.0) -> Heard:
    return Heard(reply, endpoint, now - took, now)


def prove(known: Lanes, name: bytes) -> None:
    known.started(name)
    known.heard(name, heard())
    known.finished(name)


def accept(known: Lanes, name: bytes, times: int, took: float = 0.1) -> None:
    for _ in range(times):
        known.heard(name, Heard(Reply.ANSWERED, 1, 0.0, took, accepted=True))


def begin(known: Lanes, shares: dict[bytes, int]) -> None:
    for name, share in shares.items():
        for _ in range(share):
            known.started(name)


def trip(known: Lanes, name: bytes, now: float = 0.0) -> None:
    known.started(name)
    for endpoint in range(4):
        known.heard(name, heard(Reply.SILENT, endpoint, now=now))
    known.finished(name)


def test_a_service_that_answers_gets_four_and_a_new_one_two() -> None:
    known = lanes()
    prove(known, A)
    assert known.sharing(0.0).shares([A, B]) == {A: 4, B: 2}


def test_a_lane_gets_no_more_than_its_bound_in_all() -> None:
    known = lanes()
    prove(known, A)
    known.started(A)
    assert known.sharing(0.0).shares([A]) == {A: 3}
    begin(known, {A: 3})
    assert known.sharing(0.0).shares([A]) == {}
    known.finished(A)
    assert known.sharing(0.0).shares([A]) == {A: 1}


def test_a_service_that_bears_more_gets_more_up_to_half_of_all() -> None:
    settings = DeliverySettings()
    known = Lanes(settings)
    begin(known, {A: settings.in_flight_per_lane_max})
    accept(known, A, 1_000)
    assert known.windows() == [settings.in_flight_per_lane_max] == [settings.in_flight // 2]
    assert settings.in_flight_per_lane_max <= CONNECTIONS_PER_ORIGIN


def test_trouble_halves_what_a_service_gets() -> None:
    for trouble in (Reply.BUSY, Reply.FAILED, Reply.SILENT):
        known = lanes()
        begin(known, {A: 4})
        accept(known, A, 1)
        known.heard(A, heard(trouble, now=1.0))
        assert known.windows() == [2]


def test_a_refusal_says_nothing_about_how_many_it_bears() -> None:
    known = lanes()
    begin(known, {A: 4})
    for _ in range(10):
        known.heard(A, heard(took=5.0))
    assert known.windows() == [4]


def test_what_is_short_is_shared_one_to_each_in_turn() -> None:
    known = lanes(in_flight=4)
    for name in (A, B, C):
        prove(known, name)
    assert known.sharing(0.0).shares([A, B, C]) == {A: 2, B: 1, C: 1}
    assert known.sharing(0.0).shares([]) == {}


def test_whoever_has_the_fewest_in_flight_comes_first_however_long_others_wait() -> None:
    """A service with a long queue takes its next place only when those with a short one have theirs."""
    known = lanes(in_flight=6)
    for name in (A, B):
        prove(known, name)
    begin(known, {A: 3})
    assert known.sharing(0.0).shares([A, B]) == {B: 3}


def test_services_that_have_not_answered_hold_at_most_half() -> None:
    known = lanes(in_flight=6)
    prove(known, A)
    hanging = [b"h%d" % number for number in range(10)]
    begin(known, known.sharing(0.0).shares(hanging))
    assert known.sharing(0.0).shares(hanging) == {}
    assert known.sharing(0.0).shares([*hanging, A]) == {A: 3}


def test_what_was_tried_before_we_were_there_comes_after_what_never_was() -> None:
    """As after a restart: of what hung before, more waits than there are places."""
    known = lanes(in_flight=4)
    hanging = [b"h%d" % number for number in range(200)]
    assert known.sharing(0.0).shares([*hanging, A], hanging) == {A: 1, b"h0": 1}
    prove(known, A)
    assert known.sharing(0.0).shares([A, B], [A]) == {A: 2, B: 2}, "what it is like is known"


def test_services_that_are_slow_hold_at_most_half_too_until_they_are_quick_again() -> None:
    known = lanes(in_flight=8)
    prove(known, A)
    begin(known, {B: 1, C: 1})
    for name in (B, C):
        known.heard(name, heard(took=9.0, now=9.0))
    assert known.sharing(9.0).shares([B, C, A]) == {B: 1, C: 1, A: 4}
    for _ in range(30):
        known.heard(B, heard(took=0.1, now=10.0))
    assert Counter(known.sharing(10.0).shares([B, C])) == {B: 3, C: 3}


def test_what_is_being_settled_counts_in_all_but_not_at_its_service() -> None:
    known = lanes(in_flight=5)
    prove(known, A)
    begin(known, {A: 4})
    assert known.sharing(0.0).shares([A]) == {}
    for _ in range(3):
        known.settling(A)
    assert known.sharing(0.0).shares([A]) == {A: 1}
    known.settled()
    assert known.sharing(0.0).shares([A]) == {A: 2}


def test_even_a_total_of_one_lets_a_new_service_prove_itself() -> None:
    assert lanes(in_flight=1).sharing(0.0).shares([A]) == {A: 1}


def test_a_service_that_is_down_gets_nothing_then_one_and_begins_again_with_one() -> None:
    known = lanes()
    prove(known, A)
    trip(known, A)
    assert (known.sharing(0.9).shares([A, B]), known.blocked(0.9)) == ({B: 2}, 1)
    assert (known.sharing(1.0).shares([A]), known.blocked(1.0)) == ({A: 1}, 0)
    assert known.states(0.9) == {"closed": 0, "open": 1, "half_open": 0}
    assert known.states(1.0) == {"closed": 0, "open": 0, "half_open": 1}
    known.started(A)
    known.heard(A, heard(now=1.2))
    known.finished(A)
    assert known.states(1.2) == {"closed": 1, "open": 0, "half_open": 0}
    assert known.sharing(1.2).shares([A]) == {A: 1}


def test_only_a_change_of_the_breaker_is_told() -> None:
    known = lanes()
    known.started(A)
    told = [known.heard(A, heard(Reply.SILENT, endpoint)) for endpoint in range(5)]
    assert [one and one.state for one in told] == [None, None, None, State.OPEN, None]
    again = known.heard(A, heard(Reply.SILENT, 1, now=1.0))
    assert again is not None
    assert again.until - again.since == 2.0
    closed = known.heard(A, heard(now=3.0))
    assert closed is not None
    assert closed.state is State.CLOSED
    assert known.heard(A, heard(now=3.0)) is None


def test_a_full_lane_counts_as_blocked() -> None:
    known = lanes()
    begin(known, {A: 2})
    assert known.blocked(0.0) == 1


def test_whether_a_service_has_taken_anything_is_remembered() -> None:
    known = lanes()
    assert not known.accepts(A)
    prove(known, A)
    assert not known.accepts(A)
    accept(known, A, 1)
    known.heard(A, heard(Reply.SILENT))
    assert known.accepts(A)


def test_memory_is_bounded_and_what_is_in_flight_is_never_forgotten() -> None:
    known = lanes()
    begin(known, {A: 1})
    for number in range(LANES_KEPT + 5):
        prove(known, b"%d" % number)
    assert len(known) == LANES_KEPT
    known.finished(A)


def test_where_all_are_in_flight_none_is_forgotten() -> None:
    known = lanes()
    for number in range(LANES_KEPT + 1):
        known.started(b"%d" % number)
    assert len(known) == LANES_KEPT + 1


def test_only_a_service_that_is_known_to_be_quick_has_places_to_reserve() -> None:
    known = lanes()
    assert not known.reserve(0.0, A)
    known.started(A)
    assert not known.reserve(0.0, A)
    known.finished(A)
    prove(known, B)
    assert known.reserve(0.0, B)
    prove(known, C)
    known.started(C)
    known.heard(C, heard(took=60.0, now=60.0))
    assert not known.reserve(60.0, C)
    trip(known, B)
    assert not known.reserve(0.0, B)


def test_a_place_that_is_reserved_is_nobody_elses() -> None:
    known = lanes(in_flight=6)
    prove(known, A)
    prove(known, B)
    known.started(A)
    assert [known.reserve(0.0, A) for _ in range(4)] == [True, True, True, False]
    assert known.sharing(0.0).shares([A, B]) == {B: 2}
    assert [known.reserve(0.0, B) for _ in range(3)] == [True, True, False], "no more than there are in all"
    known.returned(A)
    assert known.sharing(0.0).shares([A]) == {A: 1}
    known.returned(A)
    known.started(A)
    assert known.sharing(0.0).shares([A]) == {A: 1}


def test_a_service_with_a_reserved_place_is_not_forgotten() -> None:
    known = lanes()
    prove(known, A)
    assert known.reserve(0.0, A)
    for number in range(LANES_KEPT + 1):
        prove(known, b"%d" % number)
    assert known.reserve(0.0, A)
