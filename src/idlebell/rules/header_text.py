"""Header fields as whoever sent the mail wrote them, to text: cut into fields, unfolded, encoded words decoded (RFC 2047).

Every step is linear in its input and cannot fail; the input is bounded by who fetches it.
"""

from __future__ import annotations

import binascii
import re
from itertools import islice
from typing import Final

from idlebell.rules.charsets import decoded, guessed

FIELDS: Final = 500
"""Of one header. More are not looked at."""

_END: Final = re.compile(rb"(?:\A|\n)\r?(?:\n|\Z)")
# A name, a colon, and the rest of the line with those that continue it.
_FIELD: Final = re.compile(rb"^([!-9;-~]{1,200}+)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.MULTILINE)
_LINES: Final = re.compile(r"[\r\n]++")
# Charset, encoding and text end at a question mark each, so that the search is linear whatever is written. Tolerated beyond RFC
# 2047 section 2: spaces in the text, and more than 75 characters.
_WORD: Final = re.compile(r"=\?([^?\s]{1,100})\?([bBqQ])\?([^?]*+)\?=")
_ESCAPED: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")


def fields(raw: bytes) -> dict[str, tuple[bytes, ...]]:
    """Values by name in lower case, in the order of the header, still folded and encoded. A field that the end of ``raw``
    cuts counts as far as it goes. The empty line ends the header (RFC 5322 section 2.1)."""
    end = _END.search(raw)
    found: dict[str, tuple[bytes, ...]] = {}
    for field in islice(_FIELD.finditer(raw, 0, end.start() + 1 if end is not None else len(raw)), FIELDS):
        name = field[1].decode("ascii").lower()
        found[name] = (*found[name], field[2]) if name in found else (field[2],)
    return found


def header_text(raw: bytes) -> str:
    """One value: unfolded, its encoded words decoded, without white space around it."""
    raw = raw.strip()
    text = raw.decode("ascii") if raw.isascii() else guessed(raw)
    if b"\n" in raw or b"\r" in raw:
        text = " ".join(line.strip() for line in _LINES.split(text))
    return decode_words(text) if "=?" in text else text


def decode_words(text: str) -> str:
    """RFC 2047 section 6.2: white space between two encoded words is not there. Neighbours of one charset are decoded together,
    for many programs cut a character in two."""
    pieces: list[str] = []
    charset, gathered = "", bytearray()
    end = 0
    for word in _WORD.finditer(text):
        content = _word_bytes(word[2], word[3])
        if not content and word[3]:
            continue  # not in its encoding: it stays as it is
        between = text[end : word.start()]
        named = word[1].lower()
        if gathered and (named != charset or (between and not between.isspace())):
            pieces.append(decoded(bytes(gathered), charset))
            gathered.clear()
        if between and not (end and between.isspace()):
            pieces.append(between)
        charset = named
        gathered += content
        end = word.end()
    if gathered:
        pieces.append(decoded(bytes(gathered), charset))
    pieces.append(text[end:])
    return "".join(pieces)


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "surrogateescape" if text.isascii() else "replace")
    if encoding in "qQ":
        return _ESCAPED.sub(lambda found: bytes((int(found[1], 16),)), raw.replace(b"_", b" "))
    return base64_bytes(raw)


def base64_bytes(raw: bytes) -> bytes:
    """As far as it is base64: what does not belong is passed over, an incomplete end left out."""
    letters = _NOT_BASE64.sub(b"", raw)
    whole = len(letters) - (len(letters) % 4 == 1)
    letters = letters[:whole]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
