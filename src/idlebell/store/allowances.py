"""A part of the store's contract: how much of what costs something was sent on a day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

DAYS_KEPT: Final = 2
"""The day and the one before: a clock that is set back a little finds what it counted."""


class Allowances(Protocol):
    async def spend(self, limits: Mapping[bytes, int], day: int) -> bool:
        """Counts one on ``day`` (of days since the epoch, in UTC) for each name, or, where one of them has had its limit (0: it
        has none), for none of them and gives False. What is older than :data:`DAYS_KEPT` is forgotten."""
        ...

    async def spent(self, name: bytes, day: int) -> int: ...
