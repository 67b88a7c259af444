"""Words of a mail made fit to be shown: nothing hidden, nothing that reorders or overprints, and not endless.

Whoever sent the mail wrote it. Control and bidirectional formatting characters go, so that nothing shown can hide or turn text
round (RFC 8264 and UTS 39 warn of them); marks are not stacked without end; half a character of UTF-16 becomes a question mark,
for no UTF-8 can hold it. Every step is linear.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from idlebell.model.shown_text import cut

MARKS: Final = 8
"""Combining marks on one letter. No language stacks more than six; a thousand are a tower over what stands above them, and
Unicode's normal forms take a time that is the square of their number."""

_HIDDEN: Final = dict.fromkeys(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        0x00AD,
        0x034F,
        0x061C,
        0x115F,
        0x1160,
        *range(0x180B, 0x1810),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0x3164,
        0xFEFF,
        0xFFA0,
        *range(0xFFF9, 0xFFFC),
        *range(0xE0000, 0xE0080),
    ]
)
_HIDDEN_IN_LINES: Final = {character: None for character in _HIDDEN if character != 0x0A}
_SPACE: Final = re.compile(r"\s+")
_ENDS_OF_LINE: Final = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_SPACE_IN_LINE: Final = re.compile(r"[^\S\n]")
_EMPTY_LINES: Final = re.compile(r"\n{3,}")


def tidy_line(text: str, characters: int) -> str:
    """On one line: white space folded. At most so many ``characters``, the last an ellipsis where something is left out."""
    # White space is folded before hidden characters go, so that words stay apart.
    folded = _SPACE.sub(" ", _sound(text)).translate(_HIDDEN).strip()
    return cut(_composed(folded), characters)


def tidy_lines(text: str, characters: int) -> tuple[str, bool]:
    """Lines stay lines, with at most one empty one between two. At most so many ``characters``; and is that less than all?"""
    ended = _ENDS_OF_LINE.sub("\n", _sound(text))
    bare = _SPACE_IN_LINE.sub(" ", ended).translate(_HIDDEN_IN_LINES)
    # Spaces before the end of a line, found from the left, would be looked at again and again: so from the right, a line each.
    lines = "\n".join(line.rstrip(" ") for line in bare.split("\n"))
    whole = _composed(_EMPTY_LINES.sub("\n\n", lines).strip("\n").rstrip())
    return whole[:characters].rstrip(), len(whole) > characters


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", _few_marks(text))


def _few_marks(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for one in text:
        marks = marks + 1 if unicodedata.combining(one) else 0
        if marks <= MARKS:
            kept.append(one)
    return "".join(kept)
