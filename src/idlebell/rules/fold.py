"""Text without case and accents, to compare by.

RFC 8621 section 4.4.1 wants case ignored and leaves the rest open. The collation is i;unicode-casemap (RFC 5051: decomposed,
case mapped), widened in two ways that a search wants: by Unicode's full case folding, so that ``Straße`` and ``STRASSE`` are
one, and by leaving out the marks that the decomposition has split off, so that ``resume`` finds ``Résumé``.
"""

from __future__ import annotations

import unicodedata
from itertools import filterfalse
from typing import Final

FOLDED_CHARACTERS: Final = 16_384
"""As much as is compared of one text."""
EXPANSION: Final = 3
"""Characters that one becomes, over the whole of a text: a syllable of Hangul becomes three. A ligature can become 18, and a
text of nothing else is cut."""
_LIGATURES: Final = 100
"""Characters more, so that a short text is not."""
_BLOCK: Final = 1_024
_CHUNK: Final = 64
"""Marks in disorder are sorted by a number of steps that is the square of how many there are, so few are put into order at
once."""
_FEW: Final = 8
"""Kinds of marks, as one language has them: to take out each by itself is ten times as fast as to ask each character."""


def fold(text: str) -> str:
    """At most :data:`FOLDED_CHARACTERS`, and :data:`EXPANSION` times as many as there were."""
    text = text[:FOLDED_CHARACTERS]
    if text.isascii():
        return text.lower()
    pieces: list[str] = []
    room = min(FOLDED_CHARACTERS, EXPANSION * len(text) + _LIGATURES)
    for start in range(0, len(text), _BLOCK):
        block = text[start : start + _BLOCK]
        block = block.lower() if block.isascii() else _bare(block).casefold()
        pieces.append(block[:room])
        room -= len(pieces[-1])
        if room <= 0:
            break
    return "".join(pieces)


def _bare(block: str) -> str:
    """Decomposed, without marks."""
    chunks = (block[start : start + _CHUNK] for start in range(0, len(block), _CHUNK))
    decomposed = "".join([unicodedata.normalize("NFKD", chunk) for chunk in chunks])
    marks = [one for one in set(decomposed) if unicodedata.combining(one)]
    if len(marks) > _FEW:
        return "".join(filterfalse(unicodedata.combining, decomposed))
    for mark in marks:
        decomposed = decomposed.replace(mark, "")
    return decomposed
