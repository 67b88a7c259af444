"""How many at once a service is found to bear."""

from __future__ import annotations

import pytest

from idlebell.deliver.window import LATE_SECONDS, LEAST, Window


def window(size: float = 4.0) -> Window:
    return Window(size, 32.0)


def test_a_full_window_grows_by_one_each_time_it_was_all_answered() -> None:
    learnt = window()
    for _ in range(5):
        learnt.accepted(0.1, 0.0, 0.1, full=True)
    assert 5.0 < learnt.size < 5.2
    for _ in range(1_000):
        learnt.accepted(0.1, 0.0, 0.1, full=True)
    assert learnt.size == 32.0


def test_one_that_is_not_used_up_proves_nothing_and_does_not_grow() -> None:
    learnt = window()
    learnt.accepted(0.1, 0.0, 0.1, full=False)
    assert learnt.size == 4.0


def test_it_is_halved_once_for_what_was_under_way_together() -> None:
    learnt = window(16.0)
    for end in (1.0, 1.1, 1.2):
        learnt.cut(0.5, end)
    assert learnt.size == 8.0
    learnt.cut(1.3, 1.4)
    assert learnt.size == 4.0


def test_it_never_closes_altogether() -> None:
    learnt = window(1.5)
    for at in range(5):
        learnt.cut(float(at), float(at))
    assert learnt.size == LEAST


def test_answers_that_come_later_and_later_show_that_they_stand_in_line() -> None:
    learnt = window()
    learnt.accepted(0.3, 0.0, 0.3, full=True)
    size = learnt.size
    learnt.accepted(1.0, 0.3, 1.3, full=True)
    assert learnt.size == size / 2


@pytest.mark.parametrize(("quickest", "took"), [(0.001, LATE_SECONDS), (5.0, 14.9)])
def test_a_short_wait_is_no_line_and_neither_is_a_slow_service(quickest: float, took: float) -> None:
    learnt = window()
    learnt.accepted(quickest, 0.0, quickest, full=False)
    learnt.accepted(took, 1.0, 1.0 + took, full=True)
    assert learnt.size > 4.0


def test_a_service_that_has_become_slow_for_good_is_believed_in_time() -> None:
    learnt = window()
    learnt.accepted(0.2, 0.0, 0.2, full=True)
    for at in range(300):
        learnt.accepted(2.0, float(at), at + 2.0, full=True)
    assert learnt.size > 4.0


def test_after_an_outage_it_begins_with_one() -> None:
    learnt = window(20.0)
    learnt.begin_again()
    assert learnt.size == LEAST
