"""The part of the store's contract that keeps what was done on a day: logins, commands and pushes, by name and count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol, TypeAlias

from idlebell.model.ids import AccountId, SubscriptionId

DAYS_KEPT: Final = 30
"""The day itself among them."""
TALLIES_AT_ONCE: Final = 500
"""Written in one step: it bounds how long every other writer waits for it."""
NAMES_KEPT: Final = 40
"""Of one day of one subject. They come from closed sets, none of which is as large; a bug must not grow the disk."""

Subject: TypeAlias = AccountId | SubscriptionId
Counts: TypeAlias = Mapping[str, int]


def added(before: Counts, more: Counts) -> dict[str, int]:
    """``before`` with ``more`` counted. Of names that are too many the new ones are left out."""
    found = dict(before)
    for name, count in more.items():
        if name in found or len(found) < NAMES_KEPT:
            found[name] = found.get(name, 0) + count
    return found


class Tallies(Protocol):
    async def tally(self, day: int, counts: Mapping[Subject, Counts]) -> None:
        """Adds to what was counted on ``day`` (since the epoch, in UTC), of those that there are, at most
        :data:`TALLIES_AT_ONCE`. What is older than :data:`DAYS_KEPT` is forgotten, and all of a subject that is removed."""
        ...

    async def tallies(self, subject: Subject) -> tuple[tuple[int, Counts], ...]:
        """The days of which something is kept, newest first."""
        ...
