"""Which mail server stands behind: by the operator's table, never by a client's word. And what each of them told before login
when it was last reached."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from idlebell.front.capabilities import before_login
from idlebell.imap.errors import RemoteProtocolError
from idlebell.login.opener import Connect
from idlebell.model.account import ImapTarget
from idlebell.net.errors import TransportError

LEARN_AGAIN_SECONDS: Final = 30.0
"""Until an upstream that could not be reached is asked once more what it can do; a login teaches it too."""


class Upstreams:
    """``default``: for users whose domain is not in ``by_domain``, whose keys are in lower case; None: they have none."""

    def __init__(self, default: ImapTarget | None, by_domain: Mapping[str, ImapTarget]) -> None:
        self._default = default
        self._by_domain = by_domain
        self._learnt: dict[ImapTarget, frozenset[str]] = {}

    def of(self, username: str) -> ImapTarget | None:
        """None: no mail server is named for this user."""
        return (
            self._by_domain.get(username.rpartition("@")[2].lower(), self._default)
            if "@" in username
            else self._default
        )

    def all(self) -> frozenset[ImapTarget]:
        return frozenset({*self._by_domain.values(), *([] if self._default is None else [self._default])})

    def learn(self, target: ImapTarget, capabilities: frozenset[str]) -> None:
        """What it told before login."""
        if self._learnt.get(target) != capabilities:
            self._learnt[target] = capabilities

    def told(self, *, starttls: bool, secure: bool) -> tuple[str, ...]:
        """Our capabilities before login. Which upstream a client will have nobody knows yet: what all of them have."""
        known = list(self._learnt.values())
        common = frozenset[str].intersection(*known) if known else None
        return before_login(common, starttls=starttls, secure=secure)

    async def learn_all(self, connect: Connect) -> None:
        """Asks each upstream what it can do, until each has answered once."""
        while left := [target for target in self.all() if target not in self._learnt]:
            await asyncio.gather(*(self._ask(connect, target) for target in left))
            if any(target not in self._learnt for target in left):
                await asyncio.sleep(LEARN_AGAIN_SECONDS)

    async def _ask(self, connect: Connect, target: ImapTarget) -> None:
        try:
            connection = await connect(target)
        except (TransportError, RemoteProtocolError):
            return
        self.learn(target, connection.capabilities)
        await connection.logout()
