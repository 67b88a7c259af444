"""A TCP proxy before a mail server, in clear: it hides what the server can do, holds both back, cuts, and counts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536
_LISTS = re.compile(rb"\* CAPABILITY |(?:\*|[A-Za-z0-9]+) OK \[CAPABILITY ")


class FilteringProxy:
    """``async with`` listens on 127.0.0.1; :attr:`port` is where. Relays to ``port`` of the same machine.

    ``hidden``: capabilities that are left out where the server lists what it can do. ``sessions``: who would be one more is
    told so by BYE, as servers do that allow an account only so many.
    """

    def __init__(self, port: int, hidden: Iterable[str] = (), *, sessions: int | None = None) -> None:
        self.port = 0
        self.commands: list[bytes] = []
        """What was asked, a line each, without its tag; literals and SASL are in it as they came."""
        self.bytes_up = self.bytes_down = 0
        """From the client, and from the server."""
        self._target = port
        self._hidden = frozenset(word.upper().encode() for word in hidden)
        self._sessions = sessions
        self._server: asyncio.Server | None = None
        self._relays: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._passes = asyncio.Event()
        self._passes.set()

    def __len__(self) -> int:
        return len(self._relays)

    def hold(self) -> None:
        """From now on neither hears the other, until :meth:`release`."""
        self._passes.clear()

    def release(self) -> None:
        self._passes.set()

    def cut(self) -> None:
        """Ends every connection at once."""
        for relay, writer in list(self._relays.items()):
            writer.transport.abort()
            relay.cancel()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        relays = list(self._relays)
        self.cut()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if self._sessions is not None and len(self._relays) >= self._sessions:
                writer.write(b"* BYE [LIMIT] Too many sessions of this account.\r\n")
                await writer.drain()
                return
            self._relays[task] = writer
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
            up = asyncio.create_task(self._relay_up(reader, upstream_writer))
            down = asyncio.create_task(self._relay_down(upstream_reader, writer))
            try:
                # Either side's end is the end: servers hold on to a connection whose client is gone for a while.
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in (up, down):
                    one.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
                upstream_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._relays.pop(task, None)
            writer.close()

    async def _relay_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(CHUNK_BYTES):
            self.bytes_up += len(data)
            await self._passes.wait()
            writer.write(data)
            await writer.drain()
            *lines, rest = (rest + data).split(b"\r\n")
            self.commands += (line.partition(b" ")[2] or line for line in lines)

    async def _relay_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        rest = b""
        while data := await reader.read(CHUNK_BYTES):
            self.bytes_down += len(data)
            *lines, rest = (rest + data).split(b"\r\n")
            await self._passes.wait()
            writer.writelines(self._filtered(line) + b"\r\n" for line in lines)
            await writer.drain()

    def _filtered(self, line: bytes) -> bytes:
        if not self._hidden or not _LISTS.match(line):
            return line
        head, bracket, text = line.partition(b"]")
        return b" ".join(word for word in head.split(b" ") if word.upper() not in self._hidden) + bracket + text
