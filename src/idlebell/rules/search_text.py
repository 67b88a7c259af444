"""What a filter's string looks for (RFC 8621 section 4.4.1): words and phrases, all of which must be there.

Between matched quotation marks, single or double, stands a phrase, in which a backslash goes before a quotation mark or another
backslash. A mark opens a phrase only where a word may begin and only where another one like it ends a word, so that ``O'Brien``
and ``'tis`` are words. Everything else is divided by white space.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from idlebell.rules.fold import fold

TOKEN_CHARACTERS: Final = 99
"""Folded."""
OVERLAPS: Final = 3
"""Of a word or phrase with itself. Python's own search compares each character of a text once more for each of them (``aaaa``
has three), so that a long one in a text made for it takes fifty times as long as another."""

Sought: TypeAlias = str | re.Pattern[str]
"""A word or phrase as it is looked for: by ``in``, or where it overlaps itself more often by an expression that is nothing but
its characters, for which ``re`` builds a table as Knuth, Morris and Pratt do and goes over the text once."""

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


def sought(token: str) -> Sought:
    """How :func:`stands_in` looks for it in a time that is linear in the text, whatever both are made of."""
    return token if _overlaps(token) <= OVERLAPS else re.compile(re.escape(token))


def stands_in(one: Sought, text: str) -> bool:
    return one in text if isinstance(one, str) else one.search(text) is not None


def _overlaps(token: str) -> int:
    """The most ways in which what a search has matched so far, a beginning of ``token``, may begin anew within itself."""
    borders, depths = (
        [0],
        [0],
    )  # of each beginning: its longest proper end that is one too, and how many such ends it has
    border = 0
    for at in range(1, len(token)):
        while border and token[at] != token[border]:
            border = borders[border - 1]
        border += token[at] == token[border]
        borders.append(border)
        depths.append(depths[border - 1] + 1 if border else 0)
    return max(depths)
