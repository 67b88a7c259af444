"""Which session looks after which mailboxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idlebell.watch.strategy import Assignment, Way, assign, sessions_worth


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


def test_an_account_is_worth_one_session_where_one_serves() -> None:
    assert sessions_worth(5, Way.NOTIFY, 4, found_by_list=False) == 1
    assert sessions_worth(5, Way.POLL, 4, found_by_list=False) == 1
    assert sessions_worth(5, Way.IDLE_STATUS, 4, found_by_list=True) == 1
    assert sessions_worth(0, Way.IDLE, 4, found_by_list=False) == 0


def test_each_mailbox_is_worth_a_session_within_what_its_server_bears() -> None:
    assert sessions_worth(5, Way.IDLE_STATUS, 4, found_by_list=False) == 4
    assert sessions_worth(2, None, 4, found_by_list=False) == 2
    assert sessions_worth(2, Way.IDLE, 0, found_by_list=False) == 1


def test_no_more_sessions_are_used_than_are_worth_it() -> None:
    assert assign(["INBOX", "Work"], ["Work", None], 1) == (Assignment("Work", ("INBOX",)), None)


names = st.sampled_from(["INBOX", "A", "B", "C", "D"])


@given(st.lists(names, unique=True), st.lists(st.none() | names))
def test_every_wanted_mailbox_is_looked_after_once_where_any_session_is(
    wanted: list[str], held: list[str | None]
) -> None:
    assignments = assign(wanted, held)

    looked_after = [name for one in assignments if one for name in (one.primary, *one.others)]
    assert len(assignments) == len(held)
    assert sorted(looked_after) == (sorted(wanted) if held else [])
