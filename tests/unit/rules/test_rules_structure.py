"""Text and attachments in structures that real programs make."""

from __future__ import annotations

import pytest

from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_structure import parse_body
from idlebell.imap.responses import BodyPart, Multipart
from idlebell.imap.tokens import Cursor
from idlebell.rules.structure import PARTS, has_attachment, leaves, text_part

PLAIN = b'("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "7BIT" 12 1 NIL NIL NIL)'
HTML = b'("TEXT" "HTML" ("CHARSET" "utf-8") NIL NIL "7BIT" 12 1 NIL NIL NIL)'
PDF = b'("APPLICATION" "PDF" ("NAME" "a.pdf") NIL NIL "BASE64" 12 NIL ("ATTACHMENT" ("FILENAME" "a.pdf")) NIL)'
LOGO = b'("IMAGE" "PNG" ("NAME" "l.png") "<l@x>" NIL "BASE64" 12 NIL ("INLINE" ("FILENAME" "l.png")) NIL)'
SIGNATURE = b'("APPLICATION" "PGP-SIGNATURE" ("NAME" "s.asc") NIL NIL "7BIT" 12 NIL NIL NIL)'
FORWARDED = b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 99 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL) ' + PLAIN + b" 9)"


def multipart(subtype: bytes, *parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b' "' + subtype + b'")'


def parsed(raw: bytes) -> BodyPart | Multipart:
    return parse_body(Cursor(Frame((raw,)), DEFAULT_LIMITS))


@pytest.mark.parametrize(
    ("raw", "text", "attachment"),
    [
        (PLAIN, "1", False),
        (HTML, "1", False),
        (PDF, None, True),
        (multipart(b"ALTERNATIVE", PLAIN, HTML), "1", False),
        (multipart(b"ALTERNATIVE", HTML), "1", False),
        (multipart(b"MIXED", multipart(b"ALTERNATIVE", PLAIN, HTML), PDF), "1.1", True),
        (multipart(b"RELATED", HTML, LOGO), "1", False),
        (multipart(b"MIXED", multipart(b"RELATED", multipart(b"ALTERNATIVE", PLAIN, HTML), LOGO), PDF), "1.1.1", True),
        (multipart(b"SIGNED", PLAIN, SIGNATURE), "1", False),
        (multipart(b"MIXED", PLAIN, FORWARDED), "1", True),
        (multipart(b"MIXED", PLAIN, PLAIN), "1", False),
        (multipart(b"MIXED", PDF, PLAIN), "2", True),
        (multipart(b"MIXED", PLAIN, LOGO), "1", False),
        (multipart(b"MIXED", PLAIN, LOGO.replace(b'("INLINE" ("FILENAME" "l.png"))', b"NIL")), "1", True),
        (multipart(b"MIXED", PLAIN, PLAIN.replace(b'("CHARSET" "utf-8")', b'("NAME" "log.txt")')), "1", True),
        (multipart(b"ALTERNATIVE", PLAIN, b'("TEXT" "CALENDAR" NIL NIL NIL "7BIT" 12 1)'), "1", False),
        (multipart(b"REPORT", PLAIN, b'("MESSAGE" "DELIVERY-STATUS" NIL NIL NIL "7BIT" 12)', FORWARDED), "1", False),
    ],
)
def test_reader_would_see(raw: bytes, text: str | None, attachment: bool) -> None:
    body = parsed(raw)
    found = text_part(body)

    assert (found.section if found else None) == text
    assert has_attachment(body) is attachment


def test_without_a_structure_there_is_nothing() -> None:
    assert (text_part(None), has_attachment(None)) == (None, False)


def test_parts_are_bounded() -> None:
    wide = parsed(multipart(b"MIXED", *[b'("A" "B" NIL NIL NIL "" 0)'] * 900))
    deep = parsed(multipart(b"MIXED", PLAIN))
    for _ in range(100):
        deep = Multipart((deep,), "mixed")

    assert len(list(leaves(wide))) == PARTS
    assert text_part(deep) is None
