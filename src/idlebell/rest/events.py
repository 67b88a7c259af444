"""``/v1/subscriptions/{id}/events``: server-sent events (HTML, section 9.2)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from idlebell.rest.callers import caller
from idlebell.rest.limits import EVENT_SEND_SECONDS
from idlebell.rest.subscriptions import PATH, named

if TYPE_CHECKING:
    from idlebell.gateway.events import Reading
    from idlebell.gateway.feeds import Event
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]
MEDIA_TYPE: Final = "text/event-stream"
RETRY_MS: Final = 5_000
_HEADERS: Final = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx and those after it gather an answer before they pass it on
]


def routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    @get(f"{PATH}/{{subscription:str}}/events", media_type=MEDIA_TYPE)
    async def events(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        found = await gateway.events(named(request), who, _after(request))
        if request.scope["state"].get("head"):
            await found.aclose()
            return Response(b"", media_type=MEDIA_TYPE)
        return _EventStream(found)

    return [events]


def _after(request: AnyRequest) -> int | None:
    """What is no number of ours is as good as none that is known: the reader hears ``overrun``."""
    text = request.headers.get("last-event-id", "").strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else -1


class _EventStream(Response[bytes]):
    def __init__(self, events: Reading) -> None:
        super().__init__(b"", media_type=MEDIA_TYPE)
        self._events = events

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        return _stream(self._events)


def _stream(events: Reading) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        writing = asyncio.ensure_future(_write(events, send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({writing, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, gone):
                task.cancel()
            await asyncio.gather(writing, gone, return_exceptions=True)
            await events.aclose()

    return answer


async def _write(events: Reading, send: Send) -> None:
    """Until they end, or the reader takes nothing more."""
    try:
        await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
        await _say(send, b"retry: %d\n\n" % RETRY_MS)
        async for event in events:
            await _say(send, b":\n\n" if event is None else _text(event))
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except TimeoutError:
        pass  # the connection is closed, for the answer has no end


async def _say(send: Send, piece: bytes) -> None:
    async with asyncio.timeout(EVENT_SEND_SECONDS):
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _text(event: Event) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, event.type.encode("ascii"), event.data)
