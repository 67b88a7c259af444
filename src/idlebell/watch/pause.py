"""A wait that can be cut short."""

from __future__ import annotations

import asyncio


class Pause:
    __slots__ = ("_over",)

    def __init__(self) -> None:
        self._over: asyncio.Future[None] | None = None

    async def wait(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._over = over = loop.create_future()
        timer = loop.call_later(seconds, self.end)
        try:
            await over
        finally:
            timer.cancel()
            self._over = None

    def end(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
