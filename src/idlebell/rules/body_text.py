"""The text of one part, as it was fetched, to words that can be searched: its transfer encoding and charset undone, markup left
out. Linear in its input, and never fails: the input may end anywhere."""

from __future__ import annotations

import binascii
import html
import re
from html.entities import html5
from itertools import islice
from typing import Final

from idlebell.imap.responses import BodyPart
from idlebell.rules.charsets import decoded, whole_characters
from idlebell.rules.header_text import base64_bytes

TEXT_BYTES: Final = 16_384
"""Of the text part, as it is fetched. What a mail is about stands at its beginning."""

TAGS_WITH_WORDS: Final = 500
"""Tags that are looked at for their ``alt`` and ``title``."""
SHOWN_ATTRIBUTES: Final = 500
"""Of ``alt`` and ``title``, that are read."""
INVISIBLE_ELEMENTS: Final = 100
"""What follows so many is not looked at."""

REFERENCES: Final = 1_000
"""Of characters, that are read."""

# With its semicolon: without one each letter would be looked up, and there are thousands of names.
_REFERENCE: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_COMMENT: Final = re.compile(r"<!--(?:[^-]++|-(?!->))*+(?:-->|\Z)")
_INVISIBLE: Final = re.compile(r"<(?=[hst])(head|style|script|template)\b[^<>]*+>?", re.IGNORECASE)
_TAG: Final = re.compile(r"<[A-Za-z/!?][^<>]*+>?")
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
    markup = _without_invisible(_COMMENT.sub("", markup))
    if any(name in markup.lower() for name in ("alt", "title")):  # ten times as fast as the expression
        left = SHOWN_ATTRIBUTES

        def shown_of(tag: re.Match[str]) -> str:
            nonlocal left
            shown = [one[1] or one[2] or one[3] or "" for one in islice(_SHOWN_ATTRIBUTE.finditer(tag[0]), left)]
            left -= len(shown)
            return " " + " ".join(shown) + " "

        markup = _TAG.sub(shown_of, markup, count=TAGS_WITH_WORDS)
    return _unescaped(_TAG.sub(" ", markup))


def _without_invisible(markup: str) -> str:
    """An element that never ends has the rest in it."""
    pieces: list[str] = []
    place = 0
    while (begin := _INVISIBLE.search(markup, place)) is not None:
        pieces.append(markup[place : begin.start()])
        end = markup.find("</", begin.end())
        while end >= 0 and markup[end + 2 : end + 2 + len(begin[1])].lower() != begin[1].lower():
            end = markup.find("</", end + 2)
        if end < 0 or len(pieces) >= INVISIBLE_ELEMENTS:
            return "".join(pieces)
        place = end  # what is left of the end tag is a tag
    pieces.append(markup[place:])
    return "".join(pieces)


def _unescaped(text: str) -> str:
    return _REFERENCE.sub(_character, text, count=REFERENCES) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    """A name that is known is taken from the table at once: ``html.unescape`` searches the text that it is given once more."""
    reference = found[0]
    return html5.get(reference[1:]) or html.unescape(reference)
