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
"""As much as is compared of one text. A ligature can become 18 characters."""
_CHUNK: Final = 256
"""Marks in disorder are sorted by a number of steps that is the square of how many there are, so few are put into order at
once."""


def fold(text: str) -> str:
    """At most :data:`FOLDED_CHARACTERS`."""
    text = text[:FOLDED_CHARACTERS]
    if text.isascii():
        return text.lower()
    pieces: list[str] = []
    room = FOLDED_CHARACTERS
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        if not chunk.isascii():
            chunk = "".join(filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", chunk))).casefold()
        else:
            chunk = chunk.lower()
        pieces.append(chunk[:room])
        room -= len(pieces[-1])
        if room <= 0:
            break
    return "".join(pieces)
