"""Which session looks after which mailboxes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.commands import EventGroup
from idlebell.model.selection import Personal, Subscribed, Subtree
from idlebell.watch.lapses import Lapses, Promise
from idlebell.watch.strategy import (
    NAMES_AT_ONCE,
    Assignment,
    Chosen,
    Way,
    assign,
    by_want,
    choose,
    event_groups,
    instead,
    sessions_worth,
)


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


def chosen(*capabilities: str, lapses: Lapses | None = None, several: bool = True) -> Chosen:
    return choose(lambda name: name in capabilities, lapses or Lapses(), 0.0, several=several)


def without(promise: Promise) -> Lapses:
    lapses = Lapses()
    lapses.unsaid(promise, 0.0, sure=True)
    return lapses


def test_the_best_way_that_a_server_can_and_may_be_trusted_with_is_chosen() -> None:
    mute = "the server accepts {} and then says nothing of new mail"
    both = ("IDLE", "NOTIFY")

    assert chosen(*both) == Chosen(Way.NOTIFY)
    assert chosen(*both, several=False) == Chosen(Way.IDLE)
    assert chosen("IDLE") == Chosen(Way.IDLE_STATUS, "the server has no NOTIFY")
    assert chosen(*both, lapses=without(Promise.NOTIFY)) == Chosen(Way.IDLE_STATUS, mute.format("NOTIFY"))
    assert chosen(*both, lapses=without(Promise.NOTIFY), several=False) == Chosen(Way.IDLE)
    assert chosen(*both, lapses=without(Promise.IDLE)) == Chosen(Way.POLL, mute.format("IDLE"))
    assert chosen("NOTIFY") == Chosen(Way.POLL, "the server has no IDLE")


def test_inbox_is_wanted_most() -> None:
    assert by_want(["A", "INBOX", "B"]) == ("INBOX", "A", "B")


BOTH = ("MessageNew", "MessageExpunge")
SELECTED = EventGroup("selected", BOTH)


def test_named_mailboxes_are_one_group_beside_the_open_one() -> None:
    assert event_groups(["INBOX", "Work"], (), (), with_subscriptions=True) == (
        SELECTED,
        EventGroup("mailboxes", BOTH, ("INBOX", "Work")),
    )


def test_selections_are_groups_of_their_own_each_once() -> None:
    """None of them with MailboxName, which breaks sessions of Dovecot."""
    selections = (Personal(), Subscribed(), Subtree("Work"), Personal())

    with_subscriptions = event_groups(["INBOX", "Fixed"], selections, {"INBOX"}, with_subscriptions=True)
    assert with_subscriptions == (
        SELECTED,
        EventGroup("personal", BOTH),
        EventGroup("subscribed", (*BOTH, "SubscriptionChange")),
        EventGroup("subtree", BOTH, ("Work",)),
        EventGroup("mailboxes", BOTH, ("Fixed",)),
    )
    without_subscriptions = event_groups(["INBOX"], selections, {"INBOX"}, with_subscriptions=False)
    assert {group.events for group in without_subscriptions} == {BOTH}


def test_more_names_than_a_server_takes_at_once_are_asked_for_as_personal() -> None:
    names = [f"m{number}" for number in range(NAMES_AT_ONCE + 1)]

    assert event_groups(names, (), (), with_subscriptions=True) == (SELECTED, EventGroup("personal", BOTH))
    assert event_groups(names[:-1], (), (), with_subscriptions=True)[1].mailboxes == tuple(names[:-1])


@given(st.lists(names, unique=True), st.lists(st.none() | names), st.integers(1, 4))
def test_no_more_sessions_work_than_are_to_be_used(wanted: list[str], held: list[str | None], most: int) -> None:
    assignments = assign(wanted, held, most)

    working = [one for one in assignments if one is not None]
    looked_after = [name for one in working for name in (one.primary, *one.others)]
    assert len(working) == min(most, len(held), len(wanted))
    assert sorted(looked_after) == (sorted(wanted) if held else [])


@given(st.lists(names, unique=True, min_size=1), st.integers(1, 5))
def test_what_was_assigned_is_assigned_again(wanted: list[str], sessions: int) -> None:
    first = assign(wanted, [None] * sessions)

    held = [one.primary for one in first if one is not None]
    assert [one.primary for one in assign(wanted, held) if one is not None] == held


def test_another_mailbox_stands_in_for_one_that_does_not_open() -> None:
    assignment = Assignment("A", ("B", "C"))
    assert instead(assignment, {"A"}) == Assignment("B", ("A", "C"))
    assert instead(assignment, {"A", "B"}) == Assignment("C", ("A", "B"))
    assert instead(assignment, {"A", "B", "C"}) is None
    assert instead(Assignment("A"), {"A"}) is None
