"""From the end of a client's session to whatever becomes of its upstream's connection."""

from __future__ import annotations

from typing import Final

from idlebell.front.own import Keeping
from idlebell.front.session import Session
from idlebell.imap.client import Client
from idlebell.imap.state import Phase, State
from idlebell.imap.terms import Terms
from idlebell.net.clock import Clock
from idlebell.net.deadlines import DEFAULT_DEADLINES
from idlebell.net.errors import ConnectionLost
from idlebell.net.imap_connection import ImapConnection

WIND_DOWN_SECONDS: Final = 20.0
"""For the upstream to answer what is in flight, where its session is wanted: a FETCH of what nobody reads any more."""
LOGOUT_SECONDS: Final = 2.0
"""... and where it is not: a courtesy."""


class Departures:
    """``keeping`` None: nobody keeps sessions."""

    def __init__(self, keeping: Keeping | None, clock: Clock) -> None:
        self._keeping = keeping
        self._clock = clock

    async def arrived(self, session: Session) -> None:
        if self._keeping is not None:
            await self._keeping.arrived(session)

    def wants(self, session: Session) -> bool:
        return self._keeping is not None and self._keeping.wants(session)

    async def over(self, session: Session) -> None:
        """Its client has gone, and all families know."""
        keeping = self._keeping
        if keeping is not None and keeping.wants(session) and await session.wind_down(WIND_DOWN_SECONDS):
            await keeping.keep(session, self._as_connection(session))
            return
        await self._log_out(session)
        if keeping is not None:
            await keeping.left(session)

    async def _log_out(self, session: Session) -> None:
        try:
            if await session.wind_down(LOGOUT_SECONDS):
                await session.upstream.write(b"bye LOGOUT\r\n")
        except (ConnectionLost, TimeoutError):
            pass
        session.upstream.shut_down()

    def _as_connection(self, session: Session) -> ImapConnection:
        """The session as the rest of the gateway knows one: it may be given a command."""
        given = session.given.terms
        terms = Terms(
            given.limits,
            given.tls,
            given.permitted,
            given.allow_plaintext_login,
            given.share,
            State.AUTHENTICATED if session.selected is None else State.SELECTED,
            given.capabilities if session.capabilities == given.capabilities else session.capabilities,
            session.enabled,
        )
        client = Client.resumed(terms, session.tags, None, Phase.READY)
        return ImapConnection(session.target, session.upstream, client, clock=self._clock, deadlines=DEFAULT_DEADLINES)
