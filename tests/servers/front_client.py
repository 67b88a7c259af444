"""A client at the front that says what it likes, and can be cut off where it likes."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from types import TracebackType
from typing import Any, Self

from servers.mail_server import User

PATIENCE_SECONDS = 20.0
_ENTRY = "/private/vendor/vendor.idlebell/subscriptions"


class FrontClient:
    def __init__(self, port: int) -> None:
        self._port = port
        self._commands = 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        await self.line(b"* OK")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def send(self, raw: bytes) -> None:
        self._writer.write(raw)

    def begin(self, command: str) -> str:
        """Sends it; its tag."""
        self._commands += 1
        self.send(f"c{self._commands} {command}\r\n".encode())
        return f"c{self._commands}"

    async def line(self, start: bytes) -> list[bytes]:
        """All lines up to one that begins so."""
        seen: list[bytes] = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                line = await self._reader.readline()
                if not line:
                    raise ConnectionError(f"closed before {start!r} came, after {seen}")
                seen.append(line)
                if line.startswith(start):
                    return seen

    async def run(self, command: str) -> list[bytes]:
        """What is said until it is OK."""
        tag = self.begin(command)
        seen = await self.line(tag.encode())
        assert seen[-1].startswith(f"{tag} OK".encode()), seen
        return seen

    async def login(self, user: User) -> None:
        await self.run(f'LOGIN "{user.name}" "{user.password}"')

    async def register(self, name: str, endpoints: dict[str, Any], **members: Any) -> None:
        value = json.dumps({"endpoints": endpoints, **members}).encode()
        self._commands += 1
        tag = f"c{self._commands}"
        self.send(f'{tag} SETMETADATA "" ({_ENTRY}/{name} {{{len(value)}+}}\r\n'.encode() + value + b")\r\n")
        seen = await self.line(tag.encode())
        assert seen[-1].startswith(f"{tag} OK".encode()), seen

    async def idle(self) -> None:
        self.begin("IDLE")
        await self.line(b"+")

    async def logout(self) -> None:
        tag = self.begin("LOGOUT")
        await self.line(f"{tag} OK".encode())
        await self.gone()

    async def gone(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._reader.read()

    def cut(self) -> None:
        """As a cable is: RST, no word."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
