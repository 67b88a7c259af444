from __future__ import annotations

from datetime import UTC, datetime, timedelta

from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.rules.pace import MINUTE, NEVER, NO_PACE, Lately, Pace, came, flood_until, released

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
THREE = Pace(flood_per_minute=3)


def test_what_is_wished_goes_before_what_the_operator_set() -> None:
    operator = Pace(5.0, 30)
    assert operator.of(NO_PREFERENCES) is operator
    assert operator.of(Preferences(coalesce_seconds=0)) == Pace(0, 30)
    assert operator.of(Preferences(flood_per_minute=0)) == Pace(5.0, 0)
    assert operator.limits
    assert not NO_PACE.limits


def test_a_minute_is_counted_from_its_first_mail() -> None:
    lately = came(NEVER, THREE, 2, NOON, held=False)
    assert lately == Lately(None, NOON, 2)
    assert flood_until(lately, THREE, NOON) is None
    lately = came(lately, THREE, 1, NOON + 59 * SECOND, held=False)
    assert flood_until(lately, THREE, NOON + 59 * SECOND) == NOON + MINUTE
    assert flood_until(lately, THREE, NOON + MINUTE) is None
    assert came(lately, THREE, 1, NOON + MINUTE, held=False) == Lately(None, NOON + MINUTE, 1)


def test_a_clock_that_was_set_back_begins_another_minute() -> None:
    full = Lately(None, NOON, 3)
    assert flood_until(full, THREE, NOON - SECOND) is None
    assert came(full, THREE, 1, NOON - SECOND, held=False) == Lately(None, NOON - SECOND, 1)


def test_what_comes_to_a_hold_begins_no_minute() -> None:
    assert came(Lately(None, NOON, 3), THREE, 1, NOON + MINUTE, held=True) == Lately(None, NOON, 4)
    assert came(NEVER, THREE, 1, NOON, held=True) == Lately(None, NOON, 1)


def test_nothing_is_counted_where_there_is_no_bound() -> None:
    lately = Lately(NOON, None, 0)
    assert came(lately, NO_PACE, 9, NOON, held=False) == released(lately, NO_PACE, 9, NOON) == lately


def test_a_flood_goes_on_while_a_minute_brings_more_than_may_ring() -> None:
    end = NOON + MINUTE
    full = Lately(None, NOON, 9)
    going_on = released(full, THREE, 6, end)
    assert flood_until(going_on, THREE, end) == end + MINUTE
    assert released(full, THREE, 3, end) == Lately(None, end, 0), "it has ebbed"
    assert released(full, THREE, 6, end + MINUTE) == Lately(None, end + MINUTE, 0), "quiet hours, long after it"
    assert released(Lately(None, NOON, 2), THREE, 6, end) == Lately(None, end, 0), "it was none"
