"""Sequence sets (RFC 9051 section 9, ``sequence-set``): ``1:5,9,12:*``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

STAR = 0
"""Stands for ``*``, the largest number in use; no message has the number or UID 0."""


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as written, each ``(first, last)``; a single number is ``(n, n)``, ``*`` is :data:`STAR`."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def starting_at(cls, first: int) -> SequenceSet:
        """``first:*``. Mind that it also names the last message when ``first`` is beyond it (RFC 9051 section 6.4.9)."""
        return cls(((first, STAR),))

    @classmethod
    def of(cls, numbers: Iterable[int]) -> SequenceSet:
        """The shortest set of exactly these numbers. An empty one is a ValueError: the grammar has no empty set."""
        ranges: list[tuple[int, int]] = []
        for number in sorted(set(numbers)):
            if number < 1:
                raise ValueError(f"no message has the number {number}")
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
        if not ranges:
            raise ValueError("a sequence set has at least one number")
        return cls(tuple(ranges))

    def __str__(self) -> str:
        return ",".join(
            _spell(first) if first == last else f"{_spell(first)}:{_spell(last)}" for first, last in self.ranges
        )

    def __contains__(self, number: int) -> bool:
        """Not meaningful for a set with ``*``, whose end only the server knows; ``*`` counts as no bound here."""
        return any(
            (low <= number) if high is None else (low <= number <= high)
            for low, high in (_ordered(pair) for pair in self.ranges)
        )

    def __iter__(self) -> Iterator[int]:
        """The numbers, in the order written. A set with ``*`` cannot be counted out: ValueError. Mind the size: a short
        text can name four thousand million numbers."""
        for pair in self.ranges:
            low, high = _ordered(pair)
            if high is None:
                raise ValueError("a set with * has no last number here")
            yield from range(low, high + 1)


def _spell(number: int) -> str:
    return "*" if number == STAR else str(number)


def _ordered(pair: tuple[int, int]) -> tuple[int, int | None]:
    """RFC 9051: 4:2 is the same as 2:4, and *:5 the same as 5:*."""
    first, last = pair
    if STAR in pair:
        return max(pair) or 1, None
    return min(first, last), max(first, last)
