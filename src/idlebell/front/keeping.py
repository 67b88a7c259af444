"""What becomes of upstream sessions whose clients have gone: the login of a client that has registered becomes the watch.

A session that is kept was logged in by its client. Nobody logs in again for it, and no credentials are held: when it is lost
there is nobody who could open another one but the client, when it next comes.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from idlebell.front.own import Here
from idlebell.gateway.live_logins import LiveLogin, LiveLogins
from idlebell.imap.commands import Notify, Unselect
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.state import State
from idlebell.model.problem import ProblemError
from idlebell.net.errors import TransportError
from idlebell.net.imap_connection import ImapConnection

QUIET_SECONDS: Final = 10.0
"""For each command by which a session is made quiet. A server that takes longer for an UNSELECT is not one to be watched over
this session."""


class Keeper:
    """:class:`~idlebell.front.own.Keeping` for all clients. ``stands_for_all``: while a client is connected, its own session
    is the only one (``while_connected = "hold"``)."""

    def __init__(self, logins: LiveLogins, *, stands_for_all: bool = False) -> None:
        self._logins = logins
        self._stands_for_all = stands_for_all
        self._of: dict[Here, LiveLogin] = {}

    def login_of(self, here: Here) -> LiveLogin:
        """What a client that is here proves its right with. KeyError: it has gone."""
        return self._of[here]

    async def arrived(self, here: Here) -> None:
        login = LiveLogin(here.target, here.username, here.address, here.secure, self._stands_for_all)
        self._of[here] = login
        with suppress(ProblemError):  # the store cannot be read now; the first verb finds the account
            await self._logins.opened(login)

    def wants(self, here: Here) -> bool:
        login = self._of.get(here)
        return login is not None and self._logins.wants(login)

    async def keep(self, here: Here, session: ImapConnection) -> None:
        login = self._of.pop(here, None)
        kept = False
        try:
            await _quiet(session)
            kept = True
        except (TransportError, RemoteProtocolError):
            pass  # it is closed; the fleet, once told that the client has gone, does what it does for every lost session
        finally:
            if login is None or not kept:
                session.close()
            if login is not None:
                if kept:
                    self._logins.keep(login, session)
                else:
                    self._logins.over(login)

    async def left(self, here: Here) -> None:
        login = self._of.pop(here, None)
        if login is not None:
            self._logins.over(login)


async def _quiet(session: ImapConnection) -> None:
    """Ends what the client has asked to be told of, and leaves the mailbox as it is. Never CLOSE: it would expunge
    (RFC 9051 section 6.4.1). Without UNSELECT (RFC 3691) the EXAMINE that comes next leaves the mailbox, and neither does that
    expunge (section 6.3.2)."""
    if session.has("NOTIFY"):
        await session.command(Notify(()), timeout=QUIET_SECONDS)  # RFC 5465 section 3.1: NONE
    if session.client.state is State.SELECTED and session.has("UNSELECT"):
        await session.command(Unselect(), timeout=QUIET_SECONDS)
