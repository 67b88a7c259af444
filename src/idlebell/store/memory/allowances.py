"""What was spent, in memory."""

from __future__ import annotations

from collections.abc import Mapping

from idlebell.store.allowances import DAYS_KEPT


class MemoryAllowances:
    """Keeps :class:`~idlebell.store.allowances.Allowances`."""

    def __init__(self) -> None:
        super().__init__()
        self._spent: dict[tuple[bytes, int], int] = {}

    async def spend(self, limits: Mapping[bytes, int], day: int) -> bool:
        self._spent = {one: count for one, count in self._spent.items() if one[1] > day - DAYS_KEPT}
        if any(0 < limit <= self._spent.get((name, day), 0) for name, limit in limits.items()):
            return False
        for name in limits:
            self._spent[name, day] = self._spent.get((name, day), 0) + 1
        return True

    async def spent(self, name: bytes, day: int) -> int:
        return self._spent.get((name, day), 0)
