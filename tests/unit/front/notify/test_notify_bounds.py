from __future__ import annotations

from idlebell.front.notify.bounds import EVENTS_AT_ONCE, EVENTS_PER_SECOND, Allowance


def test_a_client_is_told_so_many_at_once_and_then_so_many_a_second() -> None:
    allowance = Allowance()
    assert allowance.spend(int(EVENTS_AT_ONCE), 100.0)
    assert not allowance.spend(1, 100.0)
    assert allowance.spend(int(EVENTS_PER_SECOND), 101.0)
    assert not allowance.spend(1, 101.0)
    assert not allowance.spend(1, 50.0)  # a clock that goes back gives nothing
    assert not allowance.spend(int(EVENTS_AT_ONCE) + 1, 1_000_000.0)
    assert allowance.tokens == EVENTS_AT_ONCE
