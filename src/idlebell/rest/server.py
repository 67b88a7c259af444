"""uvicorn inside our own event loop: started and stopped like any other part, without a hand on the process's signals."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from idlebell.model.authority import host_port
from idlebell.net.acceptor import Acceptor, Bounds, Seat
from idlebell.net.hardening import overwrite
from idlebell.net.tls_policy import TlsContext, server_context
from idlebell.rest import limits
from idlebell.rest.options import RestOptions
from idlebell.telemetry.foreign_logs import tell_no_cancellations

if TYPE_CHECKING:
    from litestar.types import ASGIApp
    from uvicorn._types import ASGIReceiveEvent

    Receive: TypeAlias = Callable[[], Coroutine[Any, Any, ASGIReceiveEvent]]

_TICK_SECONDS: Final = 0.1
_TICKS_A_DAY: Final = 864_000
"""Of uvicorn's, which makes the Date header anew every tenth one."""


class RestServer:
    """``start`` returns when the port is open; ``stop`` when answers under way are out, or after
    :data:`~idlebell.rest.limits.GRACE_SECONDS`."""

    def __init__(self, app: ASGIApp, options: RestOptions) -> None:
        """``app``: what stands behind the port, an intake foremost."""
        self._options = options
        self._socket: socket.socket | None = None
        self._server = _Embedded(
            uvicorn.Config(
                cast(Any, app),
                host=options.host,
                port=options.port,
                http=cast(type[asyncio.Protocol], _WipingProtocol),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=options.connections,
                timeout_keep_alive=limits.KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=limits.GRACE_SECONDS,
            )
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self, listening: socket.socket | None = None) -> None:
        """``listening``: made by :func:`listen`, and the server's from now on; None: it makes its own. OSError where the
        address is taken or may not be used; ValueError where the TLS files are no certificate and its key."""
        self._server.config.load()
        tell_no_cancellations()
        context = self._context()
        self._socket = listening or listen(self._options)
        most = self._options.connections
        bounds = Bounds(
            most + max(limits.ANSWERED_LEAST, most // 4),
            self._options.connections_per_address,
            self._options.trusted_proxies,
            roomy=most - 1,  # one more is where the 503 begins
        )
        self._server.acceptor = Acceptor(self._socket, self._server.protocol, bounds, context)
        self._task = asyncio.create_task(self._server.serve([]), name="rest")
        started = asyncio.create_task(self._server.listening.wait())
        try:
            await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            started.cancel()
        if self._task.done():
            await self._task

    @property
    def connections(self) -> int:
        """Those that are open."""
        return 0 if self._server.acceptor is None else self._server.acceptor.connections

    def renew_certificate(self) -> None:
        """Reads the TLS files again, for connections that come from now on; those that stand go on. ValueError: they are no
        certificate and its key, and those from before stay in use."""
        if self._server.acceptor is not None:
            self._server.acceptor.context = self._context()

    def _context(self) -> TlsContext | None:
        certificate, key = self._options.tls_certificate, self._options.tls_key
        return None if certificate is None or key is None else server_context(certificate, key)

    @property
    def port(self) -> int:
        """The one that is open, also where any free one was asked for."""
        return _port_of(self._opened())

    @property
    def url(self) -> str:
        return url_of(self._options, self._opened())

    def _opened(self) -> socket.socket:
        if self._socket is None:
            raise RuntimeError("the server does not listen")
        return self._socket

    async def stop(self, grace_seconds: float = limits.GRACE_SECONDS) -> None:
        self._server.config.timeout_graceful_shutdown = ceil(grace_seconds)
        self._server.exit_now()
        if self._task is not None:
            await self._task
            self._task = None


def listen(options: RestOptions) -> socket.socket:
    """OSError where the address is taken or may not be used."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    return socket.create_server((options.host, options.port), family=family, backlog=limits.BACKLOG)


def url_of(options: RestOptions, listening: socket.socket) -> str:
    scheme = "https" if options.tls_certificate is not None else "http"
    return f"{scheme}://{host_port(options.host, _port_of(listening))}"


def _port_of(listening: socket.socket) -> int:
    found: int = listening.getsockname()[1]
    return found


class _Embedded(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self.acceptor: Acceptor | None = None
        self._leaving = asyncio.Event()

    def exit_now(self) -> None:
        self.should_exit = True
        self._leaving.set()

    async def main_loop(self) -> None:
        """uvicorn looks ten times a second whether it shall exit, and takes requests until then: those would come to a door
        that is being replaced."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % _TICKS_A_DAY
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK_SECONDS):
                    await self._leaving.wait()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The process owns its signals."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        assert self.acceptor is not None
        await self.lifespan.startup()
        self.servers = []  # connections are taken by the acceptor, which counts them first
        self.acceptor.start()
        self.started = True
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        assert self.acceptor is not None
        await self.acceptor.stop()
        await super().shutdown(sockets)

    def protocol(self, seat: Seat) -> asyncio.BaseProtocol:
        return _WipingProtocol(
            seat, config=self.config, server_state=self.server_state, app_state=self.lifespan.state, _loop=None
        )


class _WipingProtocol(asyncio.BufferedProtocol):
    """Leaves no copy of a body behind, for there may be a password in it: what is read lands in a buffer of ours that is
    wiped once it is parsed. The copies that the parser makes on the way to the intake are overwritten below."""

    # One for all connections: what is read is parsed before anything else is read.
    _buffer = memoryview(bytearray(limits.READ_BYTES))

    def __init__(self, seat: Seat, **given: Any) -> None:
        self._inner = _BoundedProtocol(**given)
        self._inner.seat = seat
        self.connection_lost = self._inner.connection_lost  # type: ignore[method-assign]
        self.pause_writing = self._inner.pause_writing  # type: ignore[method-assign]
        self.resume_writing = self._inner.resume_writing  # type: ignore[method-assign]
        self.eof_received = self._inner.eof_received  # type: ignore[method-assign]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._inner.connection_made(cast(asyncio.Transport, transport))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        piece = self._buffer[:nbytes]
        try:
            self._inner.data_received(cast(bytes, piece))  # the parser takes any buffer
        finally:
            piece[:] = bytes(nbytes)


class _BoundedProtocol(HttpToolsProtocol):
    """uvicorn bounds neither the size of a request's head nor the time it takes, nor how slowly an answer is taken; this
    does."""

    seat: Seat
    """Waits to be heard until a request is here whole, and again once it is answered."""
    _deadline: asyncio.TimerHandle | None = None
    """Of the head, or until the next one begins."""
    _taking: asyncio.TimerHandle | None = None
    """Of the client that takes its answer, while it is slower than we are."""
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_there()
        self.resume_writing()
        self.seat.leave()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking = self.loop.call_later(limits.SEND_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            # It closes when all is taken, which a client that takes nothing would put off for ever.
            self.loop.call_later(limits.SEND_SECONDS, self.transport.abort)
        elif self.cycle.response_complete and not self._in_head:
            # uvicorn's own timer is stopped by any byte, an empty line before the next request too.
            self._unset_keepalive_if_required()
            self._await_request()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            # What is sent in one piece with the head before it counts too; twice the bound is never reached honestly.
            if self._head_bytes > 2 * limits.MAX_HEADER_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    def on_headers_complete(self) -> None:
        self._head_is_there()
        super().on_headers_complete()
        self.cycle.receive = _wiping(self.cycle)  # type: ignore[method-assign]

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        overwrite(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.seat.heard()

    def _await_request(self) -> None:
        self._head_is_there()
        self.seat.wait(self.transport.abort)
        self._deadline = self.loop.call_later(limits.KEEP_ALIVE_SECONDS, self.transport.abort)

    def _await_head(self) -> None:
        self._head_is_there()
        self.seat.wait(self.transport.abort)
        self._in_head = True
        self._head_bytes = 0
        self._deadline = self.loop.call_later(limits.BODY_SECONDS, self.transport.abort)

    def _head_is_there(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _wiping(cycle: RequestResponseCycle) -> Receive:
    """A cycle's ``receive`` that wipes the buffer whose copy it gives out."""
    take = cycle.receive

    async def receive() -> ASGIReceiveEvent:
        given = cycle.body
        message = await take()
        if cycle.body is not given:
            given[:] = bytes(len(given))
        return message

    return receive
