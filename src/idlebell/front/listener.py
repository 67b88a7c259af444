"""The front's open port: takes clients, lets them in, and has those that are in."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Final, TypeAlias

from idlebell.front.client import Client
from idlebell.front.departures import Departures
from idlebell.front.own import Own
from idlebell.front.proxy_protocol import NotProxied, read_header
from idlebell.front.session import Session
from idlebell.front.threshold import Admitted, Threshold
from idlebell.front.upstreams import Upstreams
from idlebell.imap.commands import Noop
from idlebell.imap.errors import RemoteProtocolError
from idlebell.login.door import Door
from idlebell.login.opener import Connect
from idlebell.model.account import BearerCredentials, PasswordCredentials
from idlebell.model.authority import host_port
from idlebell.net.acceptor import HANDSHAKE_SECONDS, Bounds, Seat, SocketAcceptor
from idlebell.net.addresses import Network, lies_in
from idlebell.net.clock import Clock
from idlebell.net.connector import set_options
from idlebell.net.errors import ConnectionLost, TlsFailed, TransportError
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.tls_engine import Channel
from idlebell.net.tls_policy import TlsContext, server_context
from idlebell.net.tls_server import accept_tls
from idlebell.net.traffic_secrets import TrafficSecrets
from idlebell.net.wheel import Wheel
from idlebell.net.wire import Wire

BACKLOG: Final = 1_024
BEFORE_LOGIN_SECONDS: Final = 180.0
"""From the accept to a login that stands, the upstream's own delay included."""
FLUSHES: Final = 3
"""Times that an upstream is asked to say what it has begun, before the session is passed on."""
STOP_SECONDS: Final = 5.0
"""For all clients to be told that we go."""

LISTS: Final = 64
"""Different capability lists of upstreams for which is kept what we add."""
_LOOPBACK: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

Arrived: TypeAlias = "Callable[[Session, PasswordCredentials | BearerCredentials | None], None]"
"""A client has logged in: by what, where it has shown it. Whoever keeps that copies it, for it is wiped."""


@dataclass(frozen=True, slots=True)
class FrontOptions:
    """``connections`` in all; ``trusted``: proxies whose PROXY protocol is believed, and which have to speak it. Without
    ``tls_certificate`` clients speak in clear; with ``starttls`` they do so until they ask for it."""

    host: str
    port: int
    connections: int
    connections_per_address: int
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    starttls: bool = False
    trusted: Sequence[Network] = field(default=())


class Front:
    """``start`` returns when the port is open. ``families``: who answers commands of our own, in the order in which they are
    asked. ``secrets``: by them a client's session under TLS 1.3 is held without OpenSSL; None: with it."""

    def __init__(
        self,
        options: FrontOptions,
        upstreams: Upstreams,
        door: Door,
        connect: Connect,
        clock: Clock,
        wheel: Wheel,
        families: Sequence[Own] = (),
        departures: Departures | None = None,
        arrived: Arrived | None = None,
        secrets: TrafficSecrets | None = None,
    ) -> None:
        self._options = options
        self._upstreams = upstreams
        self._connect = connect
        self._wheel = wheel
        self._families = tuple(families)
        self._departures = departures or Departures(None, clock)
        self._arrived = arrived
        self._secrets = secrets
        self._context: TlsContext | None = None
        self._threshold = Threshold(door, connect, upstreams, self._added, lambda: self._context, secrets)
        self._acceptor: SocketAcceptor | None = None
        self._listening: socket.socket | None = None
        self._learning: asyncio.Task[None] | None = None
        self._sessions: set[Session] = set()
        self._seats: dict[Session, Seat] = {}
        self._lists: dict[frozenset[str], frozenset[str]] = {}  # upstream's capabilities: what we add

    async def start(self) -> None:
        """OSError where the address is taken or may not be used; ValueError where the TLS files cannot be used."""
        self.renew_certificate()
        options = self._options
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        self._listening = socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
        bounds = Bounds(options.connections, options.connections_per_address, tuple(options.trusted))
        self._acceptor = SocketAcceptor(self._listening, self._take, bounds)
        self._acceptor.start()
        self._learning = asyncio.get_running_loop().create_task(self._upstreams.learn_all(self._connect), name="front")

    async def stop(self) -> None:
        """Clients are told BYE; what is to be kept is."""
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)
        if self._acceptor is not None:
            await self._acceptor.stop()
        sessions = list(self._sessions)
        for session in sessions:
            session.end("The gateway stops")
        if sessions:
            await asyncio.wait([asyncio.ensure_future(session.closed()) for session in sessions], timeout=STOP_SECONDS)

    def renew_certificate(self) -> None:
        """Reads the TLS files again, for connections that come from now on. ValueError: they cannot be used."""
        certificate, key = self._options.tls_certificate, self._options.tls_key
        if certificate is not None and key is not None:
            self._context = server_context(certificate, key, self._secrets)

    @property
    def port(self) -> int:
        assert self._listening is not None
        found: int = self._listening.getsockname()[1]
        return found

    @property
    def url(self) -> str:
        scheme = "imaps" if self._context is not None and not self._options.starttls else "imap"
        return f"{scheme}://{host_port(self._options.host, self.port)}"

    @property
    def connections(self) -> int:
        return 0 if self._acceptor is None else self._acceptor.connections

    @property
    def sessions(self) -> int:
        """Clients that are logged in."""
        return len(self._sessions)

    # --- one connection ---

    async def _take(self, sock: socket.socket, seat: Seat) -> None:
        admitted: Admitted | None = None
        wire = Wire(sock, self._wheel)
        try:
            async with asyncio.timeout(BEFORE_LOGIN_SECONDS):
                set_options(sock)
                admitted = await self._admit(wire, seat)
        except (ConnectionLost, TlsFailed, TimeoutError, OSError):
            pass
        finally:
            if admitted is None:
                wire.close()
                seat.leave()

    async def _admit(self, wire: Wire, seat: Seat) -> Admitted | None:
        address, said = await self._address(wire)
        if address is None or (address != wire.peer and not seat.move(address)):
            return None
        context = None if self._options.starttls else self._context
        local = lies_in(wire.peer, _LOOPBACK)
        channel: Channel = PlainChannel(wire)
        if context is not None:
            wire.limit(HANDSHAKE_SECONDS)
            channel = await accept_tls(wire, context, said, self._secrets)
            wire.limit(None)
            said = b""
        admitted = await self._threshold.admit(channel, address, tls=context is not None, local=local, said=said)
        if admitted is not None:
            seat.heard()
            await self._let_in(admitted, address, local, seat)
        return admitted

    async def _address(self, wire: Wire) -> tuple[str | None, bytes]:
        """The client's own, and what came behind the PROXY header. None: the proxy has nobody there, or sends none."""
        if not lies_in(wire.peer, self._options.trusted):
            return wire.peer, b""
        wire.limit(HANDSHAKE_SECONDS)
        data = b""
        while True:
            more = await wire.receive(1_024)
            if not more:
                return None, b""
            data += more
            try:
                found = read_header(data)
            except NotProxied:
                return None, b""
            if found is not None:
                wire.limit(None)
                return found.address or wire.peer, found.rest

    async def _let_in(self, admitted: Admitted, address: str, local: bool, seat: Seat) -> None:
        secure = local or not isinstance(admitted.channel, PlainChannel)
        given = None
        try:
            for _ in range(FLUSHES):
                given = admitted.session.give_up()
                if given is not None:
                    break
                await _flush(admitted.session)
        except (TransportError, RemoteProtocolError):
            pass
        except BaseException:
            admitted.session.close()
            raise
        if given is None:
            admitted.session.close()
            with contextlib.suppress(ConnectionLost, TimeoutError):
                await admitted.channel.write(b"* BYE The connection to the mail server is lost\r\n")
            admitted.channel.shut_down()
            seat.leave()
            return
        client = Client(admitted.target, admitted.username, address, secure)
        # Who says that he is another, or acts for one, may have been let in as himself (:attr:`Brought.proves`): he is
        # relayed, and has no part in what the other one has here.
        families = self._families if admitted.brought.proves else ()
        added = self._added(given.terms.capabilities) if families else frozenset[str]()
        session = Session(client, admitted.channel, given, families, self, admitted.ahead, added)
        self._sessions.add(session)
        self._seats[session] = seat
        try:
            if admitted.brought.proves:
                await self._departures.arrived(session)
                if self._arrived is not None:
                    self._arrived(session, admitted.brought.shown())
        except BaseException:
            session.end()
            raise
        finally:
            admitted.brought.secret.wipe()
        session.begin()

    async def over(self, session: Session) -> None:
        """:class:`~idlebell.front.session.Leaving`."""
        try:
            await self._departures.over(session)
        finally:
            self._sessions.discard(session)
            self._seats.pop(session).leave()

    def _added(self, upstream: frozenset[str]) -> frozenset[str]:
        """One object for all sessions of an upstream."""
        known = self._lists.get(upstream)
        if known is None:
            known = frozenset[str]().union(*(family.capabilities(upstream) for family in self._families))
            if len(self._lists) < LISTS:
                self._lists[upstream] = known
        return known


async def _flush(session: ImapConnection) -> None:
    """The upstream has begun to say something: a NOOP later it has said it."""
    await session.command(Noop())
