from __future__ import annotations

import pytest

from idlebell.front.notify.bounds import NEW_MESSAGES
from idlebell.front.notify.selected import SelectedMailbox, When
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event
from idlebell.imap.sequence_set import SequenceSet

COUNTED = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})


def opened(count: int = 3, uid_next: int | None = 4) -> SelectedMailbox:
    mailbox = SelectedMailbox("INBOX")
    assert mailbox.hear(b"* %d EXISTS" % count, When.COMMAND, COUNTED)
    if uid_next is not None:
        mailbox.hear(b"* OK [UIDNEXT %d] Ok" % uid_next, When.COMMAND, COUNTED)
    mailbox.settle()
    assert not mailbox.waits
    return mailbox


def sets(mailbox: SelectedMailbox) -> tuple[str | None, str | None]:
    new, changed = mailbox.to_fetch()
    return (None if new is None else str(new), None if changed is None else str(changed))


def test_new_messages_are_the_last_ones_and_fetched_once() -> None:
    mailbox = opened()
    assert mailbox.hear(b"* 4 EXISTS", When.QUIET, COUNTED)
    assert mailbox.hear(b"* 5 EXISTS", When.QUIET, COUNTED)
    assert mailbox.waits
    assert sets(mailbox) == ("4:5", None)
    assert not mailbox.waits
    assert sets(mailbox) == (None, None)


def test_numbers_move_with_what_is_expunged_before_they_are_fetched() -> None:
    mailbox = opened()
    for line in (b"* 6 EXISTS", b"* 1 EXPUNGE", b"* 5 EXPUNGE", b"* 4 expunge"):
        assert mailbox.hear(line, When.QUIET, COUNTED)
    assert mailbox.count == 3
    assert sets(mailbox) == ("3", None)


def test_what_the_client_made_itself_is_not_fetched() -> None:
    mailbox = opened()
    mailbox.hear(b"* 4 EXISTS", When.COMMAND, COUNTED)
    mailbox.made_its_own()
    assert not mailbox.waits
    mailbox.hear(b"* 5 EXISTS", When.COMMAND, COUNTED)
    assert sets(mailbox) == ("5", None)


def test_before_select_is_over_nothing_is_new() -> None:
    mailbox = SelectedMailbox("INBOX")
    mailbox.hear(b"* 3 EXISTS", When.COMMAND, COUNTED)
    assert not mailbox.waits
    mailbox.hear(b"* 2 EXISTS", When.COMMAND, COUNTED)  # and a server that counts down is followed
    assert (mailbox.count, mailbox.known) == (2, 2)


FLAGS_OF_2 = b"* 2 FETCH (FLAGS (\\Seen $Junk))"


def test_a_change_of_flags_without_its_uid_is_fetched_with_it() -> None:
    mailbox = opened()
    assert not mailbox.hear(FLAGS_OF_2, When.QUIET, MESSAGE_EVENTS)
    assert not mailbox.hear(b"* 3 FETCH (MODSEQ (12) FLAGS ())", When.QUIET, MESSAGE_EVENTS)
    mailbox.hear(b"* 1 EXPUNGE", When.QUIET, MESSAGE_EVENTS)
    mailbox.hear(b"* 2 EXPUNGE", When.QUIET, MESSAGE_EVENTS)
    assert sets(mailbox) == (None, "1")


def test_a_change_with_its_uid_passes_and_a_new_message_is_fetched_anyhow() -> None:
    mailbox = opened()
    assert mailbox.hear(b"* 2 FETCH (FLAGS () UID 9)", When.QUIET, MESSAGE_EVENTS)
    assert mailbox.uid_next == 10
    mailbox.hear(b"* 4 EXISTS", When.QUIET, MESSAGE_EVENTS)
    assert not mailbox.hear(b"* 4 FETCH (FLAGS (\\Recent))", When.QUIET, MESSAGE_EVENTS)
    assert sets(mailbox) == ("4", None)


def test_flags_of_a_new_message_that_come_with_no_fetch_of_it_are_told_too() -> None:
    """The client may have fetched it by itself before they changed."""
    mailbox = opened()
    mailbox.hear(b"* 4 EXISTS", When.QUIET, MESSAGE_EVENTS)
    assert not mailbox.hear(b"* 4 FETCH (FLAGS (\\Seen))", When.QUIET, MESSAGE_EVENTS)
    assert [str(one) for one in mailbox.to_fetch(flags_come=False)] == ["4", "4"]
    assert not mailbox.waits


def test_flags_nobody_asked_for_are_not_told_while_nothing_of_the_client_runs() -> None:
    mailbox = opened()
    assert not mailbox.hear(FLAGS_OF_2, When.QUIET, COUNTED)
    assert mailbox.hear(FLAGS_OF_2, When.COMMAND, COUNTED)  # it may be the answer to a STORE
    assert mailbox.hear(b"* 2 FETCH (UID 2 ENVELOPE (NIL))", When.QUIET, COUNTED)
    assert mailbox.hear(b"* 2 FETCH (BODY[] {12}", When.QUIET, COUNTED)
    assert mailbox.hear(b"* OK still here", When.QUIET, COUNTED)
    assert mailbox.hear(b"* 2 RECENT", When.QUIET, COUNTED)
    assert not mailbox.hear(b"* 2 FETCH (MODSEQ (3))", When.QUIET, COUNTED)
    assert mailbox.hear(b"* 2 FETCH (MODSEQ (3))", When.QUIET, MESSAGE_EVENTS)
    assert not mailbox.waits


def test_vanished_counts_down() -> None:
    mailbox = opened(10, None)
    mailbox.hear(b"* 12 EXISTS", When.QUIET, MESSAGE_EVENTS)
    mailbox.flagged = frozenset({3})
    assert mailbox.hear(b"* VANISHED 5,7:8", When.QUIET, MESSAGE_EVENTS)
    assert (mailbox.count, mailbox.known, mailbox.flagged) == (9, 7, frozenset())
    assert sets(mailbox) == ("8:9", None)
    for nonsense in (
        b"* VANISHED 0",
        b"* VANISHED 99999999999999999999999",
        b"* VANISHED (EARLIER) 1:5",
        b"* VANISHED ,",
    ):
        assert mailbox.hear(nonsense, When.QUIET, MESSAGE_EVENTS)
    assert mailbox.count == 9
    mailbox.hear(b"* VANISHED 1:4294967295", When.QUIET, MESSAGE_EVENTS)
    assert mailbox.count == mailbox.known == 0


def test_a_flood_is_told_by_its_number_alone() -> None:
    mailbox = opened()
    mailbox.hear(b"* %d EXISTS" % (3 + NEW_MESSAGES), When.QUIET, COUNTED)
    assert sets(mailbox) == (f"4:{3 + NEW_MESSAGES}", None)
    mailbox.hear(b"* %d EXISTS" % (4 + 2 * NEW_MESSAGES), When.QUIET, COUNTED)
    assert sets(mailbox) == (None, None)
    assert mailbox.overflowed


def test_flags_of_a_flood_are_bounded() -> None:
    mailbox = opened(2 * NEW_MESSAGES)
    for number in range(1, 2 * NEW_MESSAGES):
        mailbox.hear(b"* %d FETCH (FLAGS ())" % number, When.QUIET, MESSAGE_EVENTS)
    assert len(mailbox.flagged) == NEW_MESSAGES + 1
    assert sets(mailbox) == (None, None)
    assert mailbox.overflowed


@pytest.mark.parametrize("number", [0, 4294967295])
def test_numbers_that_make_no_sense_do_no_harm(number: int) -> None:
    mailbox = opened()
    mailbox.hear(b"* %d EXPUNGE" % number, When.QUIET, MESSAGE_EVENTS)
    mailbox.hear(b"* %d FETCH (FLAGS ())" % number, When.QUIET, MESSAGE_EVENTS)
    mailbox.hear(b"* %d EXISTS" % number, When.QUIET, MESSAGE_EVENTS)
    mailbox.to_fetch()
    assert mailbox.known == mailbox.count == number


def test_the_next_uid_is_known_as_far_as_it_was_seen() -> None:
    mailbox = opened(3, 10)
    mailbox.saw_uid(8)
    assert mailbox.uid_next == 10
    mailbox.saw_uid(10)
    assert mailbox.uid_next == 11
    fresh = SelectedMailbox("INBOX")
    fresh.saw_uid(1)
    assert fresh.uid_next == 2
    assert SequenceSet(((1, 1),)) == SequenceSet.of([1])
