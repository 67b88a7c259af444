from __future__ import annotations

from dataclasses import replace

from idlebell.front.notify.known import Known
from idlebell.front.notify.matching import Listing
from idlebell.front.notify.wanted import MESSAGE_EVENTS, NAME_EVENTS, Event, Group, Selected, Wanted
from idlebell.imap.responses import ListData, StatusData

OFFERED = frozenset({"LIST-STATUS", "LIST-EXTENDED", "CONDSTORE"})
COUNTED = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})
OF_SELECTED = Selected(False, COUNTED)


def listing(*names: str, subscribed: tuple[str, ...] = ()) -> Listing:
    attributes = {name: frozenset({"\\Subscribed"} if name in subscribed else ()) for name in names}
    return Listing({name: ListData(attributes[name], "/", name) for name in names})


def status(name: str, messages: int = 1, uid_next: int = 2, uid_validity: int = 1) -> StatusData:
    return StatusData(name, messages=messages, uid_next=uid_next, uid_validity=uid_validity, unseen=messages)


def told(name: str, messages: int, uid_next: int, uid_validity: int = 1) -> StatusData:
    return StatusData(name, messages=messages, uid_next=uid_next, uid_validity=uid_validity)


def personal(
    events: frozenset[Event] = COUNTED, selected: Selected | None = OF_SELECTED, status: bool = False
) -> Known:
    return Known(Wanted((Group("personal", (), events),), selected, status), OFFERED)


def stand(
    known: Known, *statuses: StatusData, selected: str | None = None, outset: bool = False
) -> tuple[StatusData, ...]:
    return known.stand(statuses, mod_seq=False, selected=selected, outset=outset)


def test_a_change_is_told_once() -> None:
    known = personal()
    assert known.listed_anew(listing("Work", "INBOX")) == ()
    assert known.asked_of(None) == ("INBOX", "Work")
    assert known.asked_of("INBOX") == ("Work",)
    assert stand(known, status("Work")) == ()  # how it stood when the client asked
    assert stand(known, status("Work", 2, 3)) == (told("Work", 2, 3),)
    assert stand(known, status("Work", 2, 3)) == ()
    assert stand(known, StatusData("Work", messages=2, uid_validity=1)) == ()  # no UIDNEXT this time
    assert stand(known, status("Work", 2, 4)) == (told("Work", 2, 4),)
    assert stand(known, status("elsewhere", 2, 4)) == ()


def test_a_notify_after_a_notify_goes_on_where_the_first_one_was() -> None:
    first = personal()
    first.listed_anew(listing("a", "b"))
    stand(first, status("a"), status("b"))
    second = Known(Wanted((Group("mailboxes", ("a", "c"), COUNTED),)), OFFERED, first)
    assert second.asked_of(None) == ("a", "c")
    assert stand(second, status("a"), status("c")) == ()
    assert stand(second, status("a", 2, 3)) == (told("a", 2, 3),)


def test_at_the_outset_each_is_told_as_it_stands_and_then_only_changes() -> None:
    known = personal(status=True)
    known.listed_anew(listing("a", "b"))
    assert stand(known, status("a"), status("b", 0, 1), outset=True) == (told("a", 1, 2), told("b", 0, 1))
    assert stand(known, status("a"), status("b", 0, 1)) == ()


def test_a_snapshot_tells_all_once_and_nothing_after_it() -> None:
    known = personal(frozenset(), status=True)
    known.listed_anew(listing("a"))
    assert known.asked_of(None) == ("a",)
    assert stand(known, status("a"), outset=True) == (told("a", 1, 2),)
    assert stand(known, status("a", 2, 3)) == ()
    named = Known(Wanted((Group("mailboxes", ("a",), frozenset()),), status=True), OFFERED)
    assert stand(named, status("a"), outset=True) == (told("a", 1, 2),)
    # names alone: there is no STATUS to tell, though renames are known by it
    names = personal(NAME_EVENTS, status=True)
    names.listed_anew(listing("a"))
    assert stand(names, status("a"), outset=True) == ()


def test_the_selected_mailbox_is_told_by_its_own_responses() -> None:
    known = personal()
    known.listed_anew(listing("a"))
    stand(known, status("a"))
    assert stand(known, status("a", 2, 3), selected="a") == ()
    assert stand(known, status("a", 2, 3)) == ()
    known.left("a", 4, 6)  # it has heard of more than a look has found
    assert stand(known, status("a", 4, 6)) == ()
    known.left("a", 4, None)
    assert stand(known, status("a", 5, 7)) == (told("a", 5, 7),)
    known.left("a", 7, None)  # two more, and nobody said by which UIDs
    assert stand(known, status("a", 7, 9)) == ()
    known.left("never", 1, 1)
    assert stand(known, status("a", 7, 9)) == ()


def test_without_a_clause_for_it_the_selected_mailbox_is_silent_until_it_is_left() -> None:
    known = personal(selected=None)
    known.listed_anew(listing("a"))
    assert stand(known, status("a"), selected="a") == ()
    assert stand(known, status("a", 2, 3), selected="a") == ()
    known.left("a", 2, 3)
    assert stand(known, status("a", 2, 3)) == (told("a", 2, 3),)


def test_mail_in_a_mailbox_that_was_made_since_is_told() -> None:
    known = personal(COUNTED | NAME_EVENTS)
    known.listed_anew(listing("a"))
    stand(known, status("a"))
    found = [status("a"), status("b", 3, 4, 2), status("c", 0, 1, 3)]
    assert [one.mailbox for one in known.listed_anew(listing("a", "b", "c"), found)] == ["b", "c"]
    assert stand(known, *found) == (told("b", 3, 4, 2),)
    assert stand(known, *found) == ()
    assert stand(known, status("c", 1, 2, 3)) == (told("c", 1, 2, 3),)


def test_a_renamed_mailbox_goes_on_where_it_stood_and_so_do_those_below() -> None:
    known = personal(COUNTED | NAME_EVENTS)
    known.listed_anew(listing("a", "a/x"))
    stand(known, status("a", 5, 6, 7), status("a/x", 8, 9, 8))
    now = [status("b", 5, 6, 7), status("b/x", 8, 9, 8)]
    (renamed,) = known.listed_anew(listing("b", "b/x"), now)
    assert (renamed.mailbox, renamed.old_name) == ("b", "a")
    assert stand(known, *now) == ()
    assert stand(known, status("b/x", 9, 10, 8)) == (told("b/x", 9, 10, 8),)
    # deleted, and made anew under the same name: another mailbox
    assert [one.has("\\NonExistent") for one in known.listed_anew(listing("b/x"), now)] == [True]
    known.listed_anew(listing("b", "b/x"))
    assert stand(known, status("b", 1, 2, 9)) == (told("b", 1, 2, 9),)


def test_a_mailbox_that_is_subscribed_to_later_is_watched_from_then_on() -> None:
    known = Known(Wanted((Group("subscribed", (), COUNTED),)), OFFERED)
    known.listed_anew(listing("a", "b", subscribed=("a",)))
    assert known.asked_of(None) == ("a",)
    known.listed_anew(listing("a", "b", "c", subscribed=("b", "c")))
    assert known.asked_of(None) == ("b", "c")
    # b was there: how it stands is no news; c was made
    assert stand(known, status("b"), status("c")) == (told("c", 1, 2),)
    assert stand(known, status("a", 9, 9)) == ()
    assert known.mailboxes == 2
    assert known.listed == 3


def test_a_mailbox_that_may_not_be_looked_into_is_told_once_and_again_when_it_may() -> None:
    known = personal()
    known.listed_anew(listing("a"))
    denied = known.refused("a")
    assert denied is not None
    assert denied.has("\\NoAccess")
    assert known.refused("a") is None
    allowed = known.allowed("a")
    assert allowed is not None
    assert not allowed.has("\\NoAccess")
    assert known.allowed("a") is None
    assert known.refused("unlisted") is None


def test_a_named_mailbox_that_is_made_later_is_told_of_from_its_first_message() -> None:
    known = Known(Wanted((Group("mailboxes", ("later", "inbox"), COUNTED),)), OFFERED)
    assert known.asked_of(None) == ("INBOX", "later")
    assert known.mailboxes == 2
    assert known.refused("later") is None  # section 3.1: it is ignored
    assert stand(known, status("INBOX")) == ()
    assert stand(known, status("later")) == (told("later", 1, 2),)
    assert stand(known, replace(status("later"), messages=2)) == (told("later", 2, 2),)


def test_flags_are_asked_and_told_where_they_are_wanted() -> None:
    known = personal(MESSAGE_EVENTS)
    known.listed_anew(listing("a"))
    stand(known, status("a"))
    assert known.of("a") == MESSAGE_EVENTS
    assert known.of("b") == frozenset()
    assert stand(known, replace(status("a"), unseen=0)) == (StatusData("a", uid_validity=1, unseen=0),)


def test_before_the_first_list_nothing_is_known() -> None:
    known = personal()
    assert known.asked_of(None) == ()
    assert known.of("a") == frozenset()
    assert Known(Wanted(), OFFERED).asked_of(None) == ()


def test_what_may_be_a_rename_under_way_waits_for_one_look() -> None:
    known = personal(NAME_EVENTS)
    known.listed_anew(listing("a"))
    stand(known, status("a"))
    assert known.listed_anew(listing("a", "b"), [status("a")]) == ()
    (made,) = known.listed_anew(listing("a", "b"), [status("a")])  # it tells no STATUS, and that is that
    assert made.mailbox == "b"
