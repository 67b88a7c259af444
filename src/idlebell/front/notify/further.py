"""A further session of a client's account: it idles at one mailbox, so that what comes there is told at once, and looks at all
others from time to time.

It is opened with what the client logged in with, and closed with the client's own session or its NOTIFY. Nothing on it changes
a mailbox: one is opened by EXAMINE, and what it may send is :data:`~idlebell.imap.permitted.PERMITTED`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from idlebell.front.own import Asked, Here
from idlebell.imap.commands import Command, Examine
from idlebell.imap.responses import ExistsData, ExpungeData, FetchData, TaggedResponse, UntaggedResponse, VanishedData
from idlebell.net.imap_connection import ImapConnection

_STIRRING: Final = (ExistsData, ExpungeData, FetchData, VanishedData)


class Further(Protocol):
    """Opens further sessions."""

    async def open(self, here: Here) -> ImapConnection | None:
        """Logged in as the client is. None: it brought nothing that could be used again, the operator does not want it, or the
        upstream did not let it in."""

    def close(self, here: Here) -> None:
        """The one that was opened is not needed any more, or lost. None is open: nothing happens."""

    def left(self, here: Here) -> None:
        """The client has gone, and with it all that it brought."""


class FurtherSession:
    """``connection`` is its own. Every method raises TransportError and RemoteProtocolError: it is lost."""

    __slots__ = ("_connection", "_idles", "_interrupted", "_opened", "_refused", "_stirred")

    def __init__(self, connection: ImapConnection) -> None:
        self._connection = connection
        self._interrupted = asyncio.Event()
        self._idles = connection.has("IDLE")
        self._opened: str | None = None
        self._refused: str | None = None  # gone, or forbidden
        self._stirred = False  # the mailbox that is open has changed, and nobody was told

    async def ask(self, command: Command) -> Asked:
        reply = await self._connection.command(command)
        self._hear(reply.untagged)
        done = reply.completed
        return Asked(TaggedResponse(done.tag, done.condition, done.code, done.text), tuple(reply.untagged))

    async def wait(self, seconds: float, *, at: str | None) -> bool:
        """Up to ``seconds``, until :meth:`interrupt`, or until the mailbox ``at`` has changed: True. None: none is of
        interest."""
        if self._interrupted.is_set():
            self._interrupted.clear()
            return False
        if at is None or at == self._refused or not self._idles:
            try:
                async with asyncio.timeout(seconds):
                    await self._interrupted.wait()
            except TimeoutError:
                pass
            return False
        if at != self._opened:
            opened = (await self.ask(Examine(at))).ok
            self._opened, self._refused = (at, None) if opened else (None, at)
            self._stirred = False  # what EXAMINE tells is no change, but one may lie before it
            return opened
        if not self._stirred:
            if await self._connection.idle() is not None:
                self._idles = False
                return False
            self._hear(await self._connection.wait_for_change(seconds))
            self._hear((await self._connection.done()).untagged)
        stirred, self._stirred = self._stirred, False
        return stirred

    def interrupt(self) -> None:
        """Another mailbox may be of interest."""
        self._interrupted.set()
        self._connection.interrupt()

    def _hear(self, responses: Iterable[UntaggedResponse]) -> None:
        self._stirred |= self._opened is not None and any(isinstance(one, _STIRRING) for one in responses)
