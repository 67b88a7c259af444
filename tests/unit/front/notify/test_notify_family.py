from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from idlebell.front.notify.family import NotifyFamily
from idlebell.front.notify.pace import Pace
from idlebell.front.own import Asked, Here, OwnCommand, Unreadable
from idlebell.imap.commands import Command, Noop
from idlebell.imap.framing import Frame
from idlebell.imap.responses import Condition, TaggedResponse
from idlebell.testing.virtual_clock import VirtualClock


class Idling:
    """A client in IDLE behind a server that has none, which answers the first question by something that makes no sense."""

    capabilities = enabled = frozenset[str]()
    selected = "INBOX"

    def __init__(self) -> None:
        self.asked: list[Command] = []
        self.done = asyncio.Event()

    async def ask(self, command: Command | Callable[[], Command], *, anytime: bool = False) -> Asked:
        assert not callable(command)
        assert not anytime
        self.asked.append(command)
        if len(self.asked) == 1:
            raise Unreadable
        return Asked(TaggedResponse("a", Condition.OK, None, ""), ())

    async def converse(self, text: bytes) -> bytes:
        await self.done.wait()
        return b"DONE"


async def test_one_answer_that_makes_no_sense_does_not_end_the_news_in_idle() -> None:
    clock, place = VirtualClock(), Idling()
    family = NotifyFamily(Pace(), cast(Any, clock))
    idle = asyncio.create_task(
        family.answer(OwnCommand("a", "IDLE", Frame((b"a IDLE",)), len(b"a IDLE")), cast(Here, place))
    )
    for _ in range(3):
        await asyncio.sleep(0)
        await clock.advance(Pace().poll)
    place.done.set()
    assert (await idle).condition is Condition.OK
    assert place.asked == [Noop()] * 3
