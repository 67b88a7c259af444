"""Time, as the rim sees it. Timers run on the monotonic clock, so that a jump of the wall clock moves none (NTP, leap)."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks. Tests put one with virtual time in its place."""

    __slots__ = ()

    def now(self) -> datetime:
        """The wall clock, aware, in UTC. For what is stored, signed or shown; never for measuring."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back."""
        return time.monotonic()

    def boottime(self) -> float:
        """As :meth:`monotonic`, but it goes on while the machine sleeps (CLOCK_BOOTTIME)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        """Waits. Not at all where ``seconds`` is not positive, but other tasks get their turn."""
        await asyncio.sleep(max(0.0, seconds))
