"""How what is due is taken: what a taking says, and whose turn it is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol, TypeVar

from idlebell.model.notification import Leased

_Row = TypeVar("_Row")

LOOKED_AT: Final = 4
"""For each place so many that wait are looked at. Where one account has them all, they stand behind everybody else's after it
has had these places."""


BEHIND_LOOKED_AT: Final = 64
"""Where so many that wait behind an account's own are its own too, it is taken that somebody else's are among the rest."""


class Share(Protocol):
    def __call__(self, due: Sequence[bytes], tried: Collection[bytes], /) -> Mapping[bytes, int]:
        """``due``: lanes, longest waiting first. ``tried``: those where something waits that was tried and not accepted."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """``lanes``: how many had something due. ``left``: some of it may not have been taken. ``next_due``: of what is not
    leased."""

    leased: tuple[Leased, ...]
    lanes: int
    left: bool
    next_due: datetime | None


def looked_at(places: int) -> int:
    return places * LOOKED_AT


def in_turn(ready: Sequence[_Row], account_of: Callable[[_Row], object], places: int) -> list[_Row]:
    """Up to ``places`` of those that wait, in their order: of each account one before there are two of any."""
    if len(ready) <= places:
        return list(ready)
    had: Counter[object] = Counter()
    rounds: list[int] = []
    for row in ready:
        account = account_of(row)
        rounds.append(had[account])
        had[account] += 1
    order = sorted(range(len(ready)), key=lambda number: (rounds[number], number))
    return [ready[number] for number in order[:places]]
