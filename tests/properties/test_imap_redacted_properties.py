"""A secret that stands anywhere in what broke the protocol is not in what the operator sees of it."""

from __future__ import annotations

import re
from base64 import b64encode

from hypothesis import example, given, settings
from hypothesis import strategies as st

from idlebell.imap.redacted import redacted
from transcripts.transcript import load_all

MANY = settings(max_examples=500, deadline=None)

CANARY = b"qjzQJZ"
"""Letters that stand in none of the lines below, so one that is shown is the secret's."""

LINES = sorted(
    {
        line
        for transcript in load_all()
        for _, wire in transcript.exchanges
        for line in wire.splitlines(keepends=True)
        if not set(CANARY) & set(line)
    }
    | {
        b'A1 LOGIN "bob" "x"\r\n',
        b"A1 LOGIN {3}\r\nbob {1}\r\nx\r\n",
        b"A1 AUTHENTICATE PLAIN x\r\n",
        b"+ x\r\n",
        b"* OK {9}\r\n",
        b"* 1 FETCH (BODY[HEADER] {20}\r\nTo: me\r\n\r\n FLAGS ())\r\n",
        b'* 1 FETCH (ENVELOPE ("date" "a \\"b\\"" ((NIL NIL "x" "y"))',
        b"x",
    }
)

letters = st.sampled_from(CANARY)
around = st.binary(max_size=4) | st.text('aZ09 "\\(){}[]<>+=/*%-_.:,;@!$\r\n\t\0', max_size=4).map(str.encode)
secrets = st.lists(st.builds(bytes, st.lists(letters, min_size=1, max_size=6)) | around, min_size=1, max_size=6).map(
    b"".join
)
"""Of anything, with letters of the canary in it."""


@MANY
@given(st.sampled_from(LINES), st.integers(0, 200), secrets, st.integers(0, 120))
@example(b"* OK LOGIN ", 11, b"qjz", 0)
@example(b'* OK "', 6, b'\\"qjz', 0)
def test_no_letter_of_a_secret_is_shown_wherever_it_stands(line: bytes, place: int, secret: bytes, start: int) -> None:
    place %= len(line) + 1
    wire = line[:place] + secret + line[place:]
    shown = redacted(wire[start % (len(wire) + 1) :][:80])
    assert not set(CANARY.decode()) & set(shown), shown


@MANY
@given(st.sampled_from(LINES), st.integers(0, 200), st.binary(min_size=4, max_size=40))
def test_no_base64_of_a_secret_is_shown(line: bytes, place: int, secret: bytes) -> None:
    place %= len(line) + 1
    coded = b64encode(secret)
    assert coded.decode() not in redacted(line[:place] + coded + line[place:])


@MANY
@given(st.sampled_from(LINES), st.integers(0, 200), st.text("0123456789", min_size=6, max_size=30))
def test_no_number_that_could_be_a_code_is_shown(line: bytes, place: int, code: str) -> None:
    place %= len(line) + 1
    assert not re.search("[0-9]{6}", redacted(line[:place] + code.encode() + line[place:]))


@MANY
@given(st.binary(max_size=80) | st.lists(st.sampled_from(LINES), max_size=3).map(b"".join))
def test_what_is_shown_is_printable_and_bounded_by_what_was_said(raw: bytes) -> None:
    shown = redacted(raw)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 11 * len(raw)
