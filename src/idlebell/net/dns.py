"""Names to addresses: c-ares through aiodns, which also reads the hosts file. No thread pool, so a slow name server holds
up nobody but those who ask for its names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

import aiodns
from aiodns.error import DNSError
from pycares import errno as ares

from idlebell.net.addresses import Address
from idlebell.net.clock import Clock
from idlebell.net.errors import Unreachable
from idlebell.net.host_name import BadHost, parse_host

DEADLINE_SECONDS: Final = 5.0
"""One lookup, both address families."""

CACHE_SECONDS: Final = 60.0
"""At most; a shorter TTL counts. An answer may change between two dials, which is why each dial checks it again."""

CACHE_NAMES: Final = 4_096
CONCURRENT_LOOKUPS: Final = 64
ADDRESSES: Final = 16
"""Of one name; the rest is not looked at."""

_NO_SUCH_NAME: Final = frozenset({ares.ARES_ENOTFOUND, ares.ARES_ENODATA, ares.ARES_EBADNAME})


class Resolver:
    """One for the process. ``nameservers``: ``ADDRESS:PORT``, else the system's."""

    __slots__ = ("_ares", "_cache", "_clock", "_nameservers", "_renew_at", "_slots", "_under_way")

    def __init__(self, clock: Clock, nameservers: Sequence[str] = ()) -> None:
        self._clock = clock
        self._nameservers = tuple(nameservers)
        self._ares: aiodns.DNSResolver | None = None
        self._renew_at = 0.0
        self._slots = asyncio.Semaphore(CONCURRENT_LOOKUPS)
        self._cache: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._under_way: dict[str, asyncio.Task[tuple[Address, ...]]] = {}

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """The addresses of ``host``, at least one, in the order of preference (RFC 6724); a literal is its own address.

        Unreachable: ``bad-host``, ``no-such-name``, ``dns`` (the resolver failed) or ``timeout``.
        """
        try:
            host = parse_host(host)
        except BadHost as error:
            raise Unreachable("bad-host", str(error)) from error
        with suppress(ValueError):
            return (ip_address(host),)
        kept = self._cache.get(host)
        if kept is not None:
            if self._clock.monotonic() < kept[0]:
                return kept[1]
            del self._cache[host]
        task = self._under_way.get(host)
        if task is None:
            # One question at a time for a name, however many sessions reconnect at once. The task is not that of any
            # asker: one who gives up takes nothing from the others.
            task = asyncio.get_running_loop().create_task(self._look_up(host), name=f"dns {host}")
            self._under_way[host] = task
            task.add_done_callback(lambda done: self._looked_up(host, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Ends all lookups."""
        for task in tuple(self._under_way.values()):
            task.cancel()
        if self._ares is not None:
            await self._ares.close()
            self._ares = None

    def _looked_up(self, host: str, task: asyncio.Task[tuple[Address, ...]]) -> None:
        del self._under_way[host]
        if not task.cancelled():
            task.exception()  # the askers have it; it must not be reported as never retrieved where all gave up

    async def _look_up(self, host: str) -> tuple[Address, ...]:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._slots:
                answer = await self._channel().getaddrinfo(host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        except DNSError as error:
            code = error.args[0] if error.args else 0
            if code in _NO_SUCH_NAME:
                raise Unreachable("no-such-name", host) from error
            raise Unreachable("timeout" if code == ares.ARES_ETIMEOUT else "dns", f"{host}: {error}") from error
        except TimeoutError as error:
            raise Unreachable("timeout", f"no answer to the question for {host}") from error
        addresses: dict[Address, None] = {}
        seconds = CACHE_SECONDS
        for node in answer.nodes[: 2 * ADDRESSES]:
            text = node.addr[0]
            addresses[ip_address(text.decode("ascii") if isinstance(text, bytes) else text)] = None
            seconds = min(seconds, float(node.ttl))
        if not addresses:
            raise Unreachable("no-such-name", host)
        found = tuple(addresses)[:ADDRESSES]
        if seconds > 0:
            if len(self._cache) >= CACHE_NAMES:
                del self._cache[next(iter(self._cache))]
            self._cache[host] = (self._clock.monotonic() + seconds, found)
        return found

    def _channel(self) -> aiodns.DNSResolver:
        # c-ares keeps answers of its own for up to an hour, also that a name does not exist, and cannot be told not to. A
        # new channel knows nothing, and reads resolv.conf again. The old one lives until its last answer, then its
        # finalizer closes it. Made inside the running loop.
        now = self._clock.monotonic()
        if self._ares is None or now >= self._renew_at:
            self._ares = aiodns.DNSResolver(
                nameservers=self._nameservers or None, timeout=DEADLINE_SECONDS / 2, tries=2
            )
            self._renew_at = now + CACHE_SECONDS
        return self._ares
