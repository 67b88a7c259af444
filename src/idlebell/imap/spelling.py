"""How strings are spelled (RFC 9051 sections 4.3 and 9): quoted where that is safe, a literal otherwise.

Both directions use it. Nothing that would end a line early can be spelled: a NUL in a string, and a NUL, CR or LF in a word
that stands bare, is a :class:`~idlebell.imap.errors.LocalProtocolError`, whose message never quotes the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from idlebell.imap import mailbox_name
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.sequence_set import SequenceSet

_QUOTABLE: Final = re.compile(rb"[^\x00\r\n\x80-\xff]*+")
_QUOTABLE_UTF8: Final = re.compile(rb"[^\x00\r\n]*+")
_TO_ESCAPE: Final = re.compile(rb"[\"\\]")

WORD: Final = re.compile(r"[^\x00-\x20(){\"\x7f-\U0010ffff]+")
"""What stands bare: an atom, a flag, a tag, as the parser here reads it back."""

FLAG: Final = re.compile(r"[^\x00-\x20(){\"\x7f]+")
"""A flag; a server may have keywords beyond ASCII."""


def quoted(value: bytes, *, utf8: bool = False) -> bytes | None:
    """``value`` between quotes; None where only a literal can hold it. 8-bit needs ``utf8`` (RFC 6855 section 3)."""
    if (_QUOTABLE_UTF8 if utf8 and _is_utf8(value) else _QUOTABLE).fullmatch(value) is None:
        return None
    return b'"' + _TO_ESCAPE.sub(rb"\\\g<0>", value) + b'"'


def string(value: bytes, *, utf8: bool = False) -> bytes:
    """A string of a response: a server's literal waits for nobody."""
    return quoted(value, utf8=utf8) or literal(value)


def nstring(value: bytes | None, *, utf8: bool = False) -> bytes:
    return b"NIL" if value is None else string(value, utf8=utf8)


def literal(value: bytes) -> bytes:
    """A literal; literal8 where it has a NUL (RFC 9051 section 4.3)."""
    return b"%b{%d}\r\n%b" % (b"~" if b"\x00" in value else b"", len(value), value)


def text_bytes(value: str) -> bytes:
    """UTF-8; a lone surrogate is our bug."""
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise LocalProtocolError("a string with a lone surrogate cannot be sent") from None


def mailbox_bytes(name: str, *, utf8: bool = False) -> bytes:
    try:
        return mailbox_name.encode(name, utf8=utf8)
    except ValueError as error:
        raise LocalProtocolError(str(error)) from None


def word(value: str, what: str) -> bytes:
    """``value`` bare; ``what`` it is, for the error."""
    if WORD.fullmatch(value) is None:
        raise LocalProtocolError(f"{what} is not a word that can stand bare")
    return value.encode()


def flag_list(flags: Iterable[str]) -> bytes:
    written: list[bytes] = []
    for flag in flags:
        if FLAG.fullmatch(flag) is None:
            raise LocalProtocolError("a flag that is no word")
        written.append(text_bytes(flag))
    return b"(" + b" ".join(written) + b")"


def number(value: int, *, minimum: int = 0, bits: int = 32) -> bytes:
    """``value`` in digits, where it is from ``minimum`` up to what ``bits`` hold."""
    if not minimum <= value < 1 << bits:
        raise LocalProtocolError("a number out of range")
    return b"%d" % value


def sequence_set(numbers: SequenceSet) -> bytes:
    if not numbers.ranges:
        raise LocalProtocolError("a sequence set has at least one number")
    return str(numbers).encode()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
