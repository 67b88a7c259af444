"""FETCH responses: every item we know, and what becomes of the rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_fetch import parse_date_time, parse_fetch
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import FetchData, Section
from idlebell.imap.tokens import Cursor, GrammarError


def fetch(*parts: bytes, limits: Limits = DEFAULT_LIMITS) -> FetchData:
    cursor = Cursor(Frame(parts), limits)
    found = parse_fetch(7, cursor)
    cursor.finish()
    return found


WHEN = datetime(1996, 7, 17, 2, 44, 25, tzinfo=timezone(timedelta(hours=-7)))


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"()", {}),
        (b"(UID 4294967295)", {"uid": 2**32 - 1}),
        (b"(uid 9 flags (\\Seen x))", {"uid": 9, "flags": ("\\Seen", "x")}),
        (b"( UID 9  FLAGS () )", {"uid": 9, "flags": ()}),
        (b'(INTERNALDATE "17-Jul-1996 02:44:25 -0700")', {"internal_date": WHEN}),
        (b"(RFC822.SIZE 9223372036854775807)", {"size": 2**63 - 1}),
        (b"(MODSEQ (12121130956))", {"mod_seq": 12121130956}),
        (
            b"(EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9))",
            {"email_id": "M6d99ac3275bb4e", "thread_id": "T64b478a75b7ea9"},
        ),
        (b"(THREADID NIL)", {}),
        (b'(PREVIEW "Hi \xc3\xa9")', {"preview": "Hi é".encode()}),
        (b"(PREVIEW NIL)", {}),
        (b'(PREVIEW "")', {"preview": b""}),
        (b'(PREVIEW (FUZZY "text"))', {"preview": b"text"}),
        (b'(SAVEDATE "17-Jul-1996 02:44:25 -0700")', {"save_date": WHEN}),
        (b"(SAVEDATE NIL)", {}),
        (b"(X-GM-MSGID 18446744073709551615)", {"gmail_message_id": 2**64 - 1}),
        (b'(X-GM-LABELS ("\\\\Sent" a))', {"gmail_labels": (b"\\Sent", b"a")}),
        (b"(X-GM-LABELS ())", {"gmail_labels": ()}),
        (b"(UID 1 UID 2)", {"uid": 2}),
    ],
)
def test_an_item_is_read_into_its_field(raw: bytes, expected: dict[str, Any]) -> None:
    assert fetch(raw) == FetchData(7, **expected)


def test_an_envelope_and_a_body_are_read() -> None:
    found = fetch(b'(ENVELOPE (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) BODYSTRUCTURE ("a" "b" NIL NIL NIL "7bit" 3))')
    assert found.envelope is not None
    assert found.envelope.subject == b"s"
    assert found.body is not None
    assert found.body.subtype == "b"
    assert fetch(b'(BODY ("a" "b" NIL NIL NIL "7bit" 3))').body == found.body


@pytest.mark.parametrize(
    ("parts", "section"),
    [
        ((b'(BODY[] "x")',), Section("BODY[]", None, b"x")),
        ((b"(BODY[TEXT]<0> {3}", b"a\r\n", b")"), Section("BODY[TEXT]", 0, b"a\r\n")),
        ((b"(body[header.fields (Subject)] NIL)",), Section("BODY[HEADER.FIELDS (Subject)]", None, None)),
        ((b"(BINARY[1.2] ~{2}", b"\0\1", b")"), Section("BINARY[1.2]", None, b"\0\1")),
        ((b'(RFC822.HEADER "h")',), Section("RFC822.HEADER", None, b"h")),
        ((b'(RFC822.TEXT "h")',), Section("RFC822.TEXT", None, b"h")),
        ((b"(RFC822 {1}", b"m", b")"), Section("RFC822", None, b"m")),
    ],
)
def test_a_section_is_kept_by_its_name(parts: tuple[bytes, ...], section: Section) -> None:
    assert fetch(*parts) == FetchData(7, sections=(section,))


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        (b"UID", b"0"),
        (b"UID", b"4294967296"),
        (b"UID", b"12x"),
        (b"UID", b"NIL"),
        (b"RFC822.SIZE", b"-1"),
        (b"FLAGS", b"NIL"),
        (b"FLAGS", b'("a b")'),
        (b"INTERNALDATE", b'"17-Jul-0000 02:44:25 -0700"'),
        (b"INTERNALDATE", b'"17-Jul-9999 02:44:25 -0700"'),
        (b"INTERNALDATE", b'"17-Jul-1996 02:44:25 +9999"'),
        (b"INTERNALDATE", b'"17-Jul-1996 02:44:25 PDT"'),
        (b"INTERNALDATE", b"NIL"),
        (b"ENVELOPE", b"(NIL)"),
        (b"BODYSTRUCTURE", b'("text" ((("x"))))'),
        (b"MODSEQ", b"5"),
        (b"MODSEQ", b"(9223372036854775808)"),
        (b"EMAILID", b"()"),
        (b"PREVIEW", b"(FUZZY)"),
        (b"X-GM-MSGID", b"18446744073709551616"),
        (b"X-GM-LABELS", b"NIL"),
        (b"BODY[]", b"(x)"),
        (b"BODY[1]<5>", b"12"),
        (b"BINARY.SIZE[1]", b"12"),
        (b"X-UNHEARD-OF", b'(a (b "c )") d)'),
        (b"ANNOTATION", b'(/comment (value.priv "x"))'),
    ],
)
def test_an_item_without_meaning_is_kept_and_the_others_still_count(name: bytes, raw: bytes) -> None:
    found = fetch(
        b"(UID 3 " + name + b" " + raw + b" MODSEQ (8))" if name != b"UID" else b"(UID " + raw + b" MODSEQ (8))"
    )
    assert found.unknown == ((name.decode(), raw),)
    assert found.uid == (None if name == b"UID" else 3)
    assert found.mod_seq == 8
    assert found.sections == ()


def test_an_unknown_item_with_a_literal_is_kept_in_its_raw_form() -> None:
    found = fetch(b"(X-FOO (a {3}", b") (", b" b) UID 3)")
    assert found == FetchData(7, uid=3, unknown=(("X-FOO", b"(a {3}\r\n) ( b)"),))


@pytest.mark.parametrize("raw", [b"", b"NIL", b"(UID", b"(UID 3", b"(UID)", b"(3 4)x", b"(BODY[ 3)", b'(X "a)'])
def test_what_is_no_list_of_items_is_ungrammatical(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        fetch(raw)


def test_an_item_that_is_read_twice_is_counted_once() -> None:
    assert fetch(b"(FLAGS (a b (c)))", limits=Limits(items=8)).unknown == (("FLAGS", b"(a b (c))"),)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"(UID 111111111111111111111)", "number-too-long"),
    ],
)
def test_a_bound_crossed_ends_the_connection(raw: bytes, reason: str) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        fetch(raw)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "raw",
    [
        b"(UID 3 BODYSTRUCTURE " + b"(" * 40 + b")" * 40 + b" FLAGS ())",
        b"(UID 3 X " + b"(" * 40,
        b"(UID 3 FLAGS (a b c d e f g h i))",
    ],
)
def test_what_a_sender_can_make_too_large_is_left_out_with_what_follows(raw: bytes) -> None:
    assert fetch(raw, limits=Limits(items=8)) == FetchData(7, uid=3, cut=True)


def test_a_fetch_that_was_cut_is_read_as_far_as_it_goes() -> None:
    cut = Frame((b'* 7 FETCH (UID 3 FLAGS () X "unfinis',), cut=True)

    assert parse_response(cut) == FetchData(7, uid=3, flags=(), cut=True)
    assert parse_response(Frame((b"* 7 FETCH (UID 3 X {9}", b"abc", b" FLAGS ())"), cut=True)) == FetchData(
        7, uid=3, flags=(), unknown=(("X", b"{9}\r\nabc"),), cut=True
    )


@pytest.mark.parametrize(
    ("raw", "moment"),
    [
        (b" 1-jan-2026 00:00:00 +0000", datetime(2026, 1, 1, tzinfo=UTC)),
        (b"1-Jan-2026 00:00:00 +0000", datetime(2026, 1, 1, tzinfo=UTC)),
        (
            b"31-Dec-9998 23:59:59 -2359",
            datetime(9998, 12, 31, 23, 59, 59, tzinfo=timezone(-timedelta(hours=23, minutes=59))),
        ),
        (b"01-Jan-0002 00:00:00 +2359", datetime(2, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59)))),
    ],
)
def test_a_date_can_be_moved_to_any_zone(raw: bytes, moment: datetime) -> None:
    found = parse_date_time(raw)
    assert found == moment
    assert found.astimezone(UTC) == moment
    found.astimezone(timezone(-timedelta(hours=23)))
    found.astimezone(timezone(timedelta(hours=23)))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"x",
        b"31-Feb-2026 00:00:00 +0000",
        b"01-Foo-2026 00:00:00 +0000",
        b"01-Jan-2026 24:00:00 +0000",
        b"01-Jan-2026 00:00:60 +0000",
        b"01-Jan-0001 00:00:00 +0000",
        b"01-Jan-2026 00:00:00 +2400",
        b"01-Jan-2026 00:00:00 +0060",
    ],
)
def test_what_is_no_date_is_ungrammatical(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_date_time(raw)
