"""Commands to a browser: JSON over a WebSocket, as both WebDriver BiDi and the Chrome DevTools Protocol have them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

import aiohttp

ANSWER_SECONDS = 120.0
"""For one command: far more than any takes, on a machine that does much else."""

Listener: TypeAlias = Callable[[dict[str, Any]], None]


class RemoteError(Exception):
    """The browser refused a command, or the page's code threw."""


class Remote:
    """``listener`` gets every event, as the browser sent it."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, listener: Listener) -> None:
        self._socket = socket
        self._listener = listener
        self._ids = count(1)
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read())

    async def call(self, method: str, params: dict[str, Any] | None = None, **frame: Any) -> dict[str, Any]:
        """The answer's ``result``. ``frame``: members beside ``params`` (the DevTools Protocol has ``sessionId`` there)."""
        number = next(self._ids)
        answer = self._pending[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params or {}, **frame})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                said = await answer
        except TimeoutError:
            raise RemoteError(f"{method} was not answered within {ANSWER_SECONDS} s") from None
        finally:
            self._pending.pop(number, None)
        if "error" in said:
            raise RemoteError(f"{method}: {said.get('message') or said['error']}")
        result: dict[str, Any] = said["result"]
        return result

    async def close(self) -> None:
        await self._socket.close()
        await self._reading

    async def _read(self) -> None:
        async for frame in self._socket:
            said = json.loads(frame.data)
            if (answer := self._pending.get(said.get("id"))) is None:
                self._listener(said)
            elif not answer.done():
                answer.set_result(said)
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(RemoteError("the browser has gone"))
