"""Further sessions by what a client logged in with. It is kept while that client is connected, in locked pages, where its
upstream lacks NOTIFY and the operator has not forbidden it; nobody but :meth:`FurtherLogins.open` can use it, and no file or
log ever has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from idlebell.front.own import Here
from idlebell.imap import capabilities
from idlebell.login.asker import Asker
from idlebell.login.door import Door
from idlebell.login.opener import LoginFailed
from idlebell.model.account import Account, BearerCredentials, ImapTarget, PasswordCredentials
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.net.addresses import network_of
from idlebell.net.arena_secret import ArenaSecret
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.secret_arena import SecretArena

SHARE: Final = 3
"""Of the sessions that a server is asked to bear of one account, the third part may be such ones: the others are the user's own
clients, and the gateway's watch."""
LOGIN_SECONDS: Final = 60.0
SECRET_BYTES: Final = 8_192
"""A token of 6 KB is kept; no password is longer."""
ACCOUNT: Final = AccountId("front")


@dataclass(frozen=True, slots=True)
class _Brought:
    kind: type[PasswordCredentials | BearerCredentials]
    secret: ArenaSecret


class FurtherLogins:
    """:class:`~idlebell.front.notify.further.Further`. ``budget``: how many sessions of one account a host is asked to bear."""

    def __init__(self, door: Door, arena: SecretArena, budget: Callable[[str], int]) -> None:
        self._door = door
        self._arena = arena
        self._budget = budget
        self._brought: dict[Here, _Brought] = {}
        self._held: Counter[tuple[ImapTarget, str]] = Counter()
        self._holding: dict[Here, ImapConnection] = {}

    def arrived(self, here: Here, credentials: PasswordCredentials | BearerCredentials | None) -> None:
        """A client has logged in, by what it has shown."""
        if credentials is None or capabilities.has(here.capabilities, "NOTIFY"):
            return
        secret = credentials.password if isinstance(credentials, PasswordCredentials) else credentials.access_token
        value = secret.reveal()
        if 0 < len(value) <= SECRET_BYTES:
            self._brought[here] = _Brought(type(credentials), ArenaSecret(self._arena, value))

    async def open(self, here: Here) -> ImapConnection | None:
        brought = self._brought.get(here)
        user = here.target, here.username
        self.close(here)  # one a client
        if brought is None or self._held[user] >= max(1, self._budget(here.target.host) // SHARE):
            return None
        self._held[user] += 1
        connection: ImapConnection | None = None
        credentials = brought.kind(Secret(brought.secret.reveal()))
        try:
            connection = await self._door.log_in(
                Account(ACCOUNT, here.target, here.username),
                credentials,
                deadline_seconds=LOGIN_SECONDS,
                asker=Asker(network_of(here.address), apart=True),
            )
            self._holding[here] = connection
        except LoginFailed:
            # Its password may have changed since, or the server bears no more: the client's own session still serves.
            self._forget(here)
        finally:
            credentials.wipe()
            if connection is None:
                self._let_go(user)
        return connection

    def close(self, here: Here) -> None:
        connection = self._holding.pop(here, None)
        if connection is not None:
            connection.close()
            self._let_go((here.target, here.username))

    def left(self, here: Here) -> None:
        self.close(here)
        self._forget(here)

    # inside

    def _forget(self, here: Here) -> None:
        brought = self._brought.pop(here, None)
        if brought is not None:
            brought.secret.free()

    def _let_go(self, user: tuple[ImapTarget, str]) -> None:
        self._held[user] -= 1
        if not self._held[user]:
            del self._held[user]
