"""What becomes of upstream sessions whose clients have gone: the login of a client that has registered becomes the watch.

A session that is kept was logged in by its client. Nobody logs in again for it, and no credentials are held: when it is lost
there is nobody who could open another one but the client, when it next comes. Until the first session is kept, a client's own
is asked what is new where it idles in a mailbox that somebody wants to hear of.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from idlebell.front.lending import Loan, Selection, open_mailbox
from idlebell.front.own import Answer, Here, OwnCommand
from idlebell.gateway.live_logins import LiveLogin, LiveLogins
from idlebell.imap.commands import EventGroup, Notify, Unselect
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import Condition
from idlebell.imap.state import State
from idlebell.model.problem import ProblemError
from idlebell.net.errors import TransportError
from idlebell.net.imap_connection import ImapConnection

QUIET_SECONDS: Final = 10.0
"""For each command by which a session is made quiet. A server that takes longer for an UNSELECT is not one to be watched over
this session."""
LOOKS_APART_SECONDS: Final = 1.0
"""Between looks over a client's own session: each interrupts its IDLE, and more may come at once."""
_EXISTS: Final = re.compile(rb"\* [0-9]{1,10} EXISTS", re.IGNORECASE)
_SELECTED: Final = (EventGroup("selected", ("MessageNew", "MessageExpunge")),)
_NOTHING: Final[frozenset[str]] = frozenset()


@dataclass(eq=False, slots=True)
class _Client:
    login: LiveLogin
    selection: Selection = field(default_factory=Selection)
    told: bool = False
    """The upstream has told it of messages since the last look."""
    notified: bool = False
    """It has asked for NOTIFY, of whomever."""
    looking: asyncio.Task[None] | None = None


class Keeper:
    """:class:`~idlebell.front.own.Keeping`, and a family (:class:`~idlebell.front.own.Own`) that claims nothing and hears what
    passes. ``stands_for_all``: while a client is connected, its own session is the only one and is not asked
    (``while_connected = "hold"``)."""

    def __init__(self, logins: LiveLogins, *, stands_for_all: bool = False) -> None:
        self._logins = logins
        self._stands_for_all = stands_for_all
        self._of: dict[Here, _Client] = {}

    def login_of(self, here: Here) -> LiveLogin:
        """What a client that is here proves its right with. KeyError: it has gone."""
        return self._of[here].login

    # --- from its login to its end ---

    async def arrived(self, here: Here) -> None:
        login = LiveLogin(here.target, here.username, here.address, here.secure, self._stands_for_all)
        self._of[here] = _Client(login)
        with suppress(ProblemError):  # the store cannot be read now; the first verb finds the account
            await self._logins.opened(login)

    def wants(self, here: Here) -> bool:
        client = self._of.get(here)
        return client is not None and self._logins.wants(client.login)

    async def keep(self, here: Here, session: ImapConnection) -> None:
        client = self._of.pop(here, None)
        kept = False
        try:
            await _end_looking(client)
            await _quiet(session, notified=client is not None and client.notified)
            kept = client is not None
        except (TransportError, RemoteProtocolError):
            pass  # it is closed; the fleet, once told that the client has gone, does what it does for every lost session
        finally:
            if not kept:
                session.close()
            if client is not None:
                if kept:
                    self._logins.keep(client.login, session)
                else:
                    self._logins.over(client.login)

    async def left(self, here: Here) -> None:
        client = self._of.pop(here, None)
        try:
            await _end_looking(client)
        finally:
            if client is not None:
                self._logins.over(client.login)

    # --- what passes ---

    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        return _NOTHING

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        client = self._of.get(here)
        if client is not None:
            client.selection.saw(name)
            client.notified |= name == "NOTIFY"
        return False

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        return Answer(Condition.BAD, "Nobody answers this")  # nothing is claimed

    def ended(self, name: str, here: Here, *, ok: bool) -> None:
        pass

    def heard(self, line: bytes, here: Here) -> bool:
        if not self._stands_for_all and _EXISTS.match(line) is not None:
            client = self._of.get(here)
            if client is not None and self._logins.unserved(client.login):
                client.told = True
                if client.looking is None or client.looking.done():
                    client.looking = asyncio.get_running_loop().create_task(self._look(here, client))
        return True

    async def over(self, here: Here) -> None:
        await _end_looking(self._of.get(here))

    async def _look(self, here: Here, client: _Client) -> None:
        """Until nothing more was told. Another session may be kept meanwhile."""
        while client.told and self._logins.unserved(client.login):
            client.told = False
            mailbox = open_mailbox(here)
            if mailbox is not None:
                with suppress(ProblemError):  # the store's; what is new lies there for the next look
                    await self._logins.look(client.login, mailbox, Loan(here, mailbox, client.selection))
            await asyncio.sleep(LOOKS_APART_SECONDS)


async def _end_looking(client: _Client | None) -> None:
    if client is None or client.looking is None:
        return
    looking, client.looking = client.looking, None
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def _quiet(session: ImapConnection, *, notified: bool) -> None:
    """Ends what the client has asked to be told of, and leaves the mailbox as it is. Never CLOSE: it would expunge
    (RFC 9051 section 6.4.1). Without UNSELECT (RFC 3691) the EXAMINE that comes next leaves the mailbox, and neither does that
    expunge (section 6.3.2)."""
    if notified and session.has("NOTIFY"):
        # After NONE alone (RFC 5465 section 3.1) Dovecot stays silent about the selected mailbox too, for good.
        for groups in ((), _SELECTED):
            await session.command(Notify(groups), timeout=QUIET_SECONDS)
    if session.client.state is State.SELECTED and session.has("UNSELECT"):
        await session.command(Unselect(), timeout=QUIET_SECONDS)
