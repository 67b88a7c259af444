"""When what is owed is looked for again."""

from __future__ import annotations

from idlebell.watch.catch_up import OWED_FIRST_SECONDS, OWED_LONGEST_SECONDS, owed_seconds


def test_what_is_owed_is_looked_for_soon_and_then_less_and_less_often() -> None:
    waits = [owed_seconds(failures) for failures in range(1, 20)]

    assert waits[0] == OWED_FIRST_SECONDS
    assert waits == sorted(waits)
    assert waits[1] == 2 * OWED_FIRST_SECONDS
    assert waits[-1] == OWED_LONGEST_SECONDS
