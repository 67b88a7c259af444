"""Mailbox names between the wire and ``str``: modified UTF-7 (RFC 3501 section 5.1.3) or UTF-8 (RFC 6855, 9051).

Any name that a server sends must be good enough to be sent back to it, also one that is no valid modified UTF-7 (plain
8-bit, a lone ``&``, base64 of what needed none). Such a name keeps its printable ASCII, and each byte that cannot stay
(``&``, controls, 8-bit) becomes U+F000 plus the byte, a private-use character that JSON and databases carry. So
``encode(decode(raw)) == raw`` for every ``raw`` without NUL, CR and LF, but for the case of INBOX, which RFC 9051
section 5.1 makes the same in any case.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

_PLAIN: Final = re.compile(rb"[ -%'-~]*+")
_PLAIN_UTF8: Final = re.compile(rb"[ -~]*+")
_SHIFTED: Final = re.compile(rb"&([A-Za-z0-9+,]*+)-")
_TO_SHIFT: Final = re.compile("[^ -~]++")
_KEPT: Final = re.compile("[\uf001-\uf009\uf00b\uf00c\uf00e-\uf01f\uf026\uf07f-\uf0ff]")
_FORBIDDEN: Final = re.compile(r"[\x00\r\n]")

_KEEP: Final = 0xF000


def decode(raw: bytes, *, utf8: bool = False) -> str:
    """The name in ``raw``. Never fails."""
    if len(raw) == 5 and raw.upper() == b"INBOX":
        return "INBOX"
    if (_PLAIN_UTF8 if utf8 else _PLAIN).fullmatch(raw):
        return raw.decode()
    name = _decoded_utf8(raw) if utf8 else _decoded_utf7(raw)
    if name is not None and _encoded(name, utf8=utf8) == raw:
        return name
    ampersand = -1 if utf8 else 0x26
    return "".join(chr(byte) if 0x20 <= byte < 0x7F and byte != ampersand else chr(_KEEP + byte) for byte in raw)


def encode(name: str, *, utf8: bool = False) -> bytes:
    """``name`` for the wire, before quoting. ValueError for NUL, CR and LF and for what no server could send back."""
    if name.isascii() and name.upper() == "INBOX":
        return b"INBOX"
    if _FORBIDDEN.search(name):
        raise ValueError("a mailbox name holds no NUL, CR or LF")
    try:
        return _encoded(name, utf8=utf8)
    except UnicodeEncodeError:
        raise ValueError("a mailbox name holds no lone surrogate") from None


def _encoded(name: str, *, utf8: bool) -> bytes:
    pieces: list[bytes] = []
    done = 0
    for kept in _KEPT.finditer(name):
        pieces.append(_spelled(name[done : kept.start()], utf8=utf8))
        pieces.append(bytes((ord(kept[0]) - _KEEP,)))
        done = kept.end()
    pieces.append(_spelled(name[done:], utf8=utf8))
    return b"".join(pieces)


def _spelled(text: str, *, utf8: bool) -> bytes:
    if utf8:
        return text.encode()
    return _TO_SHIFT.sub(_shift, text.replace("&", "&-")).encode()


def _shift(found: re.Match[str]) -> str:
    """``&`` and the base64 of UTF-16BE with ``,`` for ``/`` and without padding, and ``-``."""
    base64 = binascii.b2a_base64(found[0].encode("utf-16-be"), newline=False)
    return "&" + base64.rstrip(b"=").replace(b"/", b",").decode() + "-"


def _decoded_utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _decoded_utf7(raw: bytes) -> str | None:
    try:
        return _SHIFTED.sub(_unshift, raw).decode()
    except (UnicodeDecodeError, binascii.Error):
        return None


def _unshift(found: re.Match[bytes]) -> bytes:
    if not found[1]:
        return b"&"
    base64 = found[1].replace(b",", b"/")
    return binascii.a2b_base64(base64 + b"=" * (-len(base64) % 4)).decode("utf-16-be").encode()
