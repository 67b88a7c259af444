"""Who may have how many pushes in flight."""

from __future__ import annotations

from idlebell.deliver.lanes import SILENT_MAX, Lanes
from idlebell.deliver.settings import LANES_KEPT, DeliverySettings

A, B, C = b"a", b"b", b"c"


def lanes(in_flight: int = 12) -> Lanes:
    return Lanes(DeliverySettings(in_flight=in_flight))


def prove(known: Lanes, name: bytes) -> None:
    known.started(name)
    known.heard(name, answered=True)
    known.finished(name)


def begin(known: Lanes, shares: dict[bytes, int]) -> None:
    for name, share in shares.items():
        for _ in range(share):
            known.started(name)


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


def test_what_is_short_is_shared_one_to_each_in_turn() -> None:
    known = lanes(in_flight=4)
    for name in (A, B, C):
        prove(known, name)
    assert known.sharing(0.0).shares([A, B, C]) == {A: 2, B: 1, C: 1}
    assert known.sharing(0.0).shares([]) == {}


def test_services_that_have_not_answered_hold_at_most_half() -> None:
    known = lanes(in_flight=6)
    prove(known, A)
    hanging = [b"h%d" % number for number in range(10)]
    begin(known, known.sharing(0.0).shares(hanging))
    assert known.sharing(0.0).shares(hanging) == {}
    assert known.sharing(0.0).shares([*hanging, A]) == {A: 3}


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


def test_a_service_that_falls_silent_is_unproven_until_it_answers_again() -> None:
    known = lanes()
    prove(known, A)
    known.started(A)
    for _ in range(SILENT_MAX - 1):
        known.heard(A, answered=False)
    assert known.sharing(0.0).shares([A]) == {A: 3}
    known.heard(A, answered=False)
    assert known.sharing(0.0).shares([A]) == {A: 1}
    known.heard(A, answered=True)
    assert known.sharing(0.0).shares([A]) == {A: 3}


def test_a_lane_that_was_asked_to_pause_gets_nothing_until_then() -> None:
    known = lanes()
    prove(known, A)
    known.pause(A, 10.0)
    known.pause(A, 5.0)
    assert (known.sharing(9.9).shares([A, B]), known.blocked(9.9)) == ({B: 2}, 1)
    assert (known.sharing(10.0).shares([A]), known.blocked(10.0)) == ({A: 4}, 0)


def test_a_full_lane_counts_as_blocked() -> None:
    known = lanes()
    begin(known, {A: 2})
    assert known.blocked(0.0) == 1


def test_whether_a_service_has_taken_anything_is_remembered() -> None:
    known = lanes()
    assert not known.accepts(A)
    prove(known, A)
    assert not known.accepts(A)
    known.heard(A, answered=True, accepted=True)
    known.heard(A, answered=False)
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
