"""An authenticated session goes from the process that logged in to the one that watches: its descriptor, and what cannot be
asked for again.

Under TLS 1.3 that is the record layer's secrets and sequence numbers (:mod:`.tls_parked`), so that the login's process keeps
nothing of it. A session that our record layer cannot go on with, as every one under TLS 1.2, stays OpenSSL's there: what goes
over is one end of a socket pair, and plaintext is relayed. The same holds for one whose keys could not be had.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from idlebell.imap.client import Client
from idlebell.imap.commands import Noop
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.permitted import PERMITTED
from idlebell.imap.state import Phase, State
from idlebell.imap.terms import Terms
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.deadlines import DEFAULT_DEADLINES
from idlebell.net.errors import CertificateFacts, ConnectionLost
from idlebell.net.hardening import overwrite
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_engine import Channel
from idlebell.net.tls_parked import ParkedTls
from idlebell.net.wheel import Wheel
from idlebell.net.wire import Wire

NOOPS: Final = 2
"""Sent at most to bring a session to rest: our record layer takes over after a short record only."""
RELAY_BYTES: Final = 16_384
"""Taken at once by a relay: a TLS record's plaintext."""


@dataclass(frozen=True, slots=True)
class HandedSession:
    """``secrets``: the slot of the arena, to be overwritten by whoever has copied it; empty where the descriptor is a relay's,
    or in clear. ``heard_at``: by the monotonic clock, which all processes of a machine share. ``description``, ``peer``: of a
    relayed session, whose descriptor cannot tell them."""

    secrets: bytes = field(repr=False)
    description: str
    peer: str
    capabilities: list[str]
    tags: int
    heard_at: float
    debt_bytes: float
    moved_bytes: int
    certificate: CertificateFacts | None


@dataclass(frozen=True, slots=True)
class Given:
    """``descriptor``: open here too, to be closed once it is sent. ``relay``: to be run for as long as the session lasts."""

    session: HandedSession
    descriptor: int
    relay: Relay | None = None


class Relay:
    """Between a session that stays here and the process that conducts it."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, outer: Channel, inner: Channel) -> None:
        self._outer = outer
        self._inner = inner

    async def run(self) -> None:
        """Until either side ends. The server is told so in its own words; nothing is raised."""
        ways = [
            asyncio.create_task(_pump(self._outer, self._inner)),
            asyncio.create_task(_pump(self._inner, self._outer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._outer.shut_down()
            self._inner.close()


async def _pump(source: Channel, sink: Channel) -> None:
    try:
        while data := await source.read(RELAY_BYTES):
            await sink.write(data)
    except ConnectionLost:
        pass


class RelayedChannel(PlainChannel):
    """To a session whose TLS is another process's."""

    __slots__ = ("_description", "_peer")

    def __init__(self, wire: Wire, description: str, peer: str) -> None:
        super().__init__(wire)
        self._description = description
        self._peer = peer

    @property
    def description(self) -> str:
        return self._description

    @property
    def peer(self) -> str:
        return self._peer


async def give(connection: ImapConnection) -> Given:
    """Takes an authenticated ``connection`` apart; it can do nothing any more. What :meth:`ImapConnection.command` raises."""
    noops = 0
    while True:
        may_rest = not connection.shed() and connection.tls_description.startswith("TLSv1.3")
        given = None if may_rest and noops < NOOPS else connection.give_up()
        if given is not None:
            break
        if noops > NOOPS:
            raise ConnectionLost("broken", "the session does not come to rest")
        noops += 1
        await connection.command(Noop())
    channel, secrets, relay = given.channel, b"", None
    description, peer, moved_bytes = channel.description, channel.peer, channel.moved_bytes
    if isinstance(channel, RecordChannel):
        released = channel.release()
        assert released is not None  # it was at rest a moment ago
        wire, tls = released
        secrets = bytes(tls.arena.view(tls.slot))
        tls.forget()
        descriptor = wire.detach()
    elif isinstance(channel, PlainChannel):
        descriptor = channel.release()[0].detach()
    else:
        ours, theirs = socket.socketpair()
        relay, descriptor = Relay(channel, PlainChannel(Wire(ours))), theirs.detach()
    capabilities = sorted(given.terms.capabilities)
    session = HandedSession(
        secrets,
        description,
        peer,
        capabilities,
        given.tags,
        given.heard_at,
        given.debt_bytes,
        moved_bytes,
        connection.certificate,
    )
    return Given(session, descriptor, relay)


def take(
    target: ImapTarget,
    session: HandedSession,
    descriptor: int,
    arena: SecretArena,
    *,
    clock: Clock,
    share: Callable[[frozenset[str]], frozenset[str]] | None = None,
    wheel: Wheel | None = None,
) -> ImapConnection:
    """The session as a connection of this process, which owns ``descriptor`` from now on."""
    wire = Wire(socket.socket(fileno=descriptor), wheel)
    wire.moved_bytes = session.moved_bytes
    channel: Channel
    if session.secrets:
        slot = arena.take()
        arena.view(slot)[:] = session.secrets
        overwrite(session.secrets)
        channel = RecordChannel(wire, ParkedTls(arena, slot))
    elif session.description:
        channel = RelayedChannel(wire, session.description, session.peer)
    else:
        channel = PlainChannel(wire)
    capabilities = frozenset(session.capabilities)
    clear = target.tls is Tls.NONE
    terms = Terms(
        DEFAULT_LIMITS,
        not clear,
        PERMITTED,
        clear,
        share,
        State.AUTHENTICATED,
        capabilities if share is None else share(capabilities),
        frozenset(),
    )
    connection = ImapConnection(
        target,
        channel,
        Client.resumed(terms, session.tags, None, Phase.READY),
        clock=clock,
        deadlines=DEFAULT_DEADLINES,
        heard_at=session.heard_at,
        debt_bytes=session.debt_bytes,
    )
    connection.certificate = session.certificate
    return connection
