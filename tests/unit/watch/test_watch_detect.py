"""What is new mail, decided without a server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.imap.responses import Envelope, FetchData, Section
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.cursor import Cursor, Gap
from idlebell.model.ids import SubscriptionId
from idlebell.rules.match import Hearing
from idlebell.watch.detect import (
    FILED_MARGIN,
    Baseline,
    Behind,
    Flood,
    NewUids,
    Quiet,
    Rebased,
    UpToDate,
    decide,
    decide_count,
    filed_before,
    is_late,
    is_written_since,
    locate,
    may_hide_many,
    too_many,
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
    assert decide_count(CURSOR, {Hearing(): 9_000}, 9_100, 9_009) == Flood(
        {Hearing(): 9_000}, Cursor(7, 9_100, count=9_009)
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


def test_same_mod_seq_is_up_to_date_where_uidnext_is_not_told() -> None:
    cursor = Cursor(7, 10, highest_mod_seq=99)

    assert locate(cursor, 7, None, 9, mod_seq=99) == UpToDate()
    assert locate(cursor, 7, None, 9, mod_seq=100) == Behind(10, None)
    assert locate(CURSOR, 7, None, 9, mod_seq=None) == Behind(10, None)


@pytest.mark.parametrize(("cursor", "kind"), [(None, Baseline), (CURSOR, Rebased)])
def test_mailbox_that_was_made_while_watched_begins_at_its_lowest_floor(
    cursor: Cursor | None, kind: type[Baseline] | type[Rebased]
) -> None:
    assert locate(cursor, 8, 5, 4, floor=1, mod_seq=3) == kind(Cursor(8, 1, 3))
    assert locate(cursor, 8, 5, 4, floor=9) == kind(Cursor(8, 5, count=4))


def test_mod_seq_is_kept_and_never_forgotten() -> None:
    cursor = Cursor(7, 10, highest_mod_seq=50)

    assert decide(cursor, [], 9, mod_seq=60).cursor.highest_mod_seq == 60
    assert decide(cursor, [message(10)], 9, mod_seq=None).cursor.highest_mod_seq == 50


NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def test_what_is_dated_before_the_last_look_was_filed() -> None:
    since = filed_before(NOON, 60.0)

    assert since == NOON - FILED_MARGIN - timedelta(seconds=60)
    old = replace(message(10), internal_date=since - timedelta(seconds=1))
    new = replace(message(11), internal_date=since)
    undated = message(12)
    found = decide(CURSOR, [old, new, undated], 12, delivered_since=since)
    assert isinstance(found, NewUids)
    assert [arrival.marks for arrival in found.arrivals] == [{Mark.APPENDED}, frozenset(), frozenset()]


def test_old_mail_that_was_read_has_both_marks() -> None:
    found = decide(
        CURSOR, [replace(message(10, "\\Seen"), internal_date=NOON)], 10, delivered_since=NOON + timedelta(seconds=1)
    )

    assert isinstance(found, NewUids)
    assert found.arrivals[0].marks == {Mark.APPENDED, Mark.SEEN}


@pytest.mark.parametrize(("looked_at", "lag"), [(None, 0.0), (NOON, None), (None, None)])
def test_where_it_cannot_be_told_nothing_was_filed(looked_at: datetime | None, lag: float | None) -> None:
    assert filed_before(looked_at, lag) is None


@pytest.mark.parametrize(
    ("age", "late"), [(0.0, False), (9.0, False), (10.0, True), (59.0, True), (60.0, True), (61.0, False)]
)
def test_mail_is_late_that_came_since_the_last_look_and_long_ago(age: float, late: bool) -> None:
    """The server's clock may be 4 seconds behind; from 6 seconds on it is late; the last look was a minute ago."""
    found = replace(message(10), internal_date=NOON - timedelta(seconds=age))

    assert is_late(found, NOON - timedelta(seconds=60), NOON, 4.0, 6.0) is late


def test_mail_without_a_date_is_not_late() -> None:
    assert not is_late(message(10), NOON, NOON, 0.0, 0.0)


def test_who_it_has_passed_before_is_told_with_it() -> None:
    whom = frozenset({SubscriptionId("sub_1")})

    found = decide(CURSOR, [message(10), message(11)], 11, known={11: whom})

    assert isinstance(found, NewUids)
    assert [arrival.known_to for arrival in found.arrivals] == [frozenset(), whom]


@pytest.mark.parametrize(
    ("span", "before", "now", "many"),
    [
        (None, None, 5_000, False),
        (500, None, None, False),
        (501, None, None, True),
        (9_000, 10, 510, False),
        (9_000, 10, 511, True),
        (3, 10, 511, False),
        (None, 10, 511, True),
        (9_000, 10, None, True),
    ],
)
def test_too_many_are_counted(span: int | None, before: int | None, now: int | None, many: bool) -> None:
    """UIDs have gaps: a large span alone does not say so where the number of messages is known."""
    assert too_many(span, before, now) is many


@pytest.mark.parametrize(
    ("span", "now", "may"),
    [(501, 501, True), (501, 500, False), (500, 501, False), (501, None, True), (None, 501, False)],
)
def test_arrivals_may_be_hidden_by_what_was_expunged(span: int | None, now: int | None, may: bool) -> None:
    """Nine thousand went and five thousand came: fewer are there than before."""
    assert may_hide_many(span, now) is may


GAPPED = Cursor(
    uid_validity=7,
    uid_next=20,
    gaps=(Gap(8, 8, NOON), Gap(10, 12, NOON, awaited=True), Gap(15, 15, NOON, awaited=True)),
)


def test_what_reports_have_passed_over_is_looked_at_from_the_lowest() -> None:
    assert locate(GAPPED, 7, 20, 9) == Behind(10, 10)
    assert locate(GAPPED, 7, 25, 9) == Behind(10, 15)
    assert locate(GAPPED, 7, 18, 9) == Behind(10, 10), "a replica that lags"
    assert locate(replace(GAPPED, highest_mod_seq=5), 7, None, 9, mod_seq=5) == Behind(10, None)


def test_in_gaps_and_above_is_decided_on_and_nothing_else() -> None:
    found = decide(GAPPED, [message(uid) for uid in (8, 10, 12, 13, 14, 15, 19, 20)], 9)
    assert isinstance(found, NewUids)
    assert [one.message.uid for one in found.arrivals] == [10, 12, 15, 20]
    assert found.cursor == Cursor(7, 21, count=9)


def test_a_look_closes_gaps_also_where_nothing_lies_in_them_and_never_goes_back() -> None:
    assert decide(GAPPED, [message(19)], 9) == Quiet(Cursor(7, 20, count=9))
    found = decide(GAPPED, [message(11)], 9)
    assert isinstance(found, NewUids)
    assert found.cursor == Cursor(7, 20, count=9)
    assert decide_count(GAPPED, {Hearing(): 3}, 30, 9).cursor == Cursor(7, 30, count=9)


def test_what_nobody_awaits_is_not_looked_for() -> None:
    """A client may have filed it there long before anybody had a session."""
    cursor = Cursor(uid_validity=7, uid_next=20, gaps=(Gap(10, 12, NOON),))
    assert locate(cursor, 7, 20, 9) == UpToDate()
    assert decide(cursor, [message(11), message(19)], 9) == Quiet(Cursor(7, 20, count=9))
