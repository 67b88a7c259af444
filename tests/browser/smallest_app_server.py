"""Serves ``smallest_app`` and takes what its worker says it saw."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp import web

from browser.page import WAIT_SECONDS

_FOLDER = Path(__file__).parent / "smallest_app"


class SmallestApp:
    """``async with``; an app on an origin of its own, as a provider's web mail would be."""

    def __init__(self) -> None:
        self._seen: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self.origin = ""

    async def __aenter__(self) -> SmallestApp:
        application = web.Application()
        application.router.add_post("/seen", self._take)
        application.router.add_static("/", _FOLDER)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"{self.origin}/index.html"

    async def seen(self) -> dict[str, Any]:
        """The next thing that the worker tells, in the order of telling."""
        async with asyncio.timeout(WAIT_SECONDS):
            return await self._seen.get()

    async def _take(self, request: web.Request) -> web.Response:
        await self._seen.put(await request.json())
        return web.json_response({})
