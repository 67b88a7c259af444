"""One timer for all idle sessions. A timer of its own costs a session half a kilobyte in the event loop; here it costs an entry
in a set, at the price of being up to :data:`TICK_SECONDS` late."""

from __future__ import annotations

import asyncio
import math
from typing import Final

TICK_SECONDS: Final = 1.0
"""How late an alarm may be. Idle sessions wait for minutes."""


class Wheel:
    """Buckets of futures by the tick they are due in; one timer of the loop, while any waits."""

    __slots__ = ("_buckets", "_timer")

    def __init__(self) -> None:
        self._buckets: dict[int, set[asyncio.Future[bool]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, future: asyncio.Future[bool], seconds: float) -> int:
        """``future`` gets the result False in ``seconds``, or a tick later, unless it is done by then. Answers what
        :meth:`remove` wants to know."""
        loop = future.get_loop()
        tick = math.ceil((loop.time() + seconds) / TICK_SECONDS)
        self._buckets.setdefault(tick, set()).add(future)
        if self._timer is None:
            self._arm(loop)
        return tick

    def remove(self, future: asyncio.Future[bool], tick: int) -> None:
        """It is not needed any more. Harmless where it is over."""
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.discard(future)
            if not bucket:
                del self._buckets[tick]

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self._buckets.values())

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        tick = math.floor(loop.time() / TICK_SECONDS) + 1
        self._timer = loop.call_at(tick * TICK_SECONDS, self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time() / TICK_SECONDS
        for tick in [tick for tick in self._buckets if tick <= now]:
            for future in self._buckets.pop(tick):
                if not future.done():
                    future.set_result(False)
        self._timer = None
        if self._buckets:
            self._arm(loop)
