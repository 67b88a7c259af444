"""ENVELOPE and BODYSTRUCTURE (RFC 9051 section 7.5.2)."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_structure import parse_body, parse_envelope
from idlebell.imap.responses import Address, BodyPart, Envelope, Multipart
from idlebell.imap.tokens import Cursor, GrammarError


def envelope(*parts: bytes) -> Envelope:
    cursor = Cursor(Frame(parts), DEFAULT_LIMITS)
    found = parse_envelope(cursor)
    assert cursor.at_end()
    return found


def body(*parts: bytes, limits: Limits = DEFAULT_LIMITS) -> BodyPart | Multipart:
    cursor = Cursor(Frame(parts), limits)
    found = parse_body(cursor)
    assert cursor.at_end()
    return found


GRAY = Address(b"Terry Gray", None, b"gray", b"cac.washington.edu")
TEXT = BodyPart("TEXT", "PLAIN", (("CHARSET", b"US-ASCII"),), None, None, "7BIT", 3028, 92)


# --- envelopes ---


def test_the_envelope_of_the_rfc_is_read() -> None:
    """RFC 9051 section 8."""
    gray = b'(("Terry Gray" NIL "gray" "cac.washington.edu"))'
    found = envelope(
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" '
        + gray
        + b" "
        + gray
        + b" "
        + gray
        + b' ((NIL NIL "imap" "cac.washington.edu")) ((NIL NIL "minutes" "CNRI.Reston.VA.US")'
        b'("John Klensin" NIL "KLENSIN" "MIT.EDU")) NIL NIL "<B27397-0100000@cac.washington.edu>")'
    )
    assert found.subject == b"IMAP4rev1 WG mtg summary and minutes"
    assert found.from_ == found.sender == found.reply_to == (GRAY,)
    assert found.to == (Address(None, None, b"imap", b"cac.washington.edu"),)
    assert [each.mailbox for each in found.cc] == [b"minutes", b"KLENSIN"]
    assert found.bcc == ()
    assert (found.in_reply_to, found.message_id) == (None, b"<B27397-0100000@cac.washington.edu>")


def test_escapes_literals_and_odd_spaces_are_taken_in_addresses() -> None:
    found = envelope(b'(NIL NIL () (("a\\"b" NIL {1}', b"x", b' "h" ) (NIL NIL "y" "h")) nil NIL NIL NIL NIL NIL )')
    assert found.from_ == ()
    assert found.sender == (Address(b'a"b', None, b"x", b"h"), Address(None, None, b"y", b"h"))


@pytest.mark.parametrize("raw", [b"NIL", b"(NIL)", b"(NIL NIL x NIL NIL NIL NIL NIL NIL NIL)", b"(NIL NIL ((NIL)) NIL"])
def test_what_is_no_envelope_is_ungrammatical(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        envelope(raw)


# --- bodies ---


def test_a_text_has_lines() -> None:
    assert body(b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)') == TEXT


def test_a_text_without_lines_and_another_type_with_them_are_taken() -> None:
    assert body(b'("text" "plain" NIL NIL NIL "7bit" 3)') == BodyPart("text", "plain", (), None, None, "7bit", 3)
    assert body(b'("image" "png" NIL NIL NIL "base64" 3 7)') == BodyPart("image", "png", (), None, None, "base64", 3, 7)


def test_a_multipart_holds_its_parts_in_order() -> None:
    plain = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)'
    assert body(b"(" + plain + plain + b' "MIXED")') == Multipart((TEXT, TEXT), "MIXED")
    assert body(b"(" + plain + b" " + plain + b' "MIXED" NIL)') == Multipart((TEXT, TEXT), "MIXED")


def test_the_extension_of_a_multipart_is_read() -> None:
    plain = b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)'
    found = body(
        b"(" + plain + b' "mixed" ("boundary" "b") ("inline" ("a" "b")) ("en" "de") "http://x" ("future" 1) 7)'
    )
    assert found == Multipart(
        (TEXT,), "mixed", (("boundary", b"b"),), "inline", (("a", b"b"),), ("en", "de"), b"http://x"
    )


@pytest.mark.parametrize(
    ("raw", "disposition", "parameters", "language", "location"),
    [
        (b' "md5"', None, (), (), None),
        (b' "md5" NIL', None, (), (), None),
        (b' "md5" "inline"', "inline", (), (), None),
        (b' "md5" ("inline")', "inline", (), (), None),
        (b' "md5" ("inline" NIL) NIL', "inline", (), (), None),
        (b' "md5" ("inline" NIL) "en"', "inline", (), ("en",), None),
        (b' "md5" ("inline" ("f" NIL) ) ("en" "fr") "loc"', "inline", (("f", b""),), ("en", "fr"), b"loc"),
    ],
)
def test_the_extension_of_a_part_may_end_anywhere(
    raw: bytes,
    disposition: str | None,
    parameters: tuple[tuple[str, bytes], ...],
    language: tuple[str, ...],
    location: bytes | None,
) -> None:
    found = body(b'("a" "b" NIL "<id>" "text" "base64" 5' + raw + b")")
    assert found == BodyPart(
        "a",
        "b",
        (),
        b"<id>",
        b"text",
        "base64",
        5,
        None,
        None,
        None,
        b"md5",
        disposition,
        parameters,
        language,
        location,
    )


def test_a_message_has_an_envelope_a_body_and_lines() -> None:
    found = body(
        b'("message" "rfc822" NIL NIL NIL "7bit" 342 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) '
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92) 7 NIL NIL NIL NIL)'
    )
    assert isinstance(found, BodyPart)
    assert found.envelope is not None
    assert (found.envelope.subject, found.body, found.lines) == (b"s", TEXT, 7)


def test_a_message_without_lines_is_taken() -> None:
    found = body(
        b'("message" "rfc822" NIL NIL NIL "7bit" 342 (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL) '
        b'("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))'
    )
    assert isinstance(found, BodyPart)
    assert (found.body, found.lines) == (TEXT, None)


def test_gmx_writes_nil_where_strings_and_numbers_belong() -> None:
    assert body(b"(NIL NIL NIL NIL NIL NIL NIL)") == BodyPart("", "", (), None, None, "", 0)


@pytest.mark.parametrize("raw", [b"NIL", b'("a" "b")', b"()", b'("a" "b" NIL NIL NIL "7bit" -3)', b'((("a"', b"(x)"])
def test_what_is_no_body_is_ungrammatical(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        body(raw)


@pytest.mark.parametrize(
    "unit", [b"(", b'("message" "rfc822" NIL NIL NIL "7bit" 3 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) ']
)
def test_nesting_is_bounded(unit: bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        body(unit * 1000)
    assert caught.value.reason == "too-deep"


def test_parts_are_counted() -> None:
    part = b'("a" "b" NIL NIL NIL "7bit" 3)'
    with pytest.raises(RemoteProtocolError) as caught:
        body(b"(" + part * 9 + b' "mixed")', limits=Limits(items=8))
    assert caught.value.reason == "too-many-items"
