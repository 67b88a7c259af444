"""Sends the requests that push kinds build. Nothing is followed, decoded, remembered or taken from the environment, and no
answer, however hostile, is more than a value.

HTTP/1.1 by aiohttp. The guard stands in its ``socket_factory``, which is given the address that is really dialled, for names
and for literals; the resolver is guarded too, so that one forbidden address of a name does not spoil the others.
"""

from __future__ import annotations

import re
import socket
import ssl
from ipaddress import ip_address
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientResponse
from yarl import URL

from idlebell import __version__
from idlebell.net.connector import set_options
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable
from idlebell.net.foreign_errors import handshake_failed, unreachable
from idlebell.net.host_name import BadHost, parse_host
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

CONNECT_SECONDS: Final = 5.0
"""TCP and TLS."""
TOTAL_SECONDS: Final = 15.0
"""All of a request; a caller may ask for less."""
BODY_BYTES: Final = 4_096
"""Read of an answer, where its reader wants no more; the connection of a longer one is closed."""
LINE_BYTES: Final = 8_190
"""A status line or one header field."""
HEADERS: Final = 100
INTERIM_RESPONSES: Final = 8
"""1xx before the answer (RFC 9110 section 15.2)."""
CONNECTIONS: Final = 512
"""At most, with each kind of purpose; a process with few descriptors has fewer."""
CONNECTIONS_PER_ORIGIN: Final = 32
"""At once; how many of them are used is learnt (:mod:`idlebell.deliver.window`)."""
KEEPALIVE_SECONDS: Final = 60.0
URL_CHARACTERS: Final = 8_192

_VISIBLE: Final = re.compile(r"[!-\[\]-~]+", re.ASCII)  # visible ASCII without the backslash
_AUTHORITY: Final = re.compile(r"(https?)://(\[[^\]/?#@]*\]|[^\[\]:/?#@]+)(?::([0-9]{1,5}))?(?=[/?]|$)", re.ASCII)
_PURPOSES: Final = {"https": Purpose.HTTPS, "http": Purpose.HTTP}
_HEADERS: Final = {"User-Agent": f"Idlebell/{__version__}", "Accept": "*/*"}


class HttpClient:
    """One for the process; made inside the running loop at the first request.

    ``proxy``: ``http://HOST:PORT`` through which all requests go, the operator's word. It resolves the names then, so the
    rules are applied to what the names mean here, as far as they mean anything.
    """

    __slots__ = ("_connections", "_egress", "_proxy", "_resolver", "_sessions", "_tls_policy")

    def __init__(
        self,
        egress: Egress,
        resolver: Resolver,
        tls_policy: TlsPolicy,
        *,
        proxy: str = "",
        connections: int = CONNECTIONS,
    ) -> None:
        self._egress = egress
        self._resolver = resolver
        self._tls_policy = tls_policy
        self._proxy = URL(proxy) if proxy else None
        self._connections = connections
        self._sessions: dict[Purpose, aiohttp.ClientSession] = {}

    async def send(
        self, request: HttpRequest, *, timeout_seconds: float = TOTAL_SECONDS, body_bytes: int = BODY_BYTES
    ) -> Answer:
        """The answer, whatever its status, or why there is none. Raises nothing but CancelledError. ``body_bytes``: what is
        read of its body; the rest is not."""
        try:
            url, purpose = _read_url(request.url.reveal())
            if self._proxy is not None:
                await self._check_proxied(url, purpose)
        except Unreachable as error:
            return NoResponse(_reason_of(error), error.detail)
        timeout = aiohttp.ClientTimeout(
            total=max(0.001, min(timeout_seconds, TOTAL_SECONDS)), sock_connect=CONNECT_SECONDS
        )
        try:
            async with self._session(purpose).request(
                request.method,
                url,
                data=request.body,
                headers=[*_HEADERS.items(), *request.headers],
                skip_auto_headers=("Accept-Encoding", "Content-Type", "Accept", "User-Agent"),
                allow_redirects=False,
                proxy=self._proxy,
                timeout=timeout,
            ) as response:
                body = await _read_body(response, body_bytes)
                return HttpResponse(response.status, _headers_of(response), body)
        except TimeoutError:
            return NoResponse("timeout", f"no answer within {timeout.total:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _no_response(error)

    async def close(self) -> None:
        """Ends all connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, purpose: Purpose) -> aiohttp.ClientSession:
        session = self._sessions.get(purpose)
        if session is None:
            session = self._sessions[purpose] = self._new_session(purpose)
        return session

    def _new_session(self, purpose: Purpose) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self._resolver, None if self._proxy else self._egress, purpose),
            socket_factory=_Dialler(None if self._proxy else self._egress, purpose),
            ssl=self._tls_policy.client_context,
            use_dns_cache=False,  # the resolver has one, and every dial is checked anew
            limit=self._connections,
            limit_per_host=min(CONNECTIONS_PER_ORIGIN, self._connections),
            keepalive_timeout=KEEPALIVE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,  # no proxy and no .netrc from the environment
            read_bufsize=BODY_BYTES,
            max_line_size=LINE_BYTES,
            max_field_size=LINE_BYTES,
            max_headers=HEADERS,
            response_class=_BoundedResponse,
        )

    async def _check_proxied(self, url: URL, purpose: Purpose) -> None:
        assert url.raw_host is not None
        assert url.port is not None
        try:
            addresses = await self._resolver.resolve(url.raw_host)
        except Unreachable as error:
            if error.reason == "bad-host":
                raise
            return  # a network that has names only behind its proxy
        if not any(self._egress.permits(address, url.port, purpose) for address in addresses):
            self._egress.check_address(addresses[0], url.port, purpose)


class _NotAllowedError(OSError):
    """Our own refusal, on its way through aiohttp."""

    def __init__(self, refusal: Unreachable) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class _GuardedResolver(AbstractResolver):
    """Our resolver as aiohttp wants it, without the addresses that must not be dialled. ``egress`` None: for a proxy."""

    def __init__(self, resolver: Resolver, egress: Egress | None, purpose: Purpose) -> None:
        self._resolver = resolver
        self._egress = egress
        self._purpose = purpose

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found: list[ResolveResult] = []
        refusal = Unreachable("no-such-name", host)
        try:
            addresses = await self._resolver.resolve(host)
        except Unreachable as error:
            raise _NotAllowedError(error) from error
        for address in addresses:
            own = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family not in (socket.AF_UNSPEC, own):
                continue
            try:
                if self._egress is not None:
                    self._egress.check_address(address, port, self._purpose)
            except Unreachable as error:
                refusal = error
                continue
            found.append(
                ResolveResult(
                    hostname=host, host=str(address), port=port, family=own, proto=0, flags=socket.AI_NUMERICHOST
                )
            )
        if not found:
            raise _NotAllowedError(refusal)
        return found

    async def close(self) -> None:
        """The resolver belongs to the process."""


class _Dialler:
    """aiohttp's ``socket_factory``: the last look at an address before it is dialled."""

    def __init__(self, egress: Egress | None, purpose: Purpose) -> None:
        self._egress = egress
        self._purpose = purpose

    def __call__(self, address_info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = address_info
        if self._egress is not None:
            try:
                self._egress.check_address(ip_address(address[0]), address[1], self._purpose)
            except Unreachable as error:
                raise _NotAllowedError(error) from error
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        set_options(sock)
        return sock


class _BoundedResponse(ClientResponse):
    """Ends a flood of interim responses, which aiohttp reads for as long as the request may take."""

    async def start(self, connection: Any) -> ClientResponse:
        protocol = connection.protocol
        read = protocol.read
        count = 0

        async def counted() -> Any:
            nonlocal count
            count += 1
            if count > INTERIM_RESPONSES + 1:
                raise aiohttp.ClientPayloadError("too many interim responses")
            return await read()

        protocol.read = counted
        try:
            return await super().start(connection)
        finally:
            del protocol.read  # the method of its class again


def _read_url(text: str) -> tuple[URL, Purpose]:
    """Unreachable ``bad-host`` for every spelling that two parsers could read as two hosts."""
    found = _AUTHORITY.match(text)
    if len(text) > URL_CHARACTERS or _VISIBLE.fullmatch(text) is None or found is None:
        raise Unreachable("bad-host", "not an http or https URL of visible ASCII without user information")
    scheme, host, port = found.groups()
    try:
        parse_host(host[1:-1] if host.startswith("[") else host)
        url = URL(text, encoded=True)
    except (BadHost, ValueError) as error:
        raise Unreachable("bad-host", str(error)) from error
    if port is not None and not 0 < int(port) < 65_536:
        raise Unreachable("bad-host", "no such port")
    return url, _PURPOSES[scheme]


async def _read_body(response: ClientResponse, most: int) -> bytes:
    body = b""
    while len(body) < most:
        data = await response.content.read(most - len(body))
        if not data:
            return body
        body += data
    if not response.content.at_eof():
        response.close()  # more would come: the connection is not worth keeping
    return body


def _headers_of(response: ClientResponse) -> dict[str, str]:
    """Of a repeated field the first; none of those that a push kind reads may be repeated."""
    headers: dict[str, str] = {}
    for name, value in response.headers.items():
        headers.setdefault(name.lower(), value)
    return headers


def _no_response(error: Exception) -> NoResponse:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        failed = handshake_failed(cause) if isinstance(cause, ssl.SSLError) else None
        return NoResponse("tls", str(failed) if failed else str(cause))
    if isinstance(error, aiohttp.ClientSSLError):
        return NoResponse("tls", str(error.os_error))
    if isinstance(error, aiohttp.ClientConnectorError):
        return _not_connected(error.os_error)
    if isinstance(error, aiohttp.InvalidURL):
        return NoResponse("not-allowed", "not a URL that we send to")
    # The message of a foreign exception may hold the URL, which is a secret.
    return NoResponse("broken", type(error).__name__)


def _not_connected(error: OSError) -> NoResponse:
    if isinstance(error, _NotAllowedError):
        return NoResponse(_reason_of(error.refusal), error.refusal.detail)
    refusal = unreachable(error)
    return NoResponse(_reason_of(refusal), refusal.detail)


def _reason_of(error: Unreachable) -> str:
    match error.reason:
        case "not-allowed" | "bad-host":
            return "not-allowed"
        case "no-such-name" | "dns":
            return "dns"
        case "timeout":
            return "timeout"
        case "refused":
            return "refused"
        case _:
            return "broken"
