"""Which mailboxes a selection means, and which one has another name now."""

from __future__ import annotations

import pytest

from idlebell.imap.responses import ListData, NamespaceData, NamespaceEntry, StatusData
from idlebell.model.cursor import Cursor
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.watch import census
from idlebell.watch.census import Listed, listed, passed_over, renamed, selected


def found(name: str, *attributes: str, delimiter: str | None = "/") -> ListData:
    return ListData(frozenset(attributes), delimiter, name)


def names(mailboxes: tuple[Listed, ...], selection: Selection | None = None, most: int = 100) -> tuple[str, ...]:
    return selected(selection or Personal(), mailboxes, most)


def test_personal_is_without_the_uses_that_nobody_wants_a_bell_for() -> None:
    all_there = listed(
        [
            found("Archive", "\\Archive"),
            found("Müll", "\\Trash"),
            found("Spam", "\\Junk"),
            found("Entwürfe", "\\Drafts"),
            found("Gesendet", "\\Sent"),
            found("All Mail", "\\All"),
            found("Trash"),
            found("INBOX"),
        ],
        (),
        None,
    )

    assert names(all_there) == ("INBOX", "Archive", "Trash")


@pytest.mark.parametrize(
    "name", ["Trash", "INBOX/Junk E-mail", "Deleted Items", "drafts", "Sent_Messages", "Papierkorb"]
)
def test_where_no_use_is_told_the_usual_names_tell(name: str) -> None:
    assert names(listed([found("INBOX"), found("Work"), found(name)], (), None)) == ("INBOX", "Work")


def test_name_without_a_delimiter_is_told_whole() -> None:
    assert names(listed([found("a/Trash", delimiter=None), found("Trash", delimiter=None)], (), None)) == ("a/Trash",)


def test_inbox_is_never_silent() -> None:
    assert names(listed([found("inbox", "\\Junk"), found("Trash", "\\Trash")], (), None)) == ("INBOX",)


@pytest.mark.parametrize("mark", ["\\Noselect", "\\NonExistent", "\\NoAccess", "\\noselect"])
def test_what_cannot_be_opened_is_left_out(mark: str) -> None:
    assert listed([found("Work", mark)], (), None) == ()


def test_each_is_listed_once_with_its_status() -> None:
    status = StatusData("inbox", messages=3, uid_next=4, uid_validity=7)

    (inbox,) = listed([found("Inbox"), found("INBOX", "\\Subscribed")], [status], None)

    assert (inbox.name, inbox.status, inbox.subscribed) == ("INBOX", status, True)


def test_subscribed_is_told_by_list_or_by_lsub() -> None:
    all_there = [found("INBOX"), found("Work", "\\Subscribed"), found("Lists")]

    assert names(listed(all_there, (), None), Subscribed()) == ("Work",)
    assert names(listed(all_there, (), None, subscribed=["inbox", "Lists"]), Subscribed()) == (
        "INBOX",
        "Work",
        "Lists",
    )


def test_subtree_is_the_root_and_what_is_below() -> None:
    all_there = listed(
        [found("Work"), found("Work/Deep/Er"), found("Workshop"), found("INBOX"), found("INBOX/A")], (), None
    )

    assert names(all_there, Subtree("Work")) == ("Work", "Work/Deep/Er")
    assert names(all_there, Subtree("inbox")) == ("INBOX", "INBOX/A")
    assert names(
        listed([found("Work", delimiter=None), found("Work/A", delimiter=None)], (), None), Subtree("Work")
    ) == ("Work",)


def test_mailboxes_of_others_are_not_personal() -> None:
    namespaces = NamespaceData(
        (NamespaceEntry("", "/"), NamespaceEntry("shared/mine/", "/")),
        (NamespaceEntry("user/", "/"),),
        (NamespaceEntry("shared/", "/"),),
    )
    all_there = [found("INBOX"), found("user/bob"), found("shared/all"), found("shared/mine/one")]

    assert names(listed(all_there, (), namespaces)) == ("INBOX", "shared/mine/one")
    assert names(listed(all_there, (), NamespaceData(None, None, None))) == tuple(one.mailbox for one in all_there)


def test_no_more_are_taken_than_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    all_there = [found(f"m{number}") for number in range(10)]
    assert names(listed(all_there, (), None), most=2) == ("m0", "m1")

    monkeypatch.setattr(census, "LISTED_MAILBOXES", 4)
    assert len(listed(all_there, (), None)) == 4


def status(uid_validity: int | None, uid_next: int | None) -> StatusData:
    return StatusData("new", uid_validity=uid_validity, uid_next=uid_next)


def test_another_name_is_told_by_uidvalidity_and_a_place_not_before_the_cursor() -> None:
    gone = {"old": Cursor(7, 10)}

    assert renamed(gone, [("new", status(7, 12)), ("other", status(8, 12))]) == (("old", "new"),)
    assert renamed(gone, [("new", status(7, 10))]) == (("old", "new"),)
    assert renamed(gone, [("new", status(7, 9))]) == ()
    assert renamed(gone, [("new", status(7, None))]) == ()
    assert renamed(gone, [("new", status(8, 12))]) == ()


def test_two_that_could_be_the_same_are_neither() -> None:
    assert renamed({"old": Cursor(7, 10)}, [("new", status(7, 12)), ("newer", status(7, 12))]) == ()
    assert renamed({"old": Cursor(7, 10), "older": Cursor(7, 3)}, [("new", status(7, 12))]) == ()
    assert renamed({"old": Cursor(7, 10), "older": Cursor(8, 3)}, [("a", status(7, 12)), ("b", status(8, 3))]) == (
        ("old", "a"),
        ("older", "b"),
    )


def test_what_is_listed_and_not_wanted_is_known() -> None:
    listed_names = frozenset({"INBOX", "Work", "Junk"})

    assert passed_over(listed_names, frozenset({"Work", "Gone"})) == {"INBOX", "Junk"}
    assert passed_over(None, frozenset()) is None


def test_too_many_names_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "PASSED_OVER_MAILBOXES", 2)

    assert passed_over(frozenset("abcd"), frozenset("ab")) == {"c", "d"}
    assert passed_over(frozenset("abcd"), frozenset("a")) is None
