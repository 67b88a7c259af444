"""Where a mailbox stands after reports, in any order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.model.cursor import Cursor, Gap
from idlebell.watch.reported import OPEN_FOR, OPEN_UIDS, after

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def test_the_first_report_leaves_room_below_itself_and_says_when_it_came() -> None:
    assert after(None, 7, 10, NOW) == Cursor(7, 11, looked_at=NOW, gaps=(Gap(1, 9, NOW),))
    assert after(None, 7, 1, NOW) == Cursor(7, 2, looked_at=NOW)
    assert after(None, 7, 1000, NOW) == Cursor(7, 1001, looked_at=NOW, gaps=(Gap(1000 - OPEN_UIDS, 999, NOW),))


def test_what_is_passed_over_stays_open_and_is_closed_piece_by_piece() -> None:
    cursor = after(Cursor(7, 10, count=9), 7, 14, NOW)
    assert cursor == Cursor(7, 15, gaps=(Gap(10, 13, NOW),))
    cursor = after(cursor, 7, 12, NOW + SECOND)
    assert cursor == Cursor(7, 15, gaps=(Gap(10, 11, NOW), Gap(13, 13, NOW)))
    assert after(cursor, 7, 12, NOW + SECOND) is None, "told before"
    assert after(cursor, 7, 14, NOW + SECOND) is None
    cursor = after(cursor, 7, 13, NOW + SECOND)
    assert cursor == Cursor(7, 15, gaps=(Gap(10, 11, NOW),))
    assert after(cursor, 7, 9, NOW + SECOND) is None, "decided on before anything was reported"


def test_a_gap_is_open_for_ten_minutes_and_stays_for_a_session_to_look_at() -> None:
    cursor = Cursor(7, 15, gaps=(Gap(10, 11, NOW),))
    assert after(cursor, 7, 10, NOW + OPEN_FOR - SECOND) is not None
    assert after(cursor, 7, 10, NOW + OPEN_FOR) is None
    assert after(cursor, 7, 10, NOW - OPEN_FOR) is not None, "our clock was set back"
    later = after(replace(cursor, gaps=(Gap(10, 11, NOW, awaited=True),)), 7, 15, NOW + OPEN_FOR)
    assert later is not None
    assert later.first_open == 10


def test_a_gap_is_awaited_by_who_has_a_session_when_it_opens() -> None:
    cursor = after(Cursor(7, 10), 7, 12, NOW, awaited=True)
    assert cursor == Cursor(7, 13, gaps=(Gap(10, 11, NOW, awaited=True),))
    cursor = after(cursor, 7, 15, NOW)
    assert cursor == Cursor(7, 16, gaps=(Gap(10, 11, NOW, awaited=True), Gap(13, 14, NOW)))
    assert (cursor.first_open, cursor.is_open(11), cursor.is_open(13), cursor.is_open(16)) == (10, True, False, True)


def test_of_too_many_the_highest_stay_open() -> None:
    cursor = after(Cursor(7, 10, gaps=(Gap(2, 5, NOW),)), 7, 4_000_000_000, NOW)
    assert cursor == Cursor(7, 4_000_000_001, gaps=(Gap(4_000_000_000 - OPEN_UIDS, 3_999_999_999, NOW),))


@pytest.mark.parametrize("uid_validity", [6, 8])
def test_another_uidvalidity_begins_anew(uid_validity: int) -> None:
    """An older one too: whoever has put a mailbox back out of a backup hears of its mail."""
    cursor = Cursor(7, 50, gaps=(Gap(10, 11, NOW),))
    for uid in (1, 10, 99):
        assert after(cursor, uid_validity, uid, NOW) == after(None, uid_validity, uid, NOW)


@settings(max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(1, 60))
def test_in_any_order_and_however_often_each_message_is_decided_on_once(uids: list[int], uid_next: int) -> None:
    """Within ten minutes and 256 UIDs. A restart loses nothing: all that is known is in the cursor."""
    cursor = Cursor(7, uid_next)
    decided: list[int] = []
    for uid in uids:
        moved = after(cursor, 7, uid, NOW)
        if moved is not None:
            decided.append(uid)
            cursor = moved
        assert after(cursor, 7, uid, NOW) is None
        assert sum(gap.last - gap.first + 1 for gap in cursor.gaps) <= OPEN_UIDS
        assert list(cursor.gaps) == sorted(cursor.gaps, key=lambda gap: gap.first)
    assert sorted(decided) == sorted({uid for uid in uids if uid >= uid_next})


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 2**32 - 1), st.integers(0, 1200)), max_size=60))
def test_whatever_comes_nothing_is_decided_on_twice_and_the_gaps_are_bounded(reports: list[tuple[int, int]]) -> None:
    cursor: Cursor | None = None
    decided: set[int] = set()
    for uid, seconds in reports:
        moved = after(cursor, 7, uid, NOW + seconds * SECOND)
        if moved is not None:
            assert uid not in decided
            decided.add(uid)
            cursor = moved
        assert cursor is not None
        assert sum(gap.last - gap.first + 1 for gap in cursor.gaps) <= OPEN_UIDS
        assert all(gap.first <= gap.last < cursor.uid_next for gap in cursor.gaps)
