"""Sessions that are logged in and wait for a watcher: written by whoever logged in, taken by the fleet.

A live session cannot be in the store, so it lies beside it. One that nobody takes within :data:`UNTAKEN_SECONDS` is logged
out, since a forgotten socket counts against its owner's limit at the server.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from idlebell.model.ids import AccountId

if TYPE_CHECKING:
    from idlebell.net.imap_connection import ImapConnection

UNTAKEN_SECONDS = 60.0


class SessionInbox:
    __slots__ = ("_arriving", "_attending", "_closing", "_sessions", "_timers")

    def __init__(self) -> None:
        self._arriving: Counter[AccountId] = Counter()
        self._attending: dict[AccountId, dict[object, bool]] = {}
        self._sessions: dict[AccountId, list[ImapConnection]] = {}
        self._timers: dict[AccountId, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def adopt(self, account: AccountId, session: ImapConnection) -> None:
        """Offers an authenticated session. The caller nudges the fleet."""
        self._sessions.setdefault(account, []).append(session)
        if account not in self._timers:
            self._timers[account] = asyncio.get_running_loop().call_later(UNTAKEN_SECONDS, self._discard, account)

    @contextmanager
    def arriving(self, account: AccountId) -> Iterator[None]:
        """While it lasts, sessions are on their way and what they are for is being written: the fleet takes nothing and
        gives nothing up. Neither order of the two steps would be safe without it. Short: no login happens inside."""
        self._arriving[account] += 1
        try:
            yield
        finally:
            self._arriving[account] -= 1
            if not self._arriving[account]:
                del self._arriving[account]

    def expects(self, account: AccountId) -> bool:
        return account in self._arriving

    def attend(self, account: AccountId, who: object, *, instead: bool = False) -> None:
        """A client is logged in to the account with a session of its own, which may be kept when it goes: until
        :meth:`leave` nobody is to be asked for credentials. The same one twice is one. ``instead``: no other session is
        to be held meanwhile, unless there are credentials for one."""
        self._attending.setdefault(account, {})[who] = instead

    def leave(self, account: AccountId, who: object) -> None:
        """It has gone. The caller nudges the fleet."""
        attending = self._attending.get(account)
        if attending is not None:
            attending.pop(who, None)
            if not attending:
                del self._attending[account]

    def attended(self, account: AccountId) -> bool:
        return account in self._attending

    def held_back(self, account: AccountId) -> bool:
        """Does one stand for all other sessions?"""
        return any(self._attending.get(account, {}).values())

    def take(self, account: AccountId) -> list[ImapConnection]:
        timer = self._timers.pop(account, None)
        if timer is not None:
            timer.cancel()
        return self._sessions.pop(account, [])

    def offers(self, account: AccountId) -> bool:
        """Is there one to be taken?"""
        return account in self._sessions

    def untaken(self) -> int:
        """Sessions that nobody has taken yet."""
        return sum(map(len, self._sessions.values()))

    def waiting(self) -> tuple[AccountId, ...]:
        return tuple(self._sessions)

    def log_out(self, session: ImapConnection) -> None:
        """Ends a session that nobody needs, in the background."""
        task = asyncio.get_running_loop().create_task(session.logout())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Logs out all that was not taken."""
        for account in tuple(self._sessions):
            self._discard(account)
        if self._closing:
            await asyncio.gather(*self._closing, return_exceptions=True)

    def _discard(self, account: AccountId) -> None:
        for session in self.take(account):
            self.log_out(session)
