"""Whether a mail server looks at the user name beside a token (RFC 7628 section 3.1, XOAUTH2).

One that does not (Stalwart does not) lets whoever holds any token in under any name: as himself, so he reads nothing that is
not his there. But here the name is the account, and all its subscriptions are rung by whichever session watches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl import OAuthBearer, XOAuth2
from idlebell.model.account import ImapTarget
from idlebell.model.problem import Fault
from idlebell.net.errors import ServerSaidBye, TransportError
from idlebell.net.imap_connection import ImapConnection

MECHANISMS: Final = frozenset({OAuthBearer.name, XOAuth2.name})
STRANGER_BYTES: Final = 12
"""Of a name that nobody has."""
SERVERS: Final = 4_096
"""Of which it is remembered; one that is forgotten is asked again."""

ANY_NAME: Final = Fault(
    "authentication-failed",
    "This mail server takes a token under any user name, so a token does not show whose the account is; use a password.",
)
NOT_TOLD: Final = Fault(
    "server-error",
    "The mail server did not show whether it looks at the user name beside a token; it is asked again later.",
)

_Connect: TypeAlias = Callable[[ImapTarget], Awaitable[ImapConnection]]


class TokenNames:
    """A server is asked once, after a first login: does the same token open a name that nobody has? Then, for it may have lost
    its worth meanwhile, whether it is good still. Only that it looks is remembered."""

    def __init__(self, connect: _Connect, entropy: Callable[[int], bytes]) -> None:
        self._connect = connect
        self._entropy = entropy
        self._looks: dict[ImapTarget, None] = {}
        self._turns: dict[ImapTarget, asyncio.Lock] = {}

    async def are_looked_at(self, target: ImapTarget, username: str, token: str, mechanism: str) -> bool | None:
        """``token`` has just opened a session by ``mechanism``. None: that was not to be found out now."""
        if target in self._looks:
            return True
        turn = self._turns.setdefault(target, asyncio.Lock())
        try:
            async with turn:  # many may log in at once, and one question is enough
                return True if target in self._looks else await self._ask(target, username, token, mechanism)
        except (TransportError, RemoteProtocolError, ValueError):  # or the token cannot be shown by us
            return None
        finally:
            if not turn.locked():
                self._turns.pop(target, None)

    async def _ask(self, target: ImapTarget, username: str, token: str, mechanism: str) -> bool | None:
        try:
            if await self._opens(target, self._stranger(username), token, mechanism):
                return False
        except ServerSaidBye:
            pass  # it was not let in, however that was said
        if not await self._opens(target, username, token, mechanism):
            return None
        if len(self._looks) >= SERVERS:
            del self._looks[next(iter(self._looks))]
        self._looks[target] = None
        return True

    def _stranger(self, username: str) -> str:
        """Of the same domain: which server looks at it may go by that."""
        _, at, domain = username.rpartition("@")
        return f"{self._entropy(STRANGER_BYTES).hex()}{at}{domain if at else ''}"

    async def _opens(self, target: ImapTarget, username: str, token: str, mechanism: str) -> bool:
        shown = (
            XOAuth2(username, token)
            if mechanism == XOAuth2.name
            else OAuthBearer(username, token, target.host, target.port)
        )
        connection = await self._connect(target)
        try:
            return (await connection.authenticate(shown)).ok
        finally:
            connection.close()
