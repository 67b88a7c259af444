"""Names to addresses: c-ares through aiodns, which also reads the hosts file. No thread pool, so a slow name server holds
up nobody but those who ask for its names."""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Final

import aiodns
from aiodns.error import DNSError
from pycares import PTRRecordData, SRVRecordData
from pycares import errno as ares

from idlebell.discover.srv import RECORDS, SrvRecord
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

RECALLED_SECONDS: Final = 86_400.0
RECALLED_NAMES: Final = 10_000
"""Names whose last addresses are known for :meth:`Resolver.resolve_or_recall`; the one not dialled for longest goes."""

_NO_SUCH_NAME: Final = frozenset({ares.ARES_ENOTFOUND, ares.ARES_ENODATA, ares.ARES_EBADNAME})


class Resolver:
    """One for the process. ``nameservers``: ``ADDRESS:PORT``, else the system's."""

    __slots__ = ("_ares", "_cache", "_clock", "_nameservers", "_recalled", "_renew_at", "_slots", "_under_way")

    def __init__(self, clock: Clock, nameservers: Sequence[str] = ()) -> None:
        self._clock = clock
        self._nameservers = tuple(nameservers)
        self._ares: aiodns.DNSResolver | None = None
        self._renew_at = 0.0
        self._slots = asyncio.Semaphore(CONCURRENT_LOOKUPS)
        self._cache: dict[str, tuple[float, tuple[Address, ...]]] = {}
        self._under_way: dict[str, asyncio.Task[tuple[Address, ...]]] = {}
        self._recalled: OrderedDict[str, tuple[float, tuple[Address, ...]]] = OrderedDict()

    async def resolve(self, host: str) -> tuple[Address, ...]:
        """The addresses of ``host``, at least one, in the order of preference (RFC 6724); a literal is its own address.

        Unreachable: ``bad-host``, ``no-such-name``, ``dns`` (the resolver failed) or ``timeout``.
        """
        host = _parsed(host)
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

    async def resolve_or_recall(self, host: str) -> tuple[Address, ...]:
        """:meth:`resolve`, or where the name server fails or is silent what it last said of ``host``, up to a day ago. Only
        for peers who prove their name by a certificate: an old address may be somebody else's by now."""
        try:
            found = await self.resolve(host)
        except Unreachable as error:
            since, known = self._recalled.get(host.lower(), (0.0, ()))
            if error.reason in ("dns", "timeout") and known and self._clock.monotonic() - since < RECALLED_SECONDS:
                return known
            raise
        self._recalled[host.lower()] = (self._clock.monotonic(), found)
        self._recalled.move_to_end(host.lower())
        if len(self._recalled) > RECALLED_NAMES:
            self._recalled.popitem(last=False)
        return found

    async def services(self, service: str, domain: str) -> tuple[SrvRecord, ...]:
        """The SRV records of ``service`` (``_imaps._tcp``) at ``domain``; none where it has none. Errors as in
        :meth:`resolve`; not kept, for nobody asks twice."""
        name = f"{service}.{_parsed(domain)}"
        return tuple(
            SrvRecord(data.priority, data.weight, data.port, data.target)
            for data in await self._records(name, "SRV")
            if isinstance(data, SRVRecordData)
        )[:RECORDS]

    async def reverse_name(self, address: Address) -> str | None:
        """The name that DNS gives to ``address`` (PTR); None: it has none. Errors as in :meth:`resolve`."""
        records = await self._records(address.reverse_pointer, "PTR")
        return next((data.dname for data in records if isinstance(data, PTRRecordData)), None)

    async def _records(self, name: str, kind: str) -> list[object]:
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), self._slots:
                answer = await self._channel().query_dns(name, kind)
        except DNSError as error:
            code = error.args[0] if error.args else 0
            if code in _NO_SUCH_NAME:
                return []
            raise _failed(name, error) from error
        except TimeoutError as error:
            raise Unreachable("timeout", f"no answer to the question for {name}") from error
        return [record.data for record in answer.answer]

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
            raise _failed(host, error) from error
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


def _parsed(host: str) -> str:
    try:
        return parse_host(host)
    except BadHost as error:
        raise Unreachable("bad-host", str(error)) from error


def _failed(name: str, error: DNSError) -> Unreachable:
    silent = bool(error.args) and error.args[0] == ares.ARES_ETIMEOUT
    return Unreachable("timeout" if silent else "dns", f"{name}: {error}")
