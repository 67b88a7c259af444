"""FETCH responses as they go over the wire; each is read back as it was."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from idlebell.imap.encode_fetch import date_time, encode_fetch
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData, Multipart, Response, Section

WHEN = datetime(2026, 11, 2, 4, 16, 5, tzinfo=timezone(-timedelta(hours=3, minutes=30)))
ENVELOPE = Envelope(
    b"date",
    b"s\xff",
    (Address(b"n", None, b"m", b"h"), Address(None, None, None, None)),
    (),
    (),
    (),
    (),
    (),
    None,
    b"<i>",
)
TEXT = BodyPart("text", "plain", (("charset", b"utf-8"),), None, b"d", "7bit", 5, 1)
PDF = BodyPart(
    "application",
    "pdf",
    (),
    b"<id>",
    None,
    "base64",
    2**40,
    md5=b"m",
    disposition="attachment",
    disposition_parameters=(("filename", b"a.pdf"),),
    language=("de", "en"),
    location=b"l",
)
MESSAGE = BodyPart("message", "rfc822", (), None, None, "7bit", 9, 3, ENVELOPE, TEXT)


def read_back(wire: bytes) -> Response:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(wire)
    frame = framer.next_frame()
    assert isinstance(frame, Frame)
    assert framer.pending == 0
    return parse_response(frame)


@pytest.mark.parametrize(
    ("response", "items"),
    [
        (FetchData(3), b""),
        (FetchData(3, uid=9, flags=("\\Seen",)), b"UID 9 FLAGS (\\Seen)"),
        (FetchData(3, internal_date=WHEN, size=5), b'INTERNALDATE " 2-Nov-2026 04:16:05 -0330" RFC822.SIZE 5'),
        (FetchData(3, mod_seq=7, email_id="M1", thread_id="T1"), b"MODSEQ (7) EMAILID (M1) THREADID (T1)"),
        (FetchData(3, save_date=WHEN), b'SAVEDATE " 2-Nov-2026 04:16:05 -0330"'),
        (
            FetchData(3, gmail_message_id=2**64 - 1, gmail_labels=(b"\\Sent", b"a")),
            b'X-GM-MSGID 18446744073709551615 X-GM-LABELS ("\\\\Sent" "a")',
        ),
        (
            FetchData(3, envelope=ENVELOPE),
            b'ENVELOPE ("date" {2}\r\ns\xff (("n" NIL "m" "h")(NIL NIL NIL NIL)) NIL NIL NIL NIL NIL NIL "<i>")',
        ),
        (
            FetchData(3, body=TEXT),
            b'BODYSTRUCTURE ("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1)',
        ),
        (
            FetchData(3, body=PDF),
            (
                b'BODYSTRUCTURE ("application" "pdf" NIL "<id>" NIL "base64" 1099511627776 "m" '
                b'("attachment" ("filename" "a.pdf")) ("de" "en") "l")'
            ),
        ),
        (
            FetchData(3, body=replace(TEXT, location=b"l")),
            b'BODYSTRUCTURE ("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1 NIL NIL NIL "l")',
        ),
        (
            FetchData(3, body=replace(TEXT, md5=b"m")),
            b'BODYSTRUCTURE ("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1 "m")',
        ),
        (
            FetchData(3, body=Multipart((TEXT,), "mixed")),
            b'BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1) "mixed")',
        ),
        (
            FetchData(3, body=Multipart((TEXT,), "mixed", (("boundary", b"b"),))),
            b'BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1) "mixed" ("boundary" "b"))',
        ),
        (
            FetchData(3, body=Multipart((TEXT,), "mixed", disposition="inline")),
            b'BODYSTRUCTURE (("text" "plain" ("charset" "utf-8") NIL "d" "7bit" 5 1) "mixed" NIL ("inline" NIL) NIL NIL)',
        ),
        (FetchData(3, preview=b"Hi"), b'PREVIEW "Hi"'),
        (
            FetchData(3, sections=(Section("BODY[]", None, b"a\r\n"), Section("BINARY[1]", 0, b"\0"))),
            b"BODY[] {3}\r\na\r\n BINARY[1]<0> ~{1}\r\n\0",
        ),
        (FetchData(3, sections=(Section("BODY[TEXT]", None, None),)), b"BODY[TEXT] NIL"),
        (FetchData(3, unknown=(("X-A", b'(b {1}\r\n" "c")'), ("UID", b"0"))), b'X-A (b {1}\r\n" "c") UID 0'),
        (FetchData(3, unknown=(("X", b"{5}"),)), b"X {5}"),
    ],
)
def test_a_fetch_is_written_and_read_back(response: FetchData, items: bytes) -> None:
    wire = encode_fetch(response)
    assert wire == b"* 3 FETCH (" + items + b")\r\n"
    assert read_back(wire) == response


def test_a_message_part_is_written_and_read_back() -> None:
    response = FetchData(3, body=Multipart((MESSAGE, replace(MESSAGE, lines=None), PDF), "mixed"))
    assert read_back(encode_fetch(response)) == response


def test_a_section_may_be_larger_than_what_our_own_client_takes() -> None:
    size = DEFAULT_LIMITS.literal_bytes + 1
    wire = encode_fetch(FetchData(1, sections=(Section("BODY[]", None, b"x" * size),)))
    assert wire == b"* 1 FETCH (BODY[] {%d}\r\n%b)\r\n" % (size, b"x" * size)


def test_utf8_is_quoted_where_it_is_enabled() -> None:
    assert encode_fetch(FetchData(1, preview="é".encode()), utf8=True) == '* 1 FETCH (PREVIEW "é")\r\n'.encode()
    assert encode_fetch(FetchData(1, preview="é".encode())) == "* 1 FETCH (PREVIEW {2}\r\né)\r\n".encode()


@pytest.mark.parametrize(
    "response",
    [
        FetchData(0),
        FetchData(1, uid=0),
        FetchData(1, uid=2**32),
        FetchData(1, size=-1),
        FetchData(1, flags=("a b",)),
        FetchData(1, email_id="a)"),
        FetchData(1, body=Multipart((), "mixed")),
        FetchData(1, body=replace(MESSAGE, envelope=None)),
        FetchData(1, body=replace(MESSAGE, body=None)),
        FetchData(1, body=replace(PDF, disposition=None)),
        FetchData(1, sections=(Section("BODY[", None, b"x"),)),
        FetchData(1, sections=(Section("body[]", None, b"x"),)),
        FetchData(1, sections=(Section("FLAGS", None, b"x"),)),
        FetchData(1, sections=(Section("BODY[]\r\n* BYE", None, b"x"),)),
        FetchData(1, sections=(Section("BODY[]", -1, b"x"),)),
        FetchData(1, unknown=(("UID", b"5"),)),
        FetchData(1, unknown=(("X", b"5 Y 6"),)),
        FetchData(1, unknown=(("X", b"(" * 99),)),
        FetchData(1, unknown=(("X", b"5)\r\n* BYE (x"),)),
        FetchData(1, unknown=(("X", b"{90}\r\n"),)),
        FetchData(1, unknown=(("X", b'"a'),)),
    ],
)
def test_what_would_not_be_read_back_is_never_written(response: FetchData) -> None:
    with pytest.raises(LocalProtocolError):
        encode_fetch(response)


def test_a_date_is_spelled_with_its_zone() -> None:
    assert date_time(datetime(2026, 1, 1, tzinfo=UTC)) == b'" 1-Jan-2026 00:00:00 +0000"'


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 1, 1),  # noqa: DTZ001
        datetime(2026, 1, 1, microsecond=1, tzinfo=UTC),
        datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=1))),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 1, 1, tzinfo=UTC),
    ],
)
def test_a_date_without_a_spelling_is_refused(moment: datetime) -> None:
    with pytest.raises(LocalProtocolError):
        date_time(moment)


def test_what_was_cut_has_no_spelling() -> None:
    with pytest.raises(LocalProtocolError):
        encode_fetch(FetchData(1, uid=1, cut=True))
