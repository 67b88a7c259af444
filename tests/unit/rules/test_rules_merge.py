"""Two notifications that ring as one."""

from __future__ import annotations

from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Heartbeat, NewMail, Reminder, Told
from idlebell.rules.merge import NAMED_BYTES, NAMED_MAILBOXES, merged, renamed


def described(*uids: int, mailbox: str | None = None) -> tuple[MessageSummary, ...]:
    return tuple(MessageSummary(uid, mailbox=mailbox) for uid in uids)


def test_counts_of_a_mailbox_add_up_and_unseen_is_the_latest() -> None:
    one = merged(NewMail("INBOX", 1, 2, 5, described(1, 2)), NewMail("INBOX", 1, 1, 6, described(3)))
    assert one == NewMail("INBOX", 1, 3, 6, described(1, 2, 3))


def test_under_another_uidvalidity_the_messages_from_before_are_not_named() -> None:
    one = merged(NewMail("INBOX", 1, 2, 5, described(1, 2)), NewMail("INBOX", 2, 1, 6, described(1)))
    assert one == NewMail("INBOX", 2, 3, 6, described(1))


def test_several_mailboxes_are_counted_each() -> None:
    one = merged(NewMail("INBOX", 1, 2, 5, described(7)), NewMail("Work", 9, 1, 6, described(7)))
    messages = (*described(7, mailbox="INBOX"), *described(7, mailbox="Work"))
    assert one == NewMail(None, None, 3, None, messages, (("INBOX", 2), ("Work", 1)))
    assert merged(one, NewMail("INBOX", 1, 4, 1)).mailboxes == (("INBOX", 6), ("Work", 1))
    assert merged(NewMail("Lists", 1, 4, 1), one).mailboxes == (("Lists", 4), ("INBOX", 2), ("Work", 1))
    assert merged(one, one).count == 6


def test_the_newest_messages_are_kept() -> None:
    one = merged(NewMail("INBOX", 1, 30, 5, described(*range(20))), NewMail("INBOX", 1, 5, 6, described(20, 21)))
    assert [message.uid for message in one.messages] == list(range(2, 22))
    assert len(one.messages) == MAX_MESSAGES


def test_only_so_many_mailboxes_are_named_but_all_are_counted() -> None:
    one = NewMail("box 0", 1, 1, 0)
    for number in range(1, 300):
        one = merged(one, NewMail(f"box {number}", 1, 1, 0))
    assert len(one.mailboxes) == NAMED_MAILBOXES
    assert one.count == 300


def test_names_that_are_long_together_are_left_out() -> None:
    one = merged(NewMail("\x01" * NAMED_BYTES, 1, 1, 0), NewMail("Work", 1, 1, 0))
    assert one.mailboxes == (("Work", 1),)
    assert (one.mailbox, one.count) == (None, 2)


def test_what_tells_of_a_renamed_mailbox_names_it_anew() -> None:
    one = NewMail("Lists", 7, 1, None, described(1), told=(Told("Lists", 7, 1),))
    assert renamed(one, "Lists", "Mail") == NewMail("Mail", 7, 1, None, described(1), told=(Told("Mail", 7, 1),))
    both = merged(one, NewMail("Mail", 8, 2, None, described(2), told=(Told("Mail", 8, 2),)))
    moved = renamed(both, "Lists", "Mail")
    assert (moved.mailbox, moved.count, moved.mailboxes) == (None, 3, (("Mail", 3),))
    assert [message.mailbox for message in moved.messages] == ["Mail", "Mail"]
    assert moved.told == (Told("Mail", 7, 1), Told("Mail", 8, 2))
    assert renamed(Reminder("Lists", 7, (1,)), "Lists", "Mail") == Reminder("Mail", 7, (1,))
    for other in (Reminder("INBOX", 7, (1,)), Heartbeat(), NewMail("INBOX", 7, 1, None)):
        assert renamed(other, "Lists", "Mail") == other
