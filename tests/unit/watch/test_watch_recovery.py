"""How long to wait before a lost session is opened again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idlebell.model.problem import Fault
from idlebell.watch.recovery import LATER_FIRST_SECONDS, LATER_LONGEST_SECONDS, LONGEST_SECONDS, pause

LOST = Fault("session-lost", "")
LIMIT = Fault("throttled", "")


def test_first_attempt_comes_within_a_second_but_not_at_once() -> None:
    assert pause(LOST, 1, 0.0) == 0.5
    assert pause(LOST, 1, 0.999) < 1.0


def test_doubles_up_to_a_bound() -> None:
    assert [pause(LOST, attempt, 0.0) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert pause(LOST, 10_000, 0.999999) < LONGEST_SECONDS


def test_limit_is_met_with_minutes() -> None:
    assert pause(LIMIT, 1, 0.0) == LATER_FIRST_SECONDS / 2
    assert pause(LIMIT, 50, 0.0) == LATER_LONGEST_SECONDS / 2


def test_what_the_server_asked_for_is_a_lower_bound() -> None:
    assert pause(Fault("server-error", "", retry_after_seconds=300), 1, 0.5) == 300.0


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_every_pause_is_positive_and_bounded(attempt: int, entropy: float) -> None:
    assert 0 < pause(LOST, attempt, entropy) <= LONGEST_SECONDS
    assert 0 < pause(LIMIT, attempt, entropy) <= LATER_LONGEST_SECONDS
