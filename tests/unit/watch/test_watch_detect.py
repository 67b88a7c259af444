"""What is new mail, decided without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.imap.responses import Envelope, FetchData, Section
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.cursor import Cursor
from idlebell.watch.detect import (
    Baseline,
    Behind,
    Flood,
    NewUids,
    Quiet,
    Rebased,
    UpToDate,
    decide,
    decide_count,
    is_written_since,
    locate,
)

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
CURSOR = Cursor(uid_validity=7, uid_next=10, count=9)
ENVELOPE = Envelope(None, b"hi", (), (), (), (), (), (), None, None)


def message(uid: int | None, *flags: str, envelope: Envelope | None = None) -> FetchData:
    return FetchData(1, uid=uid, flags=flags, envelope=envelope)


def test_first_look_announces_nothing() -> None:
    assert locate(None, 7, 10, 9) == Baseline(Cursor(7, 10, count=9))


def test_uidvalidity_change_announces_nothing() -> None:
    assert locate(CURSOR, 8, 3, 2) == Rebased(Cursor(8, 3, count=2))


@pytest.mark.parametrize("cursor", [None, CURSOR])
def test_new_epoch_needs_to_know_where_the_mailbox_ends(cursor: Cursor | None) -> None:
    with pytest.raises(ValueError, match="where the mailbox ends"):
        locate(cursor, 8, None, 2)


def test_same_uidnext_is_up_to_date() -> None:
    assert locate(CURSOR, 7, 10, 9) == UpToDate()


def test_uidnext_of_a_lagging_replica_does_not_move_back() -> None:
    assert locate(CURSOR, 7, 4, 3) == UpToDate()


def test_higher_uidnext_is_behind_by_the_difference() -> None:
    assert locate(CURSOR, 7, 15, 12) == Behind(10, 5)


def test_missing_uidnext_has_to_be_asked() -> None:
    assert locate(CURSOR, 7, None, 12) == Behind(10, None)


def test_star_echo_of_an_old_message_is_not_new() -> None:
    """UID FETCH 10:* names the last message even when its UID is 9."""
    assert decide(CURSOR, [message(9)], 9) == Quiet(CURSOR)


def test_message_without_uid_is_not_looked_at() -> None:
    assert decide(CURSOR, [message(None, "\\Seen")], 9) == Quiet(CURSOR)


def test_new_messages_come_in_order_of_uid_each_once() -> None:
    twelve = message(12, envelope=ENVELOPE)
    found = decide(CURSOR, [twelve, message(10), message(12)], 11)

    assert found == NewUids((Arrival(message(10)), Arrival(twelve)), Cursor(7, 13, count=11))


def test_flags_of_an_unsolicited_fetch_count() -> None:
    """Read between the FETCH and its end: the later flags say so."""
    found = decide(CURSOR, [message(10, envelope=ENVELOPE), message(10, "\\Seen")], 10)

    assert isinstance(found, NewUids)
    assert found.arrivals[0].marks == {Mark.SEEN}
    assert found.arrivals[0].message.envelope == ENVELOPE


def test_fetch_without_flags_keeps_those_known() -> None:
    found = decide(CURSOR, [message(10, "\\Seen"), FetchData(1, uid=10, envelope=ENVELOPE)], 10)

    assert isinstance(found, NewUids)
    assert found.arrivals[0].marks == {Mark.SEEN}


@pytest.mark.parametrize("flag", ["\\Deleted", "\\Draft", "\\draft"])
def test_deleted_or_draft_is_nobodys_new_mail_but_moves_the_cursor(flag: str) -> None:
    assert decide(CURSOR, [message(10, flag)], 10) == Quiet(Cursor(7, 11, count=10))


def test_unknown_flags_are_new() -> None:
    found = decide(CURSOR, [FetchData(1, uid=10)], 10)

    assert isinstance(found, NewUids)


def test_the_cursor_moves_over_nothing_that_was_not_seen() -> None:
    """What a replica that lags does not show yet has its UID still to come."""
    assert decide(CURSOR, [], 12) == Quiet(Cursor(7, 10, count=12))


def test_counted_messages_are_a_flood() -> None:
    assert decide_count(CURSOR, {frozenset(): 9_000}, 9_100, 9_009) == Flood(
        {frozenset(): 9_000}, Cursor(7, 9_100, count=9_009)
    )


def test_nothing_counted_is_quiet_and_never_goes_back() -> None:
    assert decide_count(CURSOR, {frozenset(): 0}, 3, 9) == Quiet(CURSOR)


def dated(value: bytes) -> FetchData:
    return message(10, envelope=replace(ENVELOPE, date=value))


@pytest.mark.parametrize(
    "value",
    [b"Wed, 25 Nov 2026 12:00:00 +0000", b"25 Nov 2026 12:30:00 -0000", b"Wed, 25 Nov 2026 07:00:00 -0500 (EST)"],
)
def test_what_was_written_since_the_last_look_was_not_filed(value: bytes) -> None:
    assert is_written_since(dated(value), NOON, NOON + timedelta(hours=1))


@pytest.mark.parametrize(
    "value",
    [
        b"Wed, 25 Nov 2026 11:59:59 +0000",
        b"Wed, 25 Nov 2026 14:00:01 +0000",  # in the future: it says nothing
        b"Wed, 25 Nov 99999 12:00:00 +0000",
        b"Wed, 25 Nov 2026 12:00:00 +9999",
        b"\xff",
        b"soon",
        b"",
    ],
)
def test_any_other_date_of_a_sender_says_nothing(value: bytes) -> None:
    assert not is_written_since(dated(value), NOON, NOON + timedelta(hours=1))


def test_the_date_is_read_from_a_header_too() -> None:
    section = Section("BODY[HEADER.FIELDS (DATE)]", None, b"Date: Wed, 25 Nov 2026 12:00:00 +0000\r\n\r\n")
    assert is_written_since(FetchData(1, uid=10, sections=(section,)), NOON, NOON)


def test_what_is_surely_delivered_has_no_mark_of_the_filed() -> None:
    old = FetchData(1, uid=10, internal_date=NOON - timedelta(days=1))
    filed = decide(CURSOR, [old], 10, delivered_since=NOON)
    delivered = decide(CURSOR, [old], 10, delivered_since=NOON, delivered={10})
    assert isinstance(filed, NewUids)
    assert filed.arrivals[0].marks == {Mark.APPENDED}
    assert isinstance(delivered, NewUids)
    assert delivered.arrivals[0].marks == frozenset()
