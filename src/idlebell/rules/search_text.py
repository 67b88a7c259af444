"""What a filter's string looks for (RFC 8621 section 4.4.1): words and phrases, all of which must be there.

Between matched quotation marks, single or double, stands a phrase, in which a backslash goes before a quotation mark or another
backslash. A mark opens a phrase only where a word may begin and only where another one like it ends a word, so that ``O'Brien``
and ``'tis`` are words. Everything else is divided by white space.
"""

from __future__ import annotations

import re
from typing import Final

from idlebell.rules.fold import fold

TOKEN_CHARACTERS: Final = 99
"""Folded. Python searches for fewer than 100 in linear time, however the text is made; for more only in a long one."""

_TOKEN: Final = re.compile(r""""((?:[^"\\]++|\\.)*+)"(?=\s|\Z)|'((?:[^'\\]++|\\.)*+)'(?=\s|\Z)|(\S++)""", re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(['\"\\])")


class SearchTextError(ValueError):
    """Nothing can be looked for by it; says why."""


def read_tokens(text: str) -> tuple[str, ...]:
    """Folded, each once. SearchTextError: there are none, or one is too long."""
    tokens: list[str] = []
    for found in _TOKEN.finditer(text):
        phrase = found[1] if found[1] is not None else found[2]
        token = found[3] if phrase is None else _ESCAPE.sub(r"\1", phrase)
        folded = " ".join(fold(token).split())
        if len(folded) > TOKEN_CHARACTERS:
            raise SearchTextError(f"has a word or phrase of more than {TOKEN_CHARACTERS} characters")
        if folded:
            tokens.append(folded)
    if not tokens:
        raise SearchTextError("has nothing to look for")
    return tuple(dict.fromkeys(tokens))
