"""Who waits for a server that was down for all, and is told when it lets somebody in again."""

from __future__ import annotations

import asyncio
from weakref import WeakValueDictionary

from idlebell.net.clock import Clock


class Returns:
    __slots__ = ("_clock", "_waited_for")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # By server, while somebody waits for it: set when it lets somebody in.
        self._waited_for: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def awaited(self, host: str) -> bool:
        """Does somebody wait for it?"""
        return host in self._waited_for

    def let_in(self, host: str) -> None:
        """A session was opened there: whoever waits knows."""
        returned = self._waited_for.pop(host, None)
        if returned is not None:
            returned.set()

    async def within(self, host: str, seconds: float) -> bool:
        """Waits until somebody gets in at ``host``, for so many seconds at most. False: nobody did."""
        returned = self._waited_for.setdefault(host, asyncio.Event())
        waiting = [
            asyncio.ensure_future(self._clock.sleep(seconds)),
            asyncio.ensure_future(returned.wait()),
        ]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return not waiting[0].done()
        finally:
            for one in waiting:
                one.cancel()
