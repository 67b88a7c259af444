"""A server that stirs us for nothing is looked at less and less often; one that has mail never waits."""

from __future__ import annotations

from idlebell.watch.patience import FORGOTTEN_PER_SECOND, PAUSE_LONGEST_SECONDS, TURNS_FREE, Patience


def turns_in(seconds: float, patience: Patience, *, took: float = 0.001) -> int:
    """How often a session gets its turn that is ready again as soon as it had the last one."""
    now, turns = 0.0, 0
    while now < seconds:
        now += patience.turn(now) + took
        turns += 1
    return turns


def test_what_stirs_for_nothing_gets_a_turn_a_second_in_the_long_run() -> None:
    assert TURNS_FREE < turns_in(60, Patience()) <= TURNS_FREE + 60 * FORGOTTEN_PER_SECOND + 20
    assert turns_in(3_600, Patience()) <= 3_600 * FORGOTTEN_PER_SECOND + TURNS_FREE + 20


def test_the_first_turns_and_rare_ones_wait_for_nothing() -> None:
    patience = Patience()
    assert [patience.turn(0.0) for _ in range(int(TURNS_FREE))] == [0.0] * int(TURNS_FREE)
    assert patience.turn(0.0) > 0.0
    assert [patience.turn(minute * 60.0) for minute in range(1, 100)] == [0.0] * 99


def test_no_turn_waits_longer_than_the_bound() -> None:
    patience = Patience()
    assert max(patience.turn(0.0) for _ in range(1_000)) == PAUSE_LONGEST_SECONDS


def test_mail_clears_what_has_gathered() -> None:
    patience = Patience()
    for _ in range(1_000):
        patience.turn(0.0)
    patience.rewarded()
    assert patience.turn(0.0) == 0.0
