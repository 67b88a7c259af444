"""The text of one part, as it was fetched, to words that can be searched: its transfer encoding and charset undone, markup left
out. Linear in its input, and never fails: the input may end anywhere."""

from __future__ import annotations

import binascii
import html
import re
from typing import Final

from idlebell.imap.responses import BodyPart
from idlebell.rules.charsets import decoded, whole_characters
from idlebell.rules.header_text import base64_bytes

TEXT_BYTES: Final = 16_384
"""Of the text part, as it is fetched. What a mail is about stands at its beginning."""

_INVISIBLE: Final = ("head", "style", "script", "template")
_TAG: Final = re.compile(r"<(!--|/?[A-Za-z][A-Za-z0-9]{0,20}+|[!?/])([^<>]*+)(>?)")
_SHOWN_ATTRIBUTE: Final = re.compile(
    r"""\b(?:alt|title)\s{0,8}+=\s{0,8}+(?:"([^"]*+)"|'([^']*+)'|([^\s"'>]++))""", re.IGNORECASE
)


def part_text(part: BodyPart, raw: bytes) -> str:
    """``raw``: the content of ``part``, or its beginning."""
    text = decoded_part(part, raw[:TEXT_BYTES], cut=len(raw) >= TEXT_BYTES)
    return words_of_html(text) if part.subtype.lower() == "html" else text


def decoded_part(part: BodyPart, raw: bytes, *, cut: bool) -> str:
    """The content of ``part``, or its beginning where it is ``cut``, its transfer encoding and charset undone."""
    match part.encoding.lower():
        case "base64":
            raw = base64_bytes(raw)
        case "quoted-printable":
            raw = binascii.a2b_qp(raw)
    charset = next((value for name, value in part.parameters if name.lower() == "charset"), b"")
    # Half a character at its end would have all of it taken for no UTF-8.
    return decoded(whole_characters(raw) if cut else raw, charset[:100].decode("latin-1"))


def words_of_html(markup: str) -> str:
    """RFC 8621 section 4.4.1: neither tags and most attributes nor what is in head, styles and scripts, but ``alt`` and
    ``title``."""
    pieces: list[str] = []
    place = 0
    while (tag := _TAG.search(markup, place)) is not None:
        pieces.append(markup[place : tag.start()])
        name = tag[1].lower()
        place = tag.end()
        if name == "!--":
            end = markup.find("-->", tag.start() + 4)
            place = len(markup) if end < 0 else end + 3
        elif name in _INVISIBLE:
            place = _after(markup, name, place)
        else:
            pieces.append(" ")
            pieces += ((one[1] or one[2] or one[3] or "") + " " for one in _SHOWN_ATTRIBUTE.finditer(tag[2]))
    pieces.append(markup[place:])
    return _unescaped("".join(pieces))


def _after(markup: str, name: str, place: int) -> int:
    """Behind the end tag, or where everything ends."""
    end = re.compile(rf"</{name}[^<>]*+>?", re.IGNORECASE).search(markup, place)
    return len(markup) if end is None else end.end()


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:
        return text  # a character reference with thousands of digits
