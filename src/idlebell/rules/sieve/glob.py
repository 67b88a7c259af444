"""Patterns of ``:matches`` (RFC 5228 section 2.7.1): ``*`` is any number of characters, ``?`` is one.

A pattern is cut at its stars. What stands between two of them is found as far left as it can be; that leaves each star as
little as possible and the first ones least, as RFC 5229 section 3.2 wants it, and nothing is ever tried twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idlebell.rules.sieve.limits import COMPARISON, MATCHED, NEEDLE, STEP

_PART: Final = re.compile(r"[*?]|\\.?|[^*?\\]++", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands between two stars: literals with so many ``?`` before, between and behind them."""

    literals: tuple[tuple[int, str], ...]
    """Each with its distance from the beginning of the piece."""
    holes: tuple[int, ...]
    """Where its ``?`` are."""
    length: int

    @property
    def longest(self) -> int:
        return max((len(literal) for _, literal in self.literals), default=0)

    def fits(self, text: str, at: int) -> bool:
        for distance, literal in self.literals:  # noqa: SIM110 - a generator takes three times as long
            if not text.startswith(literal, at + distance):
                return False
        return True

    def find(self, text: str, start: int, end: int, spend: Callable[[int], None]) -> int:
        """The first place from ``start`` on where it fits and ends at ``end`` or before; -1: nowhere."""
        if not self.literals:
            return start if start + self.length <= end else -1
        distance, literal = max(self.literals, key=lambda one: len(one[1]))
        last = end - self.length + distance + len(literal)
        at = text.find(literal, start + distance, last)
        while at >= 0:
            spend(COMPARISON * (4 + len(self.literals)))
            if self.fits(text, at - distance):
                return at - distance
            at = text.find(literal, at + 1, last)
        return -1


@dataclass(frozen=True, slots=True)
class Glob:
    pieces: tuple[Piece, ...]
    wildcards: int

    def match(self, text: str, spend: Callable[[int], None]) -> tuple[tuple[int, int], ...] | None:
        """Where each of the first nine wildcards begins and ends; None: it does not match. ``spend`` is told what it costs, see
        :data:`~idlebell.rules.sieve.limits.WORK`, and raises where that is too much."""
        first, last = self.pieces[0], self.pieces[-1]
        spend(2 * STEP + COMPARISON * (len(first.literals) + len(last.literals) + 3 * self.wildcards))
        if len(self.pieces) == 1:
            if len(text) != first.length or not first.fits(text, 0):
                return None
            return tuple((hole, hole + 1) for hole in first.holes[: MATCHED - 1])
        end = len(text) - last.length
        place = first.length
        if place > end or not first.fits(text, 0) or not last.fits(text, end):
            return None
        spans = [(hole, hole + 1) for hole in first.holes]
        for piece in self.pieces[1:-1]:
            spend(STEP + (end - place) * (min(piece.longest, NEEDLE) // 2 + 1))
            at = piece.find(text, place, end, spend)
            if at < 0:
                return None
            spans.append((place, at))
            spans += ((at + hole, at + hole + 1) for hole in piece.holes)
            place = at + piece.length
        spans.append((place, end))
        spans += ((end + hole, end + hole + 1) for hole in last.holes)
        return tuple(spans[: MATCHED - 1])


def read_glob(pattern: str) -> Glob:
    """A backslash takes a wildcard's meaning away (RFC 5228 section 2.7.1)."""
    pieces: list[Piece] = []
    literals: list[tuple[int, str]] = []
    holes: list[int] = []
    word = ""
    length = wildcards = 0
    for found in _PART.finditer(pattern):
        part = found[0]
        if part not in ("*", "?"):
            plain = part if part[0] != "\\" else part[1:] or part
            word += plain
            length += len(plain)
            continue
        if word:
            literals.append((length - len(word), word))
            word = ""
        wildcards += 1
        if part == "*":
            pieces.append(Piece(tuple(literals), tuple(holes), length))
            literals, holes, length = [], [], 0
        else:
            holes.append(length)
            length += 1
    if word:
        literals.append((length - len(word), word))
    pieces.append(Piece(tuple(literals), tuple(holes), length))
    return Glob(tuple(pieces), wildcards)


def wildcards(pattern: str) -> int:
    """At most, without reading it."""
    return pattern.count("*") + pattern.count("?")
