from __future__ import annotations

import pytest

from idlebell.front.notify.matching import Listing, events_of, listing_of, means, selectable
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Group
from idlebell.imap.responses import ListData, NamespaceData, NamespaceEntry

NAMESPACES = NamespaceData((NamespaceEntry("", "/"),), (NamespaceEntry("Other Users/", "/"),), None)


def mailbox(name: str, *attributes: str, delimiter: str | None = "/") -> ListData:
    return ListData(frozenset(attributes), delimiter, name)


@pytest.mark.parametrize(
    ("filter_", "named", "one", "meant"),
    [
        ("personal", (), mailbox("INBOX"), True),
        ("inboxes", (), mailbox("Work"), True),
        ("personal", (), mailbox("Other Users/bob"), False),
        ("subscribed", (), mailbox("Work", "\\subscribed"), True),
        ("subscribed", (), mailbox("Work"), False),
        ("subtree", ("Lists",), mailbox("Lists"), True),
        ("subtree", ("Lists",), mailbox("Lists/a/b"), True),
        ("subtree", ("Lists/",), mailbox("Lists/a"), True),
        ("subtree", ("Lists",), mailbox("Listserver"), False),
        ("subtree", ("Lists",), mailbox("Lists/a", delimiter=None), False),
        ("subtree", ("inbox",), mailbox("INBOX/a"), True),
        ("subtree", ("",), mailbox("Other Users/bob"), True),
        ("subtree", ("a", "b"), mailbox("b"), True),
        ("mailboxes", ("a", "b"), mailbox("b"), True),
        ("mailboxes", ("inbox",), mailbox("INBOX"), True),
        ("mailboxes", ("a*", "%"), mailbox("ab"), False),  # section 6.6: no wildcards
        ("mailboxes", ("a*",), mailbox("a*"), True),
        ("mailboxes", ("a",), mailbox("a/b"), False),
    ],
)
def test_what_a_filter_means(filter_: str, named: tuple[str, ...], one: ListData, meant: bool) -> None:
    assert means(Group(filter_, named, frozenset()), one, NAMESPACES) is meant


def test_without_namespaces_all_is_personal() -> None:
    assert means(Group("personal", (), frozenset()), mailbox("Other Users/bob"), None)


def test_several_groups_add_up_and_none_takes_nothing_away() -> None:
    groups = (
        Group("mailboxes", ("INBOX",), MESSAGE_EVENTS),
        Group("personal", (), frozenset({Event.SUBSCRIPTION_CHANGE})),
        Group("mailboxes", ("INBOX",), frozenset()),
    )
    assert events_of(groups, mailbox("INBOX"), NAMESPACES) == MESSAGE_EVENTS | {Event.SUBSCRIPTION_CHANGE}
    assert events_of(groups, mailbox("Work"), NAMESPACES) == {Event.SUBSCRIPTION_CHANGE}
    assert events_of((), mailbox("Work"), NAMESPACES) == frozenset()


def test_what_cannot_be_opened_has_no_message_events() -> None:
    groups = (Group("subtree", ("",), MESSAGE_EVENTS | {Event.MAILBOX_NAME}),)
    assert events_of(groups, mailbox("a", "\\noselect"), None) == {Event.MAILBOX_NAME}
    assert not selectable(mailbox("a", "\\NonExistent"))
    assert not selectable(mailbox("a", "\\NoAccess"))
    assert selectable(mailbox("a", "\\HasChildren"))


def test_a_listing_is_by_name_with_the_subscriptions_of_lsub() -> None:
    found = [mailbox("inbox", "\\Marked"), mailbox("Work")]
    assert listing_of(found, NAMESPACES, subscribed=["Inbox", "gone"]) == Listing(
        {"INBOX": mailbox("INBOX", "\\Marked", "\\Subscribed"), "Work": mailbox("Work")}, NAMESPACES
    )
    assert listing_of(found, None).mailboxes["INBOX"] == mailbox("INBOX", "\\Marked")
