"""Where requests that the door has let through meet the application: the gateway's end of :mod:`.front`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from idlebell.door import frames
from idlebell.rest.peer import Peer
from idlebell.telemetry.facts import Emit, SupervisorCaught, where_raised

App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]
"""An ASGI application."""
PIECE_BYTES: Final = 65_536
"""Of an answer's body in one packet."""


class Back:
    """``app`` answers; ``say`` puts a frame on the link. All of one link: :meth:`close` ends what is under way."""

    def __init__(self, app: App, say: Callable[[frames.Frame], None], emit: Emit) -> None:
        self._app = app
        self._say = say
        self._emit = emit
        self._exchanges: dict[int, _Exchange] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, frame: frames.Request | frames.Taken | frames.Gone) -> None:
        if isinstance(frame, frames.Request):
            scope = _scope(frame)
            exchange = self._exchanges[frame.number] = _Exchange(frame.number, self._say, scope["state"])
            task = asyncio.create_task(self._run(scope, exchange), name="request")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif (found := self._exchanges.get(frame.request)) is not None:
            (found.taken if isinstance(frame, frames.Taken) else found.gone).set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, scope: Any, exchange: _Exchange) -> None:
        """A supervisor: an answer that fails is that request's matter."""
        try:
            await self._app(scope, exchange.receive, exchange.send)
        except Exception as error:
            self._emit(SupervisorCaught("rest", where_raised(error)))
        finally:
            del self._exchanges[exchange.number]
            self._say(frames.Done(exchange.number))


class _Exchange:
    def __init__(self, number: int, say: Callable[[frames.Frame], None], state: dict[str, Any]) -> None:
        self.number: Final = number
        self._say = say
        self._state = state
        self._asked = False
        self.taken: Final = asyncio.Event()
        self.gone: Final = asyncio.Event()

    async def receive(self) -> Any:
        """An empty body, for the real one is in the scope; then, once it is so, that the client is gone."""
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Returns when the client has taken it, where more is to follow."""
        if message["type"] == "http.response.start":
            headers = [(bytes(name), bytes(value)) for name, value in message.get("headers", ())]
            counted, keyed = list(self._state["counted"]), bool(self._state["keyed"])
            self._say(frames.Head(self.number, message["status"], headers, counted, keyed))
        elif message["type"] == "http.response.body":
            body, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
            for start in range(0, max(1, len(body)), PIECE_BYTES):
                end = start + PIECE_BYTES
                await self._piece(body[start:end], more or end < len(body))

    async def _piece(self, data: bytes, more: bool) -> None:
        self.taken.clear()
        self._say(frames.Piece(self.number, data, more))
        if not more:
            return
        waits = [asyncio.ensure_future(self.taken.wait()), asyncio.ensure_future(self.gone.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _scope(frame: frames.Request) -> Any:
    state: dict[str, Any] = {
        "head": frame.head,
        "peer": Peer(*frame.peer),
        "body": bytearray(frame.body),
        "counted": [],
        "keyed": False,
    }
    if frame.unreadable is not None:
        state["unreadable"] = frame.unreadable
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": frame.method,
        "scheme": frame.scheme,
        "path": frame.path,
        "raw_path": frame.raw_path,
        "query_string": frame.query,
        "root_path": "",
        "headers": frame.headers,
        "client": frame.client,
        "server": None,
        "extensions": {},
        "state": state,
    }
