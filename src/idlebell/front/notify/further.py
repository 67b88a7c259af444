"""A further session of a client's account, which looks at the mailboxes that the client has not open: by IDLE at INBOX, where
most comes, and by a look at all from time to time.

It is opened with what the client logged in with, and closed with the client's own session or its NOTIFY. Nothing on it changes
a mailbox: INBOX is opened by EXAMINE, and what it may send is :data:`~idlebell.imap.permitted.PERMITTED`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from idlebell.front.own import Asked, Here
from idlebell.imap.commands import Command, Examine
from idlebell.imap.responses import ExistsData, ExpungeData, FetchData, TaggedResponse, UntaggedResponse, VanishedData
from idlebell.net.clock import Clock
from idlebell.net.imap_connection import ImapConnection

_STIRRING: Final = (ExistsData, ExpungeData, FetchData, VanishedData)


class Further(Protocol):
    """Opens further sessions."""

    async def open(self, here: Here) -> ImapConnection | None:
        """Logged in as the client is. None: it brought nothing that could be used again, the operator does not want it, or the
        upstream did not let it in."""

    def left(self, here: Here) -> None:
        """The client has gone, and with it all that it brought."""


class FurtherSession:
    """``connection`` is its own. Every method raises TransportError and RemoteProtocolError: it is lost."""

    __slots__ = ("_clock", "_connection", "_idles", "_opened", "_stirred")

    def __init__(self, connection: ImapConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._idles = connection.has("IDLE")
        self._opened = False
        self._stirred = False  # INBOX has changed, and nobody was told

    async def ask(self, command: Command) -> Asked:
        reply = await self._connection.command(command)
        self._hear(reply.untagged)
        done = reply.completed
        return Asked(TaggedResponse(done.tag, done.condition, done.code, done.text), tuple(reply.untagged))

    async def wait(self, seconds: float, *, at_inbox: bool) -> bool:
        """Up to ``seconds``, or until INBOX has changed: True. ``at_inbox``: whether anybody wants to know."""
        if at_inbox and self._idles and not self._opened:
            self._opened = (await self.ask(Examine("INBOX"))).ok
            self._stirred = False  # what EXAMINE tells is no change, but one may lie before it
            return self._opened
        if not (at_inbox and self._opened):
            await self._clock.sleep(seconds)
            return False
        if not self._stirred:
            if await self._connection.idle() is not None:
                self._idles = self._opened = False
                return False
            self._hear(await self._connection.wait_for_change(seconds))
            self._hear((await self._connection.done()).untagged)
        stirred, self._stirred = self._stirred, False
        return stirred

    def close(self) -> None:
        self._connection.close()

    def _hear(self, responses: Iterable[UntaggedResponse]) -> None:
        self._stirred |= self._opened and any(isinstance(one, _STIRRING) for one in responses)
