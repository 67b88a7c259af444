from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from idlebell.door import frames, neighbour
from idlebell.door.neighbour import Neighbour
from idlebell.model.account import Account, ImapTarget, RenewableCredentials, Tls
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.vaulted import Vaulted
from idlebell.push.exchange import HttpRequest

TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


class Slow:
    """A door that is asked, and answers nothing yet."""

    def __init__(self) -> None:
        self.asked: list[frames.Frame] = []

    def number(self) -> int:
        return 1

    async def answer_to(self, number: int, frame: frames.Frame) -> Any:
        self.asked.append(frame)
        await asyncio.Event().wait()

    def say(self, frame: frames.Frame) -> None: ...


def credentials() -> RenewableCredentials:
    return RenewableCredentials(Secret("token"), PushUrl("https://id.example.org/"), "app")


ASKS: dict[str, Callable[[Neighbour], Awaitable[object]]] = {
    "refresh": lambda door: door.refresh(credentials()),
    "redeem": lambda door: door.redeem(HttpRequest("POST", PushUrl("https://id.example.org/"), (), b""), []),
    "print a token": lambda door: door.printed_by("print-a-token"),
    "read a password": lambda door: door.password_of(TARGET, "alice", "/file", ""),
    "unseal": lambda door: door.unseal(
        Vaulted(SubscriptionId("s"), AccountId("a"), b"", b""), Account(AccountId("a"), TARGET, "alice")
    ),
}


@pytest.mark.parametrize("ask", ASKS)
async def test_what_is_answered_with_a_secret_waits_until_no_door_is_being_replaced(ask: str) -> None:
    """One that has given away what it keeps must not keep any more: nobody else knows it."""

    async def renewed() -> None: ...

    slow = Slow()
    door = Neighbour(cast(Any, None), cast(Any, None), lambda _: None, lambda: None, renewed)
    door._side = cast(Any, slow)
    async with door._gate.quiet(0, 0):
        asking = asyncio.ensure_future(ASKS[ask](door))
        await asyncio.sleep(0)
        assert slow.asked == []
    while not slow.asked:
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_door_that_stops_while_it_is_made_ready_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes it ready asks it, and would wait for ever."""
    sides: list[Stopping] = []

    class Stopping(Slow):
        def __init__(self, *_: Any) -> None:
            super().__init__()
            self.gone, self.stopped = asyncio.Event(), asyncio.Event()
            sides.append(self)

        async def start(self, _: Any) -> None: ...

        async def end(self) -> None: ...

        async def watch(self) -> None:
            await self.stopped.wait()
            self.gone.set()

    async def make_ready() -> None:
        await sides[-1].gone.wait()

    async def until_there_are(count: int) -> None:
        async with asyncio.timeout(5):
            while len(sides) < count:
                await asyncio.sleep(0)

    monkeypatch.setattr(neighbour, "Side", Stopping)
    monkeypatch.setattr(neighbour, "PAUSES_SECONDS", (0.0,))
    door = Neighbour(cast(Any, None), cast(Any, None), lambda _: None, lambda: None, make_ready)
    await door.start()
    try:
        for count in (2, 3):
            sides[-1].stopped.set()
            await until_there_are(count)
    finally:
        await door.close()
