"""A non-blocking socket and the event loop, without transports: a session that waits has no buffer here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Final

from idlebell.net.errors import ConnectionLost
from idlebell.net.foreign_errors import lost
from idlebell.net.wheel import Wheel

_CLOSED: Final = "closed"
SHORT_SECONDS: Final = 10.0
"""Waits up to this long have a timer of their own, which is on time."""


class Wire:
    """One socket. One task reads at a time, and one writes; both may be cancelled while they wait and nothing is lost."""

    __slots__ = ("_reading", "_sock", "_wheel", "_writing")

    def __init__(self, sock: socket.socket, wheel: Wheel | None = None) -> None:
        """``wheel``: the timer that idle sessions share; without one each has its own."""
        self._wheel = wheel
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._reading: asyncio.Future[bool] | None = None
        self._writing: asyncio.Future[bool] | None = None

    @property
    def closed(self) -> bool:
        return self._sock is None

    def fileno(self) -> int:
        """The descriptor; -1 once closed."""
        return -1 if self._sock is None else self._sock.fileno()

    @property
    def peer(self) -> str:
        """The address at the other end; empty where it is gone."""
        try:
            return str(self._socket().getpeername()[0])
        except (OSError, ConnectionLost):
            return ""

    async def receive(self, max_bytes: int) -> bytes:
        """What is there, waiting until something is; ``b""`` at the end of the stream."""
        while True:
            try:
                return self._socket().recv(max_bytes)
            except (BlockingIOError, InterruptedError):
                await self._readable()
            except OSError as error:
                raise lost(error) from error

    async def ready(self, timeout_seconds: float) -> bool:
        """Waits, without taking anything, until something can be received; False where :meth:`interrupt` or the time ends
        it first. What thousands of idle sessions sit in: one frame and one future."""
        sock = self._socket()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._reading = future
        loop.add_reader(sock.fileno(), _wake, future, True)
        wheel = self._wheel if timeout_seconds > SHORT_SECONDS else None
        timer = loop.call_later(timeout_seconds, _wake, future, False) if wheel is None else None
        tick = wheel.add(future, timeout_seconds) if wheel is not None else 0
        try:
            return await future
        finally:
            if timer is not None:
                timer.cancel()
            elif wheel is not None:
                wheel.remove(future, tick)
            self._reading = None
            if self._sock is not None:
                loop.remove_reader(sock.fileno())

    def interrupt(self) -> None:
        """Ends :meth:`ready` if somebody waits in it; a :meth:`receive` looks once more and waits on."""
        if self._reading is not None:
            _wake(self._reading, False)

    def send_now(self, data: bytes | memoryview) -> int:
        """How much the kernel took of ``data``, without waiting."""
        try:
            return self._socket().send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise lost(error) from error

    async def writable(self) -> None:
        """Waits until the kernel takes more."""
        sock = self._socket()
        loop = asyncio.get_running_loop()
        self._writing = future = loop.create_future()
        loop.add_writer(sock.fileno(), _wake, future, True)
        try:
            await future
        finally:
            self._writing = None
            if self._sock is not None:
                loop.remove_writer(sock.fileno())

    def peek(self) -> bytes:
        """What has come and was not received, up to 80 bytes, left where it is."""
        try:
            return self._socket().recv(80, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise lost(error) from error

    def detach(self) -> int:
        """The descriptor, which is the caller's from now on; -1 where it was closed. Nobody may be waiting."""
        sock, self._sock = self._sock, None
        return -1 if sock is None else sock.detach()

    def close(self) -> None:
        """At once. Whoever waits is told ConnectionLost."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        for future, remove in ((self._reading, "remove_reader"), (self._writing, "remove_writer")):
            if future is not None:
                getattr(future.get_loop(), remove)(sock.fileno())
                if not future.done():
                    future.set_exception(ConnectionLost(_CLOSED))
        with contextlib.suppress(OSError):
            sock.close()

    async def _readable(self) -> None:
        sock = self._socket()
        loop = asyncio.get_running_loop()
        self._reading = future = loop.create_future()
        loop.add_reader(sock.fileno(), _wake, future, True)
        try:
            await future
        finally:
            self._reading = None
            if self._sock is not None:
                loop.remove_reader(sock.fileno())

    def _socket(self) -> socket.socket:
        if self._sock is None:
            raise ConnectionLost(_CLOSED)
        return self._sock


def _wake(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)
