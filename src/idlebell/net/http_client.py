"""Sends the requests that push kinds build. Nothing is followed, decoded, remembered or taken from the environment, and no
answer, however hostile, is more than a value.

HTTP/1.1 of our own over the sockets of the :class:`~.connector.Connector`, which checks the address that is really dialled;
llhttp reads the answers (:mod:`.http_response`), connections are kept by :mod:`.http_pool`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import ConnectionLost, TlsFailed, TransportError, Unreachable
from idlebell.net.http_connection import READ_BYTES, HttpConnection, shake_hands
from idlebell.net.http_pool import CONNECTIONS, HttpPool
from idlebell.net.http_proxy import HttpProxy
from idlebell.net.http_request import Origin, read_target, spell
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

CONNECT_SECONDS: Final = 5.0
"""Name, TCP and TLS."""
TOTAL_SECONDS: Final = 15.0
"""All of a request; a caller may ask for less."""
BODY_BYTES: Final = 4_096
"""Read of an answer, where its reader wants no more; the connection of a longer one is closed."""

_TO_A_PROXY: Final = Egress(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")), allow_plaintext=True)
"""Where the proxy is, is the operator's word."""


class HttpClient:
    """One for the process.

    ``proxy``: ``http://[USER:PASSWORD@]HOST[:PORT]`` through which all requests go, the operator's word. It resolves the names
    then, so the rules are applied to what the names mean here, as far as they mean anything.
    """

    __slots__ = ("_buffer", "_connector", "_egress", "_pool", "_proxy", "_resolver", "_tls_policy")

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
        self._proxy = HttpProxy(proxy) if proxy else None
        self._connector = Connector(_TO_A_PROXY if proxy else egress, resolver)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._pool = HttpPool(self._dial, connections)

    async def send(
        self, request: HttpRequest, *, timeout_seconds: float = TOTAL_SECONDS, body_bytes: int = BODY_BYTES
    ) -> Answer:
        """The answer, whatever its status, or why there is none. Raises nothing but CancelledError. ``body_bytes``: what is
        read of its body; the rest is not."""
        return await self._send(request, timeout_seconds, body_bytes, head_counts=False)

    async def push(self, request: HttpRequest, *, timeout_seconds: float = TOTAL_SECONDS) -> Answer:
        """As :meth:`send`, for who is asked by the status alone: once the head is whole that is the answer, also where the body
        drips, breaks off or is no HTTP. A service that has accepted a push, or says that the endpoint is gone, is not asked
        again."""
        return await self._send(request, timeout_seconds, BODY_BYTES, head_counts=True)

    async def _send(
        self, request: HttpRequest, timeout_seconds: float, body_bytes: int, *, head_counts: bool
    ) -> Answer:
        seconds = max(0.001, min(timeout_seconds, TOTAL_SECONDS))
        until = asyncio.get_running_loop().time() + seconds
        try:
            target = read_target(request.url.reveal())
            if self._proxy is None:
                data = spell(request, target)
            else:
                async with asyncio.timeout_at(until):
                    await self._check_proxied(target.origin)
                data = self._proxy.spell(request, target)
            return await self._exchange(target.origin, data, body_bytes, until, head_counts=head_counts)
        except TimeoutError:
            return NoResponse("timeout", f"no answer within {seconds:g} s")
        except TransportError as error:
            return NoResponse(_reason_of(error), str(error))
        except (OSError, ValueError) as error:
            # The message of a foreign exception may hold the URL, which is a secret.
            return NoResponse("broken", type(error).__name__)

    async def close(self) -> None:
        """Ends all connections, those in use with their requests."""
        self._pool.close()

    async def _exchange(
        self, origin: Origin, data: bytes, body_bytes: int, until: float, *, head_counts: bool
    ) -> HttpResponse:
        connection = self._pool.take_idle(origin)
        if connection is None:
            async with asyncio.timeout_at(until):
                connection = await self._pool.take(origin)
        try:
            return await connection.request(data, body_bytes, until, head_counts=head_counts)
        except ConnectionLost:
            if connection.heard or not connection.answered:
                raise
            # The service has closed it while it was idle, and its word and ours crossed. Once, and on one that is new.
            async with asyncio.timeout_at(until):
                connection = await self._pool.renew(origin)
            return await connection.request(data, body_bytes, until, head_counts=head_counts)
        finally:
            self._pool.give_back(origin, connection)

    async def _dial(self, origin: Origin, on_close: Callable[[HttpConnection], None]) -> HttpConnection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if self._proxy is None:
                    sock = await self._connector.connect(
                        origin.host, origin.port, _purpose(origin), timeout_seconds=CONNECT_SECONDS
                    )
                else:
                    sock = await self._proxy.dial(self._connector, origin, CONNECT_SECONDS)
                if origin.secure:
                    sock = await shake_hands(sock, self._tls_policy.client_context, origin.host)
        except TimeoutError as error:
            raise Unreachable("timeout", f"no connection within {CONNECT_SECONDS:g} s") from error
        return HttpConnection(sock, self._buffer, on_close)

    async def _check_proxied(self, origin: Origin) -> None:
        try:
            addresses = await self._resolver.resolve(origin.host)
        except Unreachable as error:
            if error.reason == "bad-host":
                raise
            return  # a network that has names only behind its proxy
        purpose = _purpose(origin)
        if not any(self._egress.permits(address, origin.port, purpose) for address in addresses):
            self._egress.check_address(addresses[0], origin.port, purpose)


def _purpose(origin: Origin) -> Purpose:
    return Purpose.HTTPS if origin.secure else Purpose.HTTP


def _reason_of(error: TransportError) -> str:
    if isinstance(error, TlsFailed):
        return "tls"
    match error.reason:
        case "not-allowed" | "bad-host":
            return "not-allowed"
        case "no-such-name" | "dns":
            return "dns"
        case "timeout" | "refused":
            return error.reason
        case _:
            return "broken"
