"""A push service that only notes when what came: HTTP by hand, in the loop that measures, which does nothing else meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"


class Receiver:
    """``heard``: by the number at the end of the path, the monotonic time of each request."""

    def __init__(self) -> None:
        self.heard: defaultdict[int, list[float]] = defaultdict(list)
        self.requests = 0
        self.connections = 0
        self.url = ""


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._pending = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._receiver.connections += 1

    def data_received(self, data: bytes) -> None:
        at = time.monotonic()
        assert self._transport is not None
        self._pending += data
        while True:
            head, end, rest = self._pending.partition(_HEAD_END)
            if not end:
                return
            length = 0
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            if len(rest) < length:
                return
            self._pending = rest[length:]
            path = head.split(b" ", 2)[1]
            self._receiver.heard[int(path.rpartition(b"/")[2])].append(at)
            self._receiver.requests += 1
            self._transport.write(ANSWER)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(found), "127.0.0.1", 0, backlog=1_024)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()
