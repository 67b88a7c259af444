"""Between the intake and the gateway: a request goes over the link without its secrets, its answer comes back."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

from idlebell.door import frames
from idlebell.door.masking import mask
from idlebell.door.tickets import Tickets
from idlebell.model.problem import Problem
from idlebell.rest import problems

LATE_SECONDS: Final = 600.0
"""For a login that its registration did not wait for (202)."""

Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Say: TypeAlias = Callable[[frames.Frame], None]
_Answer: TypeAlias = "frames.Head | frames.Piece | frames.Done"


class Front:
    """An ASGI application that stands behind an :class:`~idlebell.rest.intake.Intake`. ``say`` puts a frame on the link."""

    def __init__(self, say: Say, tickets: Tickets) -> None:
        self._say = say
        self._tickets = tickets
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Queue[_Answer]] = {}
        self._needed: dict[int, list[str]] = {}
        self._retired = False

    def retire(self) -> None:
        """What is secret is kept by another door from now on: requests that bring it must go there."""
        self._retired = True

    def take(self, frame: _Answer) -> None:
        """From the gateway. What a request needed is needed until :class:`~.frames.Done`, also where its client has gone: the
        gateway may be about to hold it."""
        if isinstance(frame, frames.Done):
            for ticket in self._needed.pop(frame.request, ()):
                asyncio.get_running_loop().call_later(LATE_SECONDS, self._tickets.answered(ticket))
        if (answers := self._answers.get(frame.request)) is not None:
            answers.put_nowait(frame)

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        number = next(self._numbers)
        answers = self._answers[number] = asyncio.Queue()
        watching = asyncio.create_task(self._watch(number, receive))
        try:
            request = self._request(number, scope)
            if self._retired and self._needed[number]:
                for ticket in self._needed.pop(number):
                    self._tickets.answered(ticket)()
                await _fail(send, Problem("overloaded", "The door is being replaced.", retry_after_seconds=1))
                return
            self._say(request)
            await self._answer(answers, number, scope["state"], send)
        finally:
            del self._answers[number]
            # Whatever ended it here: who still answers there is told, or would wait for it to be taken.
            self._say(frames.Gone(number))
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    def _request(self, number: int, scope: Any) -> frames.Request:
        state = scope["state"]
        headers = [(bytes(name), bytes(value)) for name, value in scope["headers"]]
        kind = next((value for name, value in headers if name.lower() == b"content-type"), b"")
        brought: list[str] = []

        def keep(value: str) -> str:
            brought.append(self._tickets.bring(value, brought))
            return brought[-1]

        masked = mask(state["body"], kind.decode("latin-1"), keep)
        self._needed[number] = masked.tickets
        client, peer = scope.get("client"), state["peer"]
        return frames.Request(
            number,
            scope["method"],
            scope["scheme"],
            scope["path"],
            scope["raw_path"],
            scope["query_string"],
            headers,
            None if client is None else (client[0], client[1]),
            state["head"],
            (peer.address, peer.secure, peer.local),
            masked.body,
            masked.unreadable,
        )

    async def _answer(self, answers: asyncio.Queue[_Answer], number: int, state: Any, send: Send) -> None:
        begun = False
        while True:
            match await answers.get():
                case frames.Head(_, status, headers, counted, keyed):
                    begun = True
                    state["counted"] += counted
                    state["keyed"] = keyed
                    await send({"type": "http.response.start", "status": status, "headers": headers})
                case frames.Piece(_, data, more):
                    await send({"type": "http.response.body", "body": data, "more_body": more})
                    if more:
                        self._say(frames.Taken(number))
                case frames.Done():
                    if not begun:
                        await _fail(send, Problem("internal", "Something went wrong that nobody expected."))
                    return

    async def _watch(self, number: int, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._say(frames.Gone(number))


async def _fail(send: Send, problem: Problem) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problems.headers(problem).items()]
    await send({"type": "http.response.start", "status": problem.entry.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": problems.encoded(problem), "more_body": False})
