"""A non-blocking socket and the event loop, without transports: a session that waits has no buffer here."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from idlebell.net.errors import ConnectionLost
from idlebell.net.foreign_errors import lost
from idlebell.net.wheel import Wheel

_CLOSED: Final = "closed"
SHORT_SECONDS: Final = 10.0
"""Waits up to this long have a timer of their own, which is on time."""


class Wire:
    """One socket. One task reads at a time, and one writes; both may be cancelled while they wait and nothing is lost.

    The event loop is asked once to tell when there is something to read, and goes on to tell until something lies there that
    nobody wants: a dialogue of question and answer costs it one registration.
    """

    __slots__ = (
        "_drained",
        "_listening",
        "_reading",
        "_resting",
        "_sock",
        "_taken",
        "_told",
        "_until",
        "_wheel",
        "_writing",
        "moved_bytes",
    )

    def __init__(self, sock: socket.socket, wheel: Wheel | None = None) -> None:
        """``wheel``: the timer that idle sessions share; without one each has its own."""
        self._wheel = wheel
        sock.setblocking(False)
        self._sock: socket.socket | None = sock
        self._reading: asyncio.Future[bool] | None = None
        self._writing: asyncio.Future[bool] | None = None
        self._listening: asyncio.AbstractEventLoop | None = None  # it tells of what can be read
        self._drained = False  # the last receive took all there was, and the loop has told of nothing since
        self._resting = False  # somebody waits in :meth:`ready`
        self._told: Callable[[], None] | None = None  # who waits without a coroutine
        self._taken = False  # something was received under the limit
        self._until: float | None = None  # by the loop's clock
        self.moved_bytes = 0
        """Both ways, of the whole connection."""

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

    def limit(self, seconds: float | None) -> None:
        """From now on :meth:`receive` and :meth:`writable` raise TimeoutError ``seconds`` from now, however often they are
        called; None: they take as long as it takes. What is there already is received in any case, once."""
        self._taken = False
        self._until = None if seconds is None else asyncio.get_running_loop().time() + seconds

    async def receive(self, max_bytes: int) -> bytes:
        """What is there, waiting until something is; ``b""`` at the end of the stream."""
        await self._before()
        while True:
            try:
                data = self._socket().recv(max_bytes)
            except (BlockingIOError, InterruptedError):
                await self._readable()
            except OSError as error:
                raise lost(error) from error
            else:
                self._received(len(data), max_bytes)
                return data

    async def receive_into(self, buffer: memoryview) -> memoryview:
        """As :meth:`receive`: the beginning of ``buffer``, which anybody may use while this waits, and which is anybody's again
        at the caller's next ``await``."""
        await self._before()
        while True:
            try:
                size = self._socket().recv_into(buffer)
            except (BlockingIOError, InterruptedError):
                await self._readable()
            except OSError as error:
                raise lost(error) from error
            else:
                self._received(size, len(buffer))
                return buffer[:size]

    async def _before(self) -> None:
        if self._drained:
            await self._readable()
        elif self._until is not None and self._taken and asyncio.get_running_loop().time() >= self._until:
            raise TimeoutError  # a peer that sends without a pause is never waited for

    def _received(self, size: int, most: int) -> None:
        self._drained = size < most
        self.moved_bytes += size
        self._taken = True

    async def ready(self, timeout_seconds: float) -> bool:
        """Waits, without taking anything, until something can be received; False where :meth:`interrupt` or the time ends
        it first. What thousands of idle sessions sit in: one frame and one future."""
        self._told = None
        self._listen()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._reading = future
        wheel = self._wheel if timeout_seconds > SHORT_SECONDS else None
        timer = loop.call_later(timeout_seconds, _wake, future, False) if wheel is None else None
        tick = wheel.add(future, timeout_seconds) if wheel is not None else 0
        self._resting = True
        try:
            return await future
        finally:
            self._resting = False
            if timer is not None:
                timer.cancel()
            elif wheel is not None:
                wheel.remove(future, tick)
            self._reading = None

    def rest(self, wake: Callable[[], None]) -> None:
        """``wake`` is called once, when something can be received. Nobody may be waiting; whoever waits or closes from now on
        is instead of it. What idle sessions cost least in: no coroutine, no future."""
        self._told = wake
        self._listen()

    def interrupt(self) -> None:
        """Ends :meth:`ready` if somebody waits in it; a :meth:`receive` looks once more and waits on."""
        if self._reading is not None:
            _wake(self._reading, False)

    def send_now(self, data: bytes | memoryview) -> int:
        """How much the kernel took of ``data``, without waiting."""
        try:
            sent = self._socket().send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise lost(error) from error
        self.moved_bytes += sent
        return sent

    async def writable(self) -> None:
        """Waits until the kernel takes more."""
        sock = self._socket()
        loop = asyncio.get_running_loop()
        self._writing = future = loop.create_future()
        loop.add_writer(sock.fileno(), _wake, future, True)
        try:
            await self._in_time(future)
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
        self._told = None
        self._listen_no_more()
        sock, self._sock = self._sock, None
        return -1 if sock is None else sock.detach()

    def close(self) -> None:
        """At once. Whoever waits is told ConnectionLost."""
        self._told = None
        self._listen_no_more()
        sock, self._sock = self._sock, None
        if sock is None:
            return
        if self._writing is not None:
            self._writing.get_loop().remove_writer(sock.fileno())
        for future in (self._reading, self._writing):
            if future is not None and not future.done():
                future.set_exception(ConnectionLost(_CLOSED))
        with contextlib.suppress(OSError):
            sock.close()

    async def _readable(self) -> None:
        self._told = None
        self._listen()
        self._reading = future = asyncio.get_running_loop().create_future()
        try:
            await self._in_time(future)
        finally:
            self._reading = None

    async def _in_time(self, future: asyncio.Future[bool]) -> None:
        if self._until is None:
            await future
            return
        timer = future.get_loop().call_at(self._until, _time_out, future)
        try:
            await future
        finally:
            timer.cancel()

    def _listen(self) -> None:
        if self._listening is None:
            loop = asyncio.get_running_loop()
            loop.add_reader(self._socket().fileno(), self._heard)
            self._listening = loop

    def _listen_no_more(self) -> None:
        loop, self._listening = self._listening, None
        if loop is not None and self._sock is not None:
            loop.remove_reader(self._sock.fileno())

    def _heard(self) -> None:
        """The loop tells of something to read, and would do so again and again until somebody reads it. What it tells once more
        may be read by now: asyncio's own loop looks before it runs who is to read."""
        if (self._resting or self._told is not None) and not self._is_there():
            return
        told_before, self._drained = not self._drained, False
        if self._told is not None:
            wake, self._told = self._told, None
            wake()
        elif self._reading is not None:
            _wake(self._reading, True)
        elif told_before:
            self._listen_no_more()

    def _is_there(self) -> bool:
        """Is something to be received, the end or an error included?"""
        try:
            self._socket().recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
        return True

    def _socket(self) -> socket.socket:
        if self._sock is None:
            raise ConnectionLost(_CLOSED)
        return self._sock


def _wake(future: asyncio.Future[bool], result: bool) -> None:
    if not future.done():
        future.set_result(result)


def _time_out(future: asyncio.Future[bool]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())
