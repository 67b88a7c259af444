"""Where the IMAP server of a mail address is: SRV, then the domain's autoconfig file, then the built-in table.

What DNS and a web server say is a stranger's word. Credentials go to a host in the address's own domain, or to one that the
table of providers knows; any other is only told, for the user to confirm. All of it is bounded in time, size and number, goes
through the same rules as every connection, and a failure, whatever it was, is one answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol, TypeAlias
from urllib.parse import urljoin, urlsplit

from idlebell.discover import autoconfig, srv
from idlebell.discover.providers import of_domain, of_host
from idlebell.model.account import ImapTarget
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.net.clock import Clock
from idlebell.net.errors import Unreachable
from idlebell.net.host_name import BadHost, parse_host
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse

DISCOVERY_SECONDS: Final = 8.0
"""For a registration: what is not found by then is not there."""
SRV_SECONDS: Final = 3.0
AUTOCONFIG_SECONDS: Final = 4.0
"""Both files together, with what they redirect to."""
REDIRECTS: Final = 2
AT_ONCE: Final = 16
"""Domains that are looked up at the same time; others wait for their turn within :data:`TURN_SECONDS`."""
TURN_SECONDS: Final = 5.0
KEPT_SECONDS: Final = 300.0
KEPT_NOTHING_SECONDS: Final = 60.0
"""How long it is remembered that a domain names no server."""
KEPT_DOMAINS: Final = 1_024
FOUND: Final = 8
"""Servers of one domain that are told."""


class Source(StrEnum):
    SRV = "DNS (SRV)"
    AUTOCONFIG = "autoconfig"
    TABLE = "the table of providers"


@dataclass(frozen=True, slots=True)
class Found:
    """``where``: the record, file or provider that names it. ``username``: what the domain says is the user name, with the
    address's parts filled in; empty: it does not say. ``confirmed``: credentials may go there."""

    target: ImapTarget
    source: Source
    where: str
    username: str = ""
    confirmed: bool = False


Discover: TypeAlias = Callable[[str], Awaitable[Sequence[Found]]]


async def no_discovery(address: str) -> Sequence[Found]:
    """Where nothing may be asked: every host must be given."""
    return ()


class Services(Protocol):
    def __call__(self, service: str, domain: str, /) -> Awaitable[tuple[srv.SrvRecord, ...]]: ...


class Send(Protocol):
    def __call__(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Awaitable[Answer]: ...


def domain_of(address: str) -> str | None:
    """Of a mail address, as A-labels; None: it has none that could have a mail server."""
    local, at, domain = address.rpartition("@")
    try:
        name = parse_host(domain)
    except BadHost:
        return None
    literal = ":" in name or name.rpartition(".")[2].isdigit()
    return name if local and at and "." in name and not literal else None


def choose(found: Sequence[Found]) -> ImapTarget:
    """ProblemError ``host-unconfirmed``: none that credentials may go to; ``suggestion`` is what was found."""
    for one in found:
        if one.confirmed:
            return one.target
    missing = (FieldError("/imap/host", "is missing"),)
    if not found:
        detail = "No IMAP server was found for the domain of this address."
        raise ProblemError(Problem("host-unconfirmed", detail, errors=missing))
    host = found[0].target.host
    detail = f"The server that was found, {host}, is not in the domain of this address, nor in the table of providers."
    raise ProblemError(Problem("host-unconfirmed", detail, errors=missing, suggestion=host))


class Discovery:
    """One for a process. ``services``: :meth:`idlebell.net.dns.Resolver.services`; ``send``:
    :meth:`idlebell.net.http_client.HttpClient.send`, with the rules of egress in it."""

    __slots__ = ("_clock", "_kept", "_send", "_services", "_slots", "_under_way")

    def __init__(self, services: Services, send: Send, clock: Clock) -> None:
        self._services = services
        self._send = send
        self._clock = clock
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, tuple[float, tuple[Found, ...]]] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[tuple[Found, ...]]] = {}

    async def find(self, address: str) -> tuple[Found, ...]:
        """The best first; empty where nothing was found, for whatever reason. The user name's own part is not asked for
        anywhere: who knows a domain's servers knows nothing of its users."""
        domain = domain_of(address)
        if domain is None:
            return ()
        until, found = self._kept.get(domain, (0.0, ()))
        if self._clock.monotonic() >= until:
            task = self._under_way.get(domain)
            if task is None:
                task = asyncio.get_running_loop().create_task(self._look_up(domain), name="discovery")
                self._under_way[domain] = task
                task.add_done_callback(lambda _: self._under_way.pop(domain, None))
            found = await asyncio.shield(task)
        local = address.rpartition("@")[0]
        return tuple(_of_user(one, local) for one in found)

    async def close(self) -> None:
        """Ends all that is under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look_up(self, domain: str) -> tuple[Found, ...]:
        found: tuple[Found, ...] = ()
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            return _by_table(domain)
        try:
            said, declined = await self._by_srv(domain)
            found = said or (() if declined else await self._by_autoconfig(domain)) or _by_table(domain)
        finally:
            self._slots.release()
        seconds = KEPT_SECONDS if found else KEPT_NOTHING_SECONDS
        self._kept[domain] = (self._clock.monotonic() + seconds, found)
        self._kept.move_to_end(domain)
        if len(self._kept) > KEPT_DOMAINS:
            self._kept.popitem(last=False)
        return found

    async def _by_srv(self, domain: str) -> tuple[tuple[Found, ...], bool]:
        """And whether the domain says that it has no IMAP."""
        try:
            async with asyncio.timeout(SRV_SECONDS):
                answers = await asyncio.gather(*(self._records(name, domain) for name, _ in srv.SERVICES))
        except TimeoutError:
            return (), False
        imaps, imap = answers
        # Not drawn by weight but the heaviest first: the same address leads to the same account each time.
        targets = srv.targets(imaps, imap, lambda: _HEAVIEST)
        names = {tls: f"{name}.{domain}" for name, tls in srv.SERVICES}
        found = (_found(one, Source.SRV, names[one.tls], domain) for one in targets)
        return tuple(one for one in found if one is not None)[:FOUND], srv.declined(imaps, imap)

    async def _records(self, name: str, domain: str) -> tuple[srv.SrvRecord, ...]:
        try:
            return await self._services(name, domain)
        except Unreachable:
            return ()

    async def _by_autoconfig(self, domain: str) -> tuple[Found, ...]:
        files = [self._file(path.format(domain=domain), domain) for path in autoconfig.PATHS]
        try:
            async with asyncio.timeout(AUTOCONFIG_SECONDS):
                for found in await asyncio.gather(*files):
                    if found:
                        return found
        except TimeoutError:
            pass
        return ()

    async def _file(self, url: str, domain: str) -> tuple[Found, ...]:
        """What the file at ``url`` names. Redirects are followed to https in the domain only."""
        for _ in range(1 + REDIRECTS):
            request = HttpRequest("GET", PushUrl(url), (), b"")
            answer = await self._send(request, timeout_seconds=AUTOCONFIG_SECONDS, body_bytes=autoconfig.FILE_BYTES + 1)
            if not isinstance(answer, HttpResponse):
                return ()
            if answer.status in (301, 302, 303, 307, 308):
                there = _redirected(url, answer.headers.get("location", ""), domain)
                if there is None:
                    return ()
                url = there
                continue
            return _read(answer, url, domain) if answer.status == 200 else ()
        return ()


_HEAVIEST: Final = 1.0 - 1e-9
_LOCAL: Final = "\x00"
"""Stands for the address's own part in what is kept of a domain; no file can hold it (XML 1.0 section 2.2)."""


def _of_user(found: Found, local: str) -> Found:
    return Found(found.target, found.source, found.where, found.username.replace(_LOCAL, local), found.confirmed)


def _read(answer: HttpResponse, url: str, domain: str) -> tuple[Found, ...]:
    try:
        servers = autoconfig.parse(answer.body, f"{_LOCAL}@{domain}")
    except autoconfig.BadAutoconfig:
        return ()
    found = (_found(one.target, Source.AUTOCONFIG, url, domain, one.username) for one in servers)
    return tuple(one for one in found if one is not None)[:FOUND]


def _redirected(url: str, location: str, domain: str) -> str | None:
    try:
        there = urljoin(url, location)
        parts = urlsplit(there)
        inside = parts.scheme == "https" and parts.port in (None, 443) and _inside(parts.hostname or "", domain)
    except ValueError:
        return None
    return there if location and inside else None


def _found(target: ImapTarget, source: Source, where: str, domain: str, username: str = "") -> Found | None:
    try:
        host = parse_host(target.host)
    except BadHost:
        return None
    confirmed = _inside(host, domain) or of_host(host) is not None
    return Found(ImapTarget(host, target.port, target.tls), source, where, username, confirmed)


def _by_table(domain: str) -> tuple[Found, ...]:
    provider = of_domain(domain)
    if provider is None:
        return ()
    return tuple(Found(one, Source.TABLE, provider.name, confirmed=True) for one in provider.servers)


def _inside(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")
