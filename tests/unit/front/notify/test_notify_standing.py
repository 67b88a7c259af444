from __future__ import annotations

from dataclasses import replace

from idlebell.front.notify import standing
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event
from idlebell.imap.responses import StatusData

COUNTED = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})
BEFORE = StatusData(
    "Lists/Lemonade", messages=500, uid_next=9999, uid_validity=4, unseen=7, highest_mod_seq=65, recent=3, size=1
)


def test_what_is_asked_of_a_mailbox() -> None:
    assert standing.items(COUNTED, mod_seq=False) == ("MESSAGES", "UIDNEXT", "UIDVALIDITY")
    assert standing.items(MESSAGE_EVENTS, mod_seq=True) == (
        "MESSAGES", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ",
    )  # fmt: skip


def test_at_the_outset_what_section_3_1_demands_is_told() -> None:
    told = StatusData("Lists/Lemonade", messages=500, uid_next=9999, uid_validity=4)
    assert standing.outset(BEFORE, COUNTED, mod_seq=True) == told
    assert standing.outset(BEFORE, frozenset(), mod_seq=True) == told  # a snapshot
    assert standing.outset(BEFORE, MESSAGE_EVENTS, mod_seq=True) == replace(told, unseen=7, highest_mod_seq=65)
    assert standing.outset(BEFORE, MESSAGE_EVENTS, mod_seq=False) == replace(told, unseen=7)


def change(events: frozenset[Event], *, mod_seq: bool = False, **after: int | None) -> StatusData | None:
    return standing.change(BEFORE, replace(BEFORE, **after), events, mod_seq=mod_seq)  # type: ignore[arg-type]


def test_a_message_that_is_new_or_gone_is_told_by_both_numbers() -> None:
    told = StatusData("Lists/Lemonade", messages=501, uid_next=10_000, uid_validity=4)
    assert change(COUNTED, messages=501, uid_next=10_000) == told
    assert change(COUNTED, messages=501, uid_next=10_000, highest_mod_seq=66) == told
    assert change(COUNTED, mod_seq=True, messages=501, uid_next=10_000, highest_mod_seq=66) == replace(
        told, highest_mod_seq=66
    )
    assert change(COUNTED, messages=499) == StatusData("Lists/Lemonade", messages=499, uid_next=9999, uid_validity=4)
    # one came and went
    assert change(COUNTED, uid_next=10_000) == StatusData(
        "Lists/Lemonade", messages=500, uid_next=10_000, uid_validity=4
    )


def test_flags_are_told_by_the_mod_sequence_or_by_unseen() -> None:
    assert change(MESSAGE_EVENTS, mod_seq=True, highest_mod_seq=66) == StatusData(
        "Lists/Lemonade", uid_validity=4, highest_mod_seq=66
    )
    assert change(MESSAGE_EVENTS, unseen=6) == StatusData("Lists/Lemonade", uid_validity=4, unseen=6)
    assert change(MESSAGE_EVENTS, highest_mod_seq=66) is None  # who has not enabled CONDSTORE could not read it
    assert change(COUNTED, mod_seq=True, unseen=6, highest_mod_seq=66) is None  # nobody asked for flags
    both = change(MESSAGE_EVENTS, unseen=8, messages=501, uid_next=10_000)
    assert both == StatusData("Lists/Lemonade", messages=501, uid_next=10_000, uid_validity=4, unseen=8)


def test_a_new_uidvalidity_is_always_told() -> None:
    assert change(MESSAGE_EVENTS, uid_validity=5) == StatusData(
        "Lists/Lemonade", messages=500, uid_next=9999, uid_validity=5
    )
    assert change(frozenset({Event.MAILBOX_NAME}), uid_validity=5, messages=0) is None


def test_nothing_is_told_of_what_is_as_it_was_or_was_left_out() -> None:
    assert change(MESSAGE_EVENTS, mod_seq=True) is None
    assert change(MESSAGE_EVENTS, mod_seq=True, uid_next=None, unseen=None, messages=None) is None
    assert change(MESSAGE_EVENTS, recent=0, size=2) is None
