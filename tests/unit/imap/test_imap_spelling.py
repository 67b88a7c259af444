"""How strings, words and numbers are written."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.spelling import (
    flag_list,
    literal,
    mailbox_bytes,
    nstring,
    number,
    quoted,
    sequence_set,
    string,
    text_bytes,
    word,
)


@pytest.mark.parametrize(
    ("value", "spelling"), [(b"", b'""'), (b"a b", b'"a b"'), (b'a"\\', b'"a\\"\\\\"'), (b"{5}", b'"{5}"')]
)
def test_what_is_safe_is_quoted(value: bytes, spelling: bytes) -> None:
    assert quoted(value) == spelling
    assert string(value) == nstring(value) == spelling


@pytest.mark.parametrize("value", [b"a\0", b"a\r", b"\n", b"\xc3\xa9"])
def test_what_is_not_safe_is_a_literal(value: bytes) -> None:
    assert quoted(value) is None
    assert string(value) == literal(value)


def test_utf8_is_quoted_where_it_is_enabled_and_valid() -> None:
    assert quoted(b"\xc3\xa9", utf8=True) == b'"\xc3\xa9"'
    assert quoted(b"\xff", utf8=True) is None


def test_a_nul_needs_a_literal8() -> None:
    assert literal(b"\0") == b"~{1}\r\n\0"
    assert literal(b"\xff") == b"{1}\r\n\xff"


def test_none_is_nil() -> None:
    assert nstring(None) == b"NIL"


def test_a_word_stands_bare_or_is_refused() -> None:
    assert word("UTF8=ACCEPT", "a capability") == b"UTF8=ACCEPT"
    for bad in ("", "a b", "a\r", "(", '"', "é", "{1}"):
        with pytest.raises(LocalProtocolError, match="a capability"):
            word(bad, "a capability")


def test_flags_may_go_beyond_ascii_but_never_beyond_a_word() -> None:
    assert flag_list(["\\Seen", "größe"]) == "(\\Seen größe)".encode()
    assert flag_list([]) == b"()"
    for bad in ("", "a b", "a)", "a\n"):
        with pytest.raises(LocalProtocolError):
            flag_list([bad])


@pytest.mark.parametrize(("value", "minimum", "bits"), [(-1, 0, 32), (0, 1, 32), (2**32, 0, 32), (2**63, 0, 63)])
def test_a_number_out_of_range_is_refused(value: int, minimum: int, bits: int) -> None:
    assert number(value - 1 if value > 0 else minimum, minimum=minimum, bits=bits).isdigit()
    with pytest.raises(LocalProtocolError):
        number(value, minimum=minimum, bits=bits)


def test_an_empty_sequence_set_is_refused() -> None:
    assert sequence_set(SequenceSet(((1, 2),))) == b"1:2"
    with pytest.raises(LocalProtocolError):
        sequence_set(SequenceSet(()))


def test_a_lone_surrogate_is_refused() -> None:
    assert text_bytes("é") == b"\xc3\xa9"
    with pytest.raises(LocalProtocolError):
        text_bytes("\ud800")


def test_a_mailbox_name_with_a_line_end_is_refused() -> None:
    assert mailbox_bytes("ü") == b"&APw-"
    with pytest.raises(LocalProtocolError):
        mailbox_bytes("a\r\nb")
