"""Which session looks after which mailboxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idlebell.watch.strategy import Assignment, assign, uncovered


def test_each_mailbox_gets_a_session_of_its_own_where_there_are_enough() -> None:
    assert assign(["INBOX", "Work"], [None, None]) == (Assignment("INBOX"), Assignment("Work"))


def test_mailbox_without_a_session_is_polled_over_another() -> None:
    assert assign(["INBOX", "Work", "Lists"], [None]) == (Assignment("INBOX", ("Work", "Lists")),)


def test_session_stays_where_it_is() -> None:
    assert assign(["Work", "INBOX"], ["INBOX", None]) == (Assignment("INBOX"), Assignment("Work"))


def test_session_of_an_unwanted_mailbox_moves() -> None:
    assert assign(["Work"], ["INBOX"]) == (Assignment("Work"),)


def test_session_too_many_is_let_go() -> None:
    assert assign(["INBOX"], ["INBOX", None]) == (Assignment("INBOX"), None)


def test_nothing_wanted_lets_all_go() -> None:
    assert assign([], ["INBOX", None]) == (None, None)


def test_uncovered_counts_mailboxes_without_a_session() -> None:
    assert uncovered(["INBOX", "Work"], ["INBOX"]) == 1
    assert uncovered(["INBOX"], [None]) == 1


names = st.sampled_from(["INBOX", "A", "B", "C", "D"])


@given(st.lists(names, unique=True), st.lists(st.none() | names))
def test_every_wanted_mailbox_is_looked_after_once_where_any_session_is(
    wanted: list[str], held: list[str | None]
) -> None:
    assignments = assign(wanted, held)

    looked_after = [name for one in assignments if one for name in (one.primary, *one.polled)]
    assert len(assignments) == len(held)
    assert sorted(looked_after) == (sorted(wanted) if held else [])
