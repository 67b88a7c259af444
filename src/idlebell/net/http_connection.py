"""One connection of HTTP/1.1: a socket that does not block, in clear or under TLS, and one request at a time.

Python's ``SSLSocket`` and a plain socket are read and written alike, and the event loop tells of both when something came: no
transport, no stream, no buffer of its own for each of them. What that costs and saves: docs/decisions/0034.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from idlebell.net.errors import ConnectionLost, TransportError
from idlebell.net.foreign_errors import handshake_failed, lost
from idlebell.net.http_response import BadResponse, ResponseParser
from idlebell.push.exchange import HttpResponse

READ_BYTES: Final = 16_384
"""Read at once: a TLS record holds no more (RFC 8446 section 5.1), so that none is left half read inside OpenSSL, where the
event loop would not see it."""

_NOT_NOW: Final = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class HttpConnection:
    """``sock``: connected, non-blocking, its handshake done. ``buffer``: :data:`READ_BYTES` that all connections share, for
    what is read is understood at once. ``on_close``: is told once, however it ends, also while it is idle."""

    __slots__ = ("_answer", "_buffer", "_loop", "_on_close", "_responses", "_sock", "_unsent", "answered", "heard")

    def __init__(
        self, sock: socket.socket, buffer: memoryview, on_close: Callable[[HttpConnection], None] = lambda _: None
    ) -> None:
        self._sock = sock
        self._buffer = buffer
        self._on_close = on_close
        self._responses = ResponseParser()
        self._answer: asyncio.Future[HttpResponse] | None = None
        self._unsent = b""
        self.answered = False
        """A request before the last one. It may have been closed since, before the other side heard of the last one."""
        self.heard = False
        """Something of an answer to the last request has come."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def closed(self) -> bool:
        return self._sock.fileno() < 0

    async def request(self, data: bytes, body_bytes: int, until: float, *, head_counts: bool = False) -> HttpResponse:
        """The answer to the request ``data``, with at most ``body_bytes`` of its body. ``head_counts``: it is one as soon as
        its head is whole, whatever becomes of the body. Else, or without a head: ConnectionLost, BadResponse; TimeoutError at
        ``until`` by the loop's clock. After any of them it is closed, and where the other side does not keep it."""
        answer: asyncio.Future[HttpResponse] = self._loop.create_future()
        self._answer = answer
        self._responses.expect(body_bytes)
        self.heard = False
        timer = self._loop.call_at(until, _time_out, answer)
        reusable = False
        try:
            self._unsent = data
            self._send()
            response = await answer
            self.answered = reusable = self._responses.reusable and not self._unsent
            return response
        except (TransportError, TimeoutError):
            if not head_counts or (cut := self._responses.so_far()) is None:
                raise
            return cut
        finally:
            timer.cancel()
            self._answer = None
            if not reusable:
                self.close()

    def close(self) -> None:
        """At once. Whoever waits is told ConnectionLost."""
        descriptor = self._sock.fileno()
        if descriptor < 0:
            return
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        with suppress(OSError):
            self._sock.close()
        self._responses.close()
        self._fail(ConnectionLost("closed"))
        self._on_close(self)

    def _send(self) -> None:
        """What the kernel takes now; the rest when it takes more."""
        while self._unsent:
            try:
                self._unsent = self._unsent[self._sock.send(self._unsent) :]
            except _NOT_NOW:
                self._loop.add_writer(self._sock.fileno(), self._writable)
                return
            except OSError:
                return  # so the reading fails as well, but perhaps there is an answer first: "too large"

    def _writable(self) -> None:
        self._loop.remove_writer(self._sock.fileno())
        self._send()

    def _readable(self) -> None:
        try:
            count = self._sock.recv_into(self._buffer)
        except _NOT_NOW:
            return  # of TLS, and nothing that was said: a ticket, a part of a record
        except OSError as error:
            self._fail(lost(error))
            self.close()
            return
        answer = self._answer
        if answer is None or answer.done():
            self.close()  # the end, or words that nobody asked for
            return
        try:
            if count:
                self.heard = True
                response = self._responses.feed(self._buffer[:count])
                self._buffer[:count] = bytes(count)  # there may be tokens in it, and the next answer is perhaps far off
            elif self.heard:
                response = self._responses.end()
            else:
                raise ConnectionLost("eof")
        except (BadResponse, ConnectionLost) as error:
            answer.set_exception(error)
            return
        if response is not None:
            answer.set_result(response)

    def _fail(self, error: ConnectionLost) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


async def shake_hands(sock: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """``sock`` under TLS. TlsFailed, ConnectionLost: there is none, and it is closed, as it is by a cancellation."""
    loop = asyncio.get_running_loop()
    tls = sock
    try:
        tls = secured = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
        while True:
            try:
                secured.do_handshake()
                return secured
            except ssl.SSLWantReadError:
                await _once(loop.add_reader, loop.remove_reader, tls.fileno())
            except ssl.SSLWantWriteError:
                await _once(loop.add_writer, loop.remove_writer, tls.fileno())
    except BaseException as error:
        tls.close()
        if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            raise ConnectionLost("eof", "closed during the TLS handshake") from error
        if isinstance(error, ssl.SSLError):
            raise handshake_failed(error) from error
        if isinstance(error, OSError):
            raise lost(error) from error
        raise


async def _once(add: Callable[..., object], remove: Callable[[int], object], descriptor: int) -> None:
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    add(descriptor, _wake, ready)
    try:
        await ready
    finally:
        remove(descriptor)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _time_out(answer: asyncio.Future[HttpResponse]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
