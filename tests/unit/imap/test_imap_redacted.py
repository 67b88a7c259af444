"""Of what broke the protocol the structure is shown, and nothing that could be secret."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.redacted import offence, redacted


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        # The words of the protocol, our tags, short numbers in their places.
        (b"A12 OK [READ-ONLY] EXAMINE <>", "A12 OK [READ-ONLY] EXAMINE <>"),
        (b"* 23 FETCH (UID 7 FLAGS (\\Seen))", "* 23 FETCH (UID 7 FLAGS (\\Seen))"),
        (b"* CAPABILITY IMAP4rev1 IDLE", "* CAPABILITY IMAP4rev1 IDLE"),
        (b"HTTP/1.1 400 Bad Request", "HTTP/1.1 400 Bad <7>"),
        (b"((((((", "(((((("),
        (b"a\x00b\rc\nd\te", "<1>\\0<1>\\r<1>\\n<1>\\t<1>"),
        # Everything else is its length.
        (b"* BYE no hunter2 here", "* BYE no <7> <4>"),
        (b"x OK moo", "<1> OK <3>"),
        (b"* OK A12 moo", "* OK <3> <3>"),
        (b"* STATUS x (UIDNEXT 7 SECRET 7)", "* STATUS <1> (UIDNEXT 7 <6> <1>)"),
        (b"* 123456 EXISTS", "* <6 digits> EXISTS"),
        (b'* LIST () "/" "se\\"cret"', '* LIST () "<1>" "<8>"'),
        (b'* LIST () "/" "it has no end (SEARCH 1', '* LIST () "<1>" "<23>'),
        (b'"\\', '"<0><1>'),
        (b"\xff\xfe\x16 \x1b", "<3 bytes> <1 bytes>"),
        # Literals.
        (b"* X {5}\r\nSTORE UID 9", "* <1> {5}\\r\\n<5> UID 9"),
        (b"* X {500}\r\nSTORE", "* <1> {500}\\r\\n<5>"),
        (b"* 1 FETCH (BODY[] {4294967295+}", "* 1 FETCH (BODY[] {<10 digits>+}"),
        (b"{x}", "{<1>}"),
        # What follows credentials' commands and a continuation is masked, whatever it looks like.
        (b'A1 LOGIN inbox "UID" {3}\r\nUID 9', 'A1 LOGIN <5> "<3>" {3}\\r\\n<3> <1>'),
        (b"A1 AUTHENTICATE PLAIN AHUAcA==", "A1 AUTHENTICATE <5> <8>"),
        (b"* NO login inbox", "* NO login <5>"),
        (b"+ UID 7", "+ <3> <1>"),
        (b"+PLAIN UID", "<6> <3>"),
    ],
)
def test_the_structure_is_shown(raw: bytes, shown: str) -> None:
    assert redacted(raw) == shown


def test_an_offence_is_the_rule_and_what_broke_it() -> None:
    error = RemoteProtocolError("bare-lf", "a LF without CR", b"* OK hunter2\n")
    assert offence(error) == "bare-lf: a LF without CR: * OK <7>\\n"
    assert offence(RemoteProtocolError("premature-ok", "OK too early")) == "premature-ok: OK too early"
