"""Where questions to the door pass, so that there can be a moment in which none is under way that it answers with a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Gate:
    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._still = asyncio.Event()
        self._still.set()
        self._inside = 0

    @asynccontextmanager
    async def passed(self, *, counted: bool) -> AsyncIterator[None]:
        """``counted``: nothing is still until it is over."""
        await self._open.wait()
        self._inside += counted
        if self._inside:
            self._still.clear()
        try:
            yield
        finally:
            self._inside -= counted
            if not self._inside:
                self._still.set()

    @asynccontextmanager
    async def quiet(self, seconds: float, closed_seconds: float) -> AsyncIterator[None]:
        """Within it nobody passes. It begins when all is still: that is waited for, for ``seconds`` with the gate open, then
        for ``closed_seconds`` with the gate closed, and no longer."""
        await self._stillness(seconds)
        self._open.clear()
        try:
            await self._stillness(closed_seconds)
            yield
        finally:
            self._open.set()

    async def _stillness(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._still.wait()
