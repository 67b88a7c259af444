from __future__ import annotations

from collections.abc import Iterable, Mapping

from idlebell.front.notify import names
from idlebell.front.notify.matching import Listing
from idlebell.front.notify.wanted import MESSAGE_EVENTS, NAME_EVENTS, Event, Group
from idlebell.imap.responses import ListData, StatusData

ALL = (Group("personal", (), NAME_EVENTS),)
NAMES = (Group("personal", (), frozenset({Event.MAILBOX_NAME})),)
SUBSCRIPTIONS = (Group("personal", (), frozenset({Event.SUBSCRIPTION_CHANGE})),)


def one(name: str, *attributes: str, old_name: str | None = None) -> ListData:
    return ListData(frozenset(attributes), "/", name, old_name)


def listing(*mailboxes: ListData) -> Listing:
    return Listing({mailbox.mailbox: mailbox for mailbox in mailboxes})


def changes(
    before: Listing,
    after: Listing,
    groups: Iterable[Group] = ALL,
    stood: Mapping[str, StatusData] | None = None,
    stands: Mapping[str, StatusData] | None = None,
    existed: frozenset[str] = frozenset(),
) -> tuple[ListData, ...]:
    return names.changes(before, after, groups, stood or {}, stands or {}, existed=existed)


def status(name: str, uid_validity: int | None, uid_next: int = 1) -> StatusData:
    return StatusData(name, uid_validity=uid_validity, uid_next=uid_next)


INBOX = one("INBOX")


def test_made_and_deleted_as_in_the_examples_of_section_5_4() -> None:
    assert changes(listing(INBOX), listing(INBOX, one("NewMailbox"))) == (one("NewMailbox"),)
    assert changes(listing(INBOX, one("DeletedMailbox")), listing(INBOX)) == (one("DeletedMailbox", "\\NonExistent"),)


def test_a_parent_is_told_where_it_shows() -> None:
    before = listing(one("a", "\\HasNoChildren"))
    after = listing(one("a", "\\HasChildren"), one("a/b", "\\HasNoChildren"))
    assert changes(before, after) == (one("a/b", "\\HasNoChildren"), one("a", "\\HasChildren"))
    assert changes(after, before) == (one("a", "\\HasNoChildren"), one("a/b", "\\NonExistent"))
    assert changes(listing(one("a", "\\Marked")), listing(one("a", "\\Unmarked"))) == ()


def test_renamed_is_told_with_the_old_name_and_once_for_all_below() -> None:
    before = listing(one("OldMailbox"), one("OldMailbox/x"))
    after = listing(one("NewMailbox"), one("NewMailbox/x"))
    stood = {"OldMailbox": status("OldMailbox", 5), "OldMailbox/x": status("OldMailbox/x", 6)}
    stands = {"NewMailbox": status("NewMailbox", 5), "NewMailbox/x": status("NewMailbox/x", 6, 9)}
    assert changes(before, after, NAMES, stood, stands) == (one("NewMailbox", old_name="OldMailbox"),)


def test_who_wants_to_hear_of_the_old_name_hears_of_the_new_one() -> None:
    groups = (Group("mailboxes", ("old",), frozenset({Event.MAILBOX_NAME})),)
    told = changes(
        listing(one("old")), listing(one("new")), groups, {"old": status("old", 3)}, {"new": status("new", 3)}
    )
    assert told == (one("new", old_name="old"),)


def test_what_could_be_two_is_neither() -> None:
    before, after = listing(one("a"), one("b")), listing(one("c"))
    same = {"a": status("a", 5), "b": status("b", 5)}
    deleted = (one("a", "\\NonExistent"), one("b", "\\NonExistent"))
    assert changes(before, after, NAMES, same, {"c": status("c", 5)}) == (one("c"), *deleted)
    # one that ends before where the old one did is another; one without UIDVALIDITY is nobody's
    assert changes(before, after, NAMES, {"a": status("a", 5, 9)}, {"c": status("c", 5, 8)}) == (one("c"), *deleted)
    assert changes(before, after, NAMES, {"a": status("a", None)}, {"c": status("c", None)}) == (one("c"), *deleted)
    # two that are made could both be it
    twins = {"c": status("c", 5), "d": status("d", 5)}
    told = changes(listing(one("a")), listing(one("c"), one("d")), NAMES, {"a": status("a", 5)}, twins)
    assert told == (one("c"), one("d"), one("a", "\\NonExistent"))


def test_without_a_delimiter_nothing_is_below() -> None:
    flat = [ListData(frozenset(), None, name) for name in ("a", "ax", "b", "bx")]
    before = Listing({name.mailbox: name for name in flat[:2]})
    after = Listing({name.mailbox: name for name in flat[2:]})
    stood = {"a": status("a", 1), "ax": status("ax", 2)}
    stands = {"b": status("b", 1), "bx": status("bx", 2)}
    told = changes(before, after, NAMES, stood, stands)
    assert [mailbox.old_name for mailbox in told] == ["a", "ax"]


def test_subscriptions_are_told_as_they_are() -> None:
    plain, subscribed = one("SubscribedMailbox"), one("SubscribedMailbox", "\\Subscribed")
    assert changes(listing(plain), listing(subscribed), SUBSCRIPTIONS) == (subscribed,)
    assert changes(listing(subscribed), listing(plain), SUBSCRIPTIONS) == (plain,)
    assert changes(listing(plain), listing(subscribed), NAMES) == ()
    # made and subscribed to at once
    assert changes(listing(), listing(subscribed), SUBSCRIPTIONS) == (subscribed,)
    assert changes(listing(), listing(plain), SUBSCRIPTIONS) == ()


def test_the_filter_subscribed_hears_of_both_sides_of_a_change() -> None:
    groups = (Group("subscribed", (), NAME_EVENTS),)
    plain, subscribed = one("a"), one("a", "\\Subscribed")
    existed = frozenset({"a", "b"})
    assert changes(listing(), listing(subscribed, one("b")), groups, existed=existed) == (subscribed,)
    assert changes(listing(subscribed), listing(plain, one("b")), groups, existed=existed) == (plain,)


def test_nothing_is_told_to_who_asked_for_no_names() -> None:
    groups = (Group("personal", (), MESSAGE_EVENTS),)
    assert changes(listing(INBOX), listing(one("a")), groups) == ()
    other = (Group("mailboxes", ("z",), NAME_EVENTS),)
    assert changes(listing(INBOX), listing(one("a")), other) == ()


def test_a_mailbox_that_is_listed_under_both_names_is_not_renamed_yet() -> None:
    before, both, new = listing(one("a"), INBOX), listing(one("a"), one("b"), INBOX), listing(one("b"), INBOX)
    stood = {"a": status("a", 1), "INBOX": status("INBOX", 2)}
    stands = {**stood, "b": status("b", 1)}
    assert names.unsettled(both, before, stood, stands) == {"b"}
    assert names.unsettled(both, before, stood, stood) == {"b"}  # its STATUS did not come along
    assert names.unsettled(new, before, stood, stands) == frozenset()
    assert names.unsettled(both, before, stood, {**stood, "b": status("b", 3)}) == frozenset()
    assert names.unsettled(both, before, stood, {}) == frozenset()  # no STATUS was asked for
    assert names.unsettled(before, before, stood, stands) == frozenset()


def test_without_access() -> None:
    assert names.without_access(one("a", "\\HasNoChildren")) == one("a", "\\HasNoChildren", "\\NoAccess")
