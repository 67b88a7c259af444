from __future__ import annotations

import pytest

from idlebell.front.notify.bounds import LISTED_AT_ONCE, MAILBOXES, MAILBOXES_BY_STATUS
from idlebell.front.notify.pace import Pace
from idlebell.front.notify.plan import plan
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Group, Wanted
from idlebell.imap.commands import List, Lsub

CYRUS = frozenset({"LIST-STATUS", "LIST-EXTENDED", "CONDSTORE", "OBJECTID", "NAMESPACE"})
COURIER = frozenset({"NAMESPACE"})
COUNTED = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})
NAME = frozenset({Event.MAILBOX_NAME})


def wanted(filter_: str, events: frozenset[Event], *mailboxes: str, status: bool = False) -> Wanted:
    return Wanted((Group(filter_, mailboxes, events),), status=status)


def test_one_list_tells_all_where_the_server_can() -> None:
    planned = plan(wanted("personal", MESSAGE_EVENTS | NAME), CYRUS)
    items = "STATUS (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)"
    with_status = planned.list_command(planned.asked(mod_seq=True))
    assert with_status == List("", "*", returning=("SUBSCRIBED", "CHILDREN", items))
    assert planned.asked(mod_seq=False) == ("MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN")
    assert planned.list_command() == List("", "*", returning=("SUBSCRIBED", "CHILDREN"))
    assert planned.lsub_command is None
    assert planned.lists
    assert planned.means.mailboxes == MAILBOXES
    assert planned.at_once(LISTED_AT_ONCE, 3)
    assert not planned.at_once(LISTED_AT_ONCE + 1, 3)
    assert not planned.at_once(10, 0)


def test_else_names_and_subscriptions_and_each_status_are_asked_for_apart() -> None:
    planned = plan(wanted("subscribed", COUNTED), COURIER)
    assert planned.list_command() == List("", "*")
    assert planned.lsub_command == Lsub("", "*")
    assert planned.items == ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
    assert planned.means.mailboxes == MAILBOXES_BY_STATUS
    assert not planned.at_once(3, 3)
    assert Pace().pause(10) == 60.0
    assert Pace().pause(200) == 100.0
    assert plan(wanted("personal", COUNTED), COURIER).lsub_command is None


def test_named_mailboxes_are_never_listed_unless_their_names_are_followed() -> None:
    assert not plan(wanted("mailboxes", COUNTED, "INBOX"), CYRUS).lists
    assert plan(wanted("mailboxes", NAME, "INBOX"), CYRUS).lists
    assert plan(Wanted(), CYRUS).items == ()


def test_names_alone_need_no_more_status_than_a_rename_does() -> None:
    assert plan(wanted("personal", NAME), CYRUS).items == ("UIDNEXT", "UIDVALIDITY")
    assert plan(wanted("personal", NAME), COURIER).items == ()
    assert plan(wanted("personal", frozenset({Event.SUBSCRIPTION_CHANGE})), CYRUS).items == ()
    snapshot = plan(wanted("personal", frozenset(), status=True), COURIER)
    assert snapshot.items == ("MESSAGES", "UIDNEXT", "UIDVALIDITY")


@pytest.mark.parametrize(
    ("filter_", "roots", "pattern"),
    [
        ("subtree", ("Lists",), "Lists*"),
        ("subtree", ("Lists/",), "Lists*"),
        ("subtree", ("",), "*"),
        ("subtree", ("Li%sts",), "*"),
        ("subtree", ("a", "b"), "*"),
        ("mailboxes", ("a",), "*"),
        ("personal", (), "*"),
    ],
)
def test_of_one_subtree_no_more_than_it_is_listed(filter_: str, roots: tuple[str, ...], pattern: str) -> None:
    assert plan(wanted(filter_, NAME, *roots), CYRUS).pattern == pattern
