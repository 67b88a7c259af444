"""Dials. A name is resolved once, every address is checked, the checked address is dialled, and the peer's address is
checked once more: there is no second look-up in between that could give another answer (DNS rebinding)."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final

from idlebell.net.addresses import Address
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable
from idlebell.net.foreign_errors import unreachable


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """How the kernel finds out, without our doing anything, that a peer has vanished without a word."""

    idle_seconds: int = 40
    """Of silence, before the peer is asked whether it is there."""
    interval_seconds: int = 15
    probes: int = 3
    """Unanswered in a row; a few may be lost on the way, and a route that is mended within the time of all of them costs no
    session."""

    @property
    def noticed_seconds(self) -> int:
        """From the last word of the peer to the end of the connection."""
        return self.idle_seconds + self.interval_seconds * self.probes

    @property
    def user_timeout_milliseconds(self) -> int:
        """How long what we sent may stay unacknowledged (RFC 5482); without it that takes 15 minutes. Linux lets it stand in
        for the number of probes, too (``tcp_keepalive_timer``): the connection ends with the first probe that would be sent
        after this time. So it lies between the last probe and the end. Below ``idle_seconds`` one lost probe is enough."""
        return self.noticed_seconds * 1_000 - self.interval_seconds * 1_000 // 3


KEEP_ALIVE: Final = KeepAlive()
"""A cut cable is noticed 85 s after the last word of the peer, 45 to 85 s after the cut."""

IP_BIND_ADDRESS_NO_PORT: Final = 24
"""<linux/in.h>; Python 3.11 does not name it."""


class Connector:
    """One for the process: dials under the rules of ``egress``.

    ``source_addresses``: outbound addresses to take turns with, of either family; empty: the system's choice. Each gives
    another 28,000 connections to the same server. One that has no port left, or is gone, is passed over. ``keep_alive``: of
    every socket that it makes.
    """

    __slots__ = ("_egress", "_keep_alive", "_resolver", "_sources", "refused_addresses")

    def __init__(
        self,
        egress: Egress,
        resolver: Resolver,
        *,
        source_addresses: Sequence[Address] = (),
        keep_alive: KeepAlive = KEEP_ALIVE,
    ) -> None:
        self._egress = egress
        self._resolver = resolver
        self._keep_alive = keep_alive
        self._sources = {
            version: deque(own)
            for version in (4, 6)
            if (own := [str(address) for address in source_addresses if address.version == version])
        }
        self.refused_addresses = 0
        """How many addresses were not dialled because of the rules."""

    async def connect(self, host: str, port: int, purpose: Purpose, *, timeout_seconds: float) -> socket.socket:
        """A connected, non-blocking socket to ``host``. Unreachable: see its reasons; after ``timeout_seconds`` for all
        that is needed it is ``timeout``."""
        self._egress.check_host(host, purpose)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        try:
            async with asyncio.timeout_at(deadline):
                # IMAP under TLS shows by its certificate whose address it is, so one known from before will do.
                resolve = self._resolver.resolve_or_recall if purpose is Purpose.IMAP else self._resolver.resolve
                addresses = self._permitted(await resolve(host), port, purpose)
        except TimeoutError as error:
            raise Unreachable("timeout", f"resolving {host}") from error
        failure = Unreachable("timeout", f"{host}:{port}")
        for tried, address in enumerate(addresses):
            # Each address has its share of what is left, so a dead first one leaves time for the others.
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            try:
                async with asyncio.timeout(left / (len(addresses) - tried)):
                    return await self._dial(address, port, purpose)
            except TimeoutError:
                failure = Unreachable("timeout", f"{address} port {port}")
            except Unreachable as error:
                failure = error
        raise failure

    async def connect_datagrams(
        self, host: str, port: int, purpose: Purpose, *, timeout_seconds: float
    ) -> socket.socket:
        """As :meth:`connect`, for datagrams: to the first address that may be dialled, whether or not somebody is there."""
        try:
            async with asyncio.timeout(timeout_seconds):
                address, *_ = self._permitted(await self._resolver.resolve(host), port, purpose)
        except TimeoutError as error:
            raise Unreachable("timeout", f"resolving {host}") from error
        sock = _opened(address, socket.SOCK_DGRAM)
        try:
            sock.connect((str(address), port))  # sends nothing; from now on only its datagrams are let in
        except OSError as error:
            sock.close()
            raise unreachable(error) from error
        return sock

    def _permitted(self, addresses: Sequence[Address], port: int, purpose: Purpose) -> list[Address]:
        permitted: list[Address] = []
        refusal = Unreachable("no-such-name", "no address")
        for address in addresses:
            try:
                self._egress.check_address(address, port, purpose)
            except Unreachable as error:
                refusal = error
                self.refused_addresses += 1
            else:
                permitted.append(address)
        if not permitted:
            raise refusal
        return permitted

    async def _dial(self, address: Address, port: int, purpose: Purpose) -> socket.socket:
        """From one source address after another, as long as it is ours that fails; they take turns."""
        sources = self._sources.get(address.version)
        if sources is None:
            return await self._dial_from(None, address, port, purpose)
        failure = Unreachable("no-source", "none is given")
        for _ in range(len(sources)):
            source = sources[0]
            sources.rotate(-1)
            try:
                return await self._dial_from(source, address, port, purpose)
            except Unreachable as error:
                if error.reason not in ("no-port", "no-source"):
                    raise
                failure = error
        raise failure

    async def _dial_from(self, source: str | None, address: Address, port: int, purpose: Purpose) -> socket.socket:
        sock = _opened(address, socket.SOCK_STREAM)
        try:
            set_options(sock, self._keep_alive)
            if source is not None:
                _bind(sock, source)
            await asyncio.get_running_loop().sock_connect(sock, (str(address), port))
            peer = ip_address(sock.getpeername()[0].partition("%")[0])
            self._egress.check_address(peer, port, purpose)
        except TimeoutError as error:
            sock.close()
            if error.errno is None:  # asyncio's own, of the deadline around us
                raise
            raise unreachable(error) from error
        except OSError as error:
            sock.close()
            raise unreachable(error) from error
        except BaseException:
            sock.close()
            raise
        return sock


def _opened(address: Address, kind: int) -> socket.socket:
    """A socket of ``kind`` for this family. Unreachable: the process may have no more."""
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    try:
        return socket.socket(family, kind | socket.SOCK_NONBLOCK)
    except OSError as error:
        raise unreachable(error) from error


def _bind(sock: socket.socket, source: str) -> None:
    # The port is chosen at connect, so two connections to different servers may share one (ip(7)).
    sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    try:
        sock.bind((source, 0))
    except OSError as error:
        raise Unreachable("no-source", f"{source} is no address of this machine: {error.strerror}") from error


def set_options(sock: socket.socket, keep_alive: KeepAlive = KEEP_ALIVE) -> None:
    """Keep-alive, the bound on unacknowledged data, and no waiting for more to send."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keep_alive.idle_seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keep_alive.interval_seconds)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, keep_alive.probes)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, keep_alive.user_timeout_milliseconds)
