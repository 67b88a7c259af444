"""Header fields as whoever sent the mail wrote them, to text: cut into fields, unfolded, encoded words decoded (RFC 2047).

Every step is linear in its input and cannot fail; the input is bounded by who fetches it.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

from idlebell.rules.charsets import decoded, guessed

FIELDS: Final = 500
"""Of one header. More are not looked at."""
ENCODED_WORDS: Final = 200
"""Of one value. More stay as they are: each takes some 3 µs. A subject has twenty, a hundred recipients' names a hundred."""

_NAME: Final = re.compile(rb"[!-9;-~]{1,200}")
_FOLDED: Final = re.compile(rb"\n[ \t]")
_LINES: Final = re.compile(r"[\r\n]++")
# Charset, encoding and text end at a question mark each, so that the search is linear whatever is written. Tolerated beyond RFC
# 2047 section 2: spaces in the text, and more than 75 characters.
_WORD: Final = re.compile(r"=\?([^?\s]{1,100})\?([bBqQ])\?([^?]*+)\?=")
_BARE: Final = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")


def fields(raw: bytes) -> dict[str, tuple[bytes, ...]]:
    """Values by name in lower case, in the order of the header, still folded and encoded. A field that the end of ``raw``
    cuts counts as far as it goes. The empty line ends the header (RFC 5322 section 2.1)."""
    found: dict[str, tuple[bytes, ...]] = {}
    for line in _unfolded(raw) if _FOLDED.search(raw) else raw.split(b"\n", FIELDS)[:FIELDS]:
        if line in (b"", b"\r"):
            break
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" \t")
        if not colon or _NAME.fullmatch(name) is None:
            continue
        key = name.decode("ascii").lower()
        found[key] = (*found[key], value) if key in found else (value,)
    return found


def _unfolded(raw: bytes) -> Iterator[bytes]:
    """Each line with those that continue it."""
    gathered: list[bytes] = []
    count = 0
    for line in raw.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            gathered.append(line)
            continue
        if gathered:
            yield b"\n".join(gathered)
        if line in (b"", b"\r") or (count := count + 1) > FIELDS:
            return
        gathered = [line]
    if gathered:
        yield b"\n".join(gathered)


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
    for word in islice(_WORD.finditer(text), ENCODED_WORDS):
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
        return binascii.a2b_qp(_BARE.sub(b"=3D", raw), header=True)  # what escapes nothing stays as it is
    return base64_bytes(raw)


def base64_bytes(raw: bytes) -> bytes:
    """As far as it is base64: what does not belong is passed over, an incomplete end left out."""
    letters = _NOT_BASE64.sub(b"", raw)
    whole = len(letters) - (len(letters) % 4 == 1)
    letters = letters[:whole]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
