"""Can it do its work? Asked by anybody, as often as he likes, so it must cost little and always be answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from idlebell.model.problem import Problem
from idlebell.net.clock import Clock
from idlebell.store.contract import Store, StoreError
from idlebell.telemetry.facts import Emit, StoreFailed

FRESH_SECONDS: Final = 1.0
"""What was found holds for all who ask in this time: the check of a store is a write, and the page asks nobody who he is."""
ANSWER_SECONDS: Final = 5.0
"""A store that takes longer is not there; monitoring gives up after ten."""


def nothing_troubles() -> str | None:
    return None


class Readiness:
    """``trouble``: what the canary says, in words for anybody; None: nothing."""

    def __init__(
        self, store: Store, clock: Clock, emit: Emit, trouble: Callable[[], str | None] = nothing_troubles
    ) -> None:
        self._store = store
        self._clock = clock
        self._emit = emit
        self._trouble = trouble
        self._check: asyncio.Task[bool] | None = None
        self._begun_at = 0.0

    async def problem(self) -> Problem | None:
        """What keeps it from working, None: nothing. Neither a path nor a server is named: those are in the log."""
        if not await self._can_store():
            return Problem("store-unavailable", "The gateway is not ready; its log says why.")
        trouble = self._trouble()
        return None if trouble is None else Problem("canary-silent", trouble)

    async def _can_store(self) -> bool:
        """One check at a time, whoever asks; one that hangs is not begun again."""
        now = self._clock.monotonic()
        if self._check is None or (self._check.done() and now - self._begun_at >= FRESH_SECONDS):
            self._check = asyncio.create_task(self._look(), name="readiness")
            self._begun_at = now
        check = self._check
        await asyncio.wait({check}, timeout=max(0.0, self._begun_at + ANSWER_SECONDS - now))
        return check.done() and check.result()

    async def _look(self) -> bool:
        try:
            await self._store.check()
        except StoreError as error:
            self._emit(StoreFailed(str(error)))
            return False
        return True
