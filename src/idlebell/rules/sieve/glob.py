"""Patterns of ``:matches`` (RFC 5228 section 2.7.1): ``*`` is any number of characters, ``?`` is one.

A pattern is cut at its stars. What stands between two of them is found as far left as it can be; that leaves each star as
little as possible and the first ones least, as RFC 5229 section 3.2 wants it, and nothing is ever tried twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from idlebell.rules.sieve.limits import MATCHED, NEEDLE, STEP


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
        return all(text.startswith(literal, at + distance) for distance, literal in self.literals)

    def find(self, text: str, start: int, end: int, spend: Callable[[int], None]) -> int:
        """The first place from ``start`` on where it fits and ends at ``end`` or before; -1: nowhere."""
        if not self.literals:
            return start if start + self.length <= end else -1
        distance, literal = max(self.literals, key=lambda one: len(one[1]))
        last = end - self.length + distance + len(literal)
        at = text.find(literal, start + distance, last)
        while at >= 0:
            spend(2 * STEP + 2 * STEP * len(self.literals))
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
        spend(STEP * (1 + len(first.literals) + len(last.literals) + self.wildcards))
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
            spend((end - place) * (min(piece.longest, NEEDLE) // 2 + 1))
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
    word: list[str] = []
    length = wildcards = 0

    def close_word() -> None:
        if word:
            literals.append((length - len(word), "".join(word)))
            word.clear()

    characters = iter(pattern)
    for one in characters:
        if one == "*":
            close_word()
            pieces.append(Piece(tuple(literals), tuple(holes), length))
            literals, holes, length = [], [], 0
            wildcards += 1
        elif one == "?":
            close_word()
            holes.append(length)
            length += 1
            wildcards += 1
        else:
            word.append(next(characters, one) if one == "\\" else one)
            length += 1
    close_word()
    pieces.append(Piece(tuple(literals), tuple(holes), length))
    return Glob(tuple(pieces), wildcards)
