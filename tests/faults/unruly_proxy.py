"""A TCP proxy between the gateway and a mail server that does to connections what networks do: delay, slice, stall, forget,
cut. It sees TLS records only.

Each connection has a :class:`Manner`, changed at any time by :meth:`Connection.behave`; :meth:`UnrulyProxy.behave` changes
those of all that are open and of all that come.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import Any, Self

from servers.sandbox import free_port

CHUNK_BYTES = 65_536
BACKLOG = 1_024


class Way(Enum):
    UP = "to the server"
    DOWN = "to the gateway"


BOTH = frozenset(Way)


class Welcome(Enum):
    """What who connects meets."""

    RELAY = "the server"
    RESET = "an RST"
    MUTE = "nobody who ever says a word"


@dataclass(frozen=True, slots=True)
class Manner:
    delay_seconds: float = 0.0
    """Of everything that passes."""
    slice_bytes: int = 0
    """Passed on in pieces of this size; 0: as they come."""
    swallows: frozenset[Way] = frozenset()
    """What goes this way is taken and never passed on, its end (FIN, RST) included: half-open."""
    stalls: frozenset[Way] = frozenset()
    """What goes this way waits, in order, until it does not stall any more."""
    forgets_after_seconds: float | None = None
    """After as long without a byte either way the connection is forgotten, as by a NAT: from then on both ways swallow."""


class Connection:
    """One that was accepted. :attr:`passed` and :attr:`swallowed` count bytes."""

    def __init__(self, proxy: UnrulyProxy, writer: asyncio.StreamWriter, manner: Manner) -> None:
        self.manner = manner
        self.passed = dict.fromkeys(Way, 0)
        self.swallowed = dict.fromkeys(Way, 0)
        self._proxy = proxy
        self._changed = asyncio.Event()
        self._writers = [writer]
        self._task = asyncio.current_task()
        self._moved_at = time.monotonic()

    def behave(self, **changes: Any) -> None:
        """See :class:`Manner`."""
        self.manner = replace(self.manner, **changes)
        self._changed.set()

    def cut(self, *, reset: bool = True) -> None:
        """Both ends, by RST or by FIN. What was under way is lost."""
        for writer in self._writers:
            if reset:
                _reset(writer)
            else:
                writer.close()
        assert self._task is not None
        self._task.cancel()

    # inside

    async def relay(self, reader: asyncio.StreamReader, port: int) -> None:
        upstream, writer = await asyncio.open_connection("127.0.0.1", port)
        self._writers.append(writer)
        await asyncio.gather(self._pump(Way.UP, reader, writer), self._pump(Way.DOWN, upstream, self._writers[0]))

    async def hold(self, reader: asyncio.StreamReader) -> None:
        """Takes what comes and says nothing, until the other side goes."""
        while data := await reader.read(CHUNK_BYTES):
            self._swallow(Way.UP, data)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _pump(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:
                if self._drops(way):
                    return
                raise
            self._age()
            while way in self.manner.stalls:
                self._changed.clear()
                await self._changed.wait()
            if self.manner.delay_seconds:
                await asyncio.sleep(self.manner.delay_seconds)
            if self._drops(way):
                if not data:
                    return  # of an end nobody hears either
                self._swallow(way, data)
                continue
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                return
            await self._pass(data, writer)
            self.passed[way] += len(data)
            self._proxy.changed()

    async def _pass(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        size = self.manner.slice_bytes or len(data)
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            await writer.drain()
            if size < len(data):
                await asyncio.sleep(0)  # the other side has its turn with this piece

    def _drops(self, way: Way) -> bool:
        return way in self.manner.swallows

    def _swallow(self, way: Way, data: bytes) -> None:
        self.swallowed[way] += len(data)
        self._proxy.changed()

    def _age(self) -> None:
        now = time.monotonic()
        forgets = self.manner.forgets_after_seconds
        if forgets is not None and now - self._moved_at > forgets:
            self.behave(swallows=BOTH)
        self._moved_at = now


class UnrulyProxy:
    """``async with`` listens, on 127.0.0.1 or on ``listener``; :attr:`port` is where. Relays to ``target``, a port of
    127.0.0.1, which may be changed for who comes later."""

    def __init__(self, target: int, *, listener: socket.socket | None = None) -> None:
        self.target = target
        self.port = 0
        self.welcome = Welcome.RELAY
        self.connections: list[Connection] = []
        """Those that are open, oldest first."""
        self.accepted = 0
        """How many ever came."""
        self._listener = listener
        self._manner = Manner()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    def behave(self, **changes: Any) -> None:
        """See :class:`Manner`."""
        self._manner = replace(self._manner, **changes)
        for connection in self.connections:
            connection.behave(**changes)

    def cut(self, *, reset: bool = True) -> None:
        """All connections."""
        for connection in [*self.connections]:
            connection.cut(reset=reset)

    async def shut(self) -> None:
        """Nobody listens: who comes is refused by the kernel. What is open stays."""
        assert self._server is not None
        self._server.close()
        self._server = None

    async def open(self) -> None:
        """Listens again, where it did before."""
        listener, self._listener = self._listener, None
        if listener is None:
            # Not one that the kernel gives to who connects: it could be taken while nobody listens.
            listener = socket.create_server(("127.0.0.1", self.port or free_port()))
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._accept, sock=listener, backlog=BACKLOG)

    async def until(self, condition: Callable[[], bool], timeout: float = 20) -> None:
        """Returns when ``condition`` holds; it is looked at whenever something came, went or passed."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def changed(self) -> None:
        self._changed.set()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            await self.shut()
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.accepted += 1
        connection = Connection(self, writer, self._manner)
        self.connections.append(connection)
        self.changed()
        try:
            match self.welcome:
                case Welcome.RESET:
                    _reset(writer)
                case Welcome.MUTE:
                    await connection.hold(reader)
                case Welcome.RELAY:
                    await connection.relay(reader, self.target)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self.connections.remove(connection)
            self._tasks.discard(task)
            connection.close()
            self.changed()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:  # the other side may have ended it just now
        # A linger of zero seconds: close() sends RST (socket(7)).
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
