"""Time that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from idlebell.net.clock import Clock

_TURNS = 50
"""How often every ready task gets its turn before time moves on: more than any chain of awaits that waits for no I/O."""


class VirtualClock(Clock):
    """All clocks of :class:`~idlebell.net.clock.Clock`, moved by its methods only. For tests without real I/O."""

    __slots__ = ("_asleep", "_elapsed", "_sleepers", "_start")

    def __init__(self, start: datetime = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._asleep = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed + self._asleep)

    def monotonic(self) -> float:
        return self._elapsed

    def boottime(self) -> float:
        return self._elapsed + self._asleep

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            return await asyncio.sleep(0)
        sleeper = (self._elapsed + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    def step(self, seconds: float) -> None:
        """The wall clock is set, forward or back; nobody who sleeps notices."""
        self._start += timedelta(seconds=seconds)

    def suspend(self, seconds: float) -> None:
        """The machine slept; timers stood still with it."""
        self._asleep += seconds

    def stop(self, seconds: float) -> None:
        """The process stood still; whoever was to be woken meanwhile is with the next :meth:`advance`."""
        self._elapsed += seconds

    async def advance(self, seconds: float) -> None:
        """Moves time on, stopping at each moment that somebody waits for, and lets everybody run there."""
        end = self._elapsed + seconds
        while True:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            due = min((at for at, future in self._sleepers if not future.done()), default=end + 1)
            if due > end:
                break
            self._elapsed = max(due, self._elapsed)
            for at, future in self._sleepers:
                if at <= self._elapsed and not future.done():
                    future.set_result(None)
        self._elapsed = end
