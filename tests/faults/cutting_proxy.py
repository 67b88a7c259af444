"""A TCP proxy between the gateway and a mail server that cuts connections at will."""

from __future__ import annotations

import asyncio
import socket
import struct
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536


class CuttingProxy:
    """``async with`` listens on 127.0.0.1; :attr:`port` is where. Relays to ``port`` of the same machine."""

    def __init__(self, port: int) -> None:
        self.port = 0
        self._target = port
        self._server: asyncio.Server | None = None
        self._relays: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.refusing = False
        """While set, who connects is cut at once."""

    def __len__(self) -> int:
        return len(self._relays)

    def cut(self, index: int) -> None:
        """Ends one of the connections, both ways, by RST: no goodbye, nothing drained."""
        relay = list(self._relays)[index]
        _reset(self._relays[relay])
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
        for relay in relays:
            relay.cancel()
        await asyncio.gather(*relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._relays[task] = writer
        try:
            if self.refusing:
                _reset(writer)
                return
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
            try:
                await asyncio.gather(_relay(reader, upstream_writer), _relay(upstream_reader, writer))
            finally:
                upstream_writer.close()
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._relays[task]
            writer.close()


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
