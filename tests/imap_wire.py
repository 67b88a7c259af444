"""A client of the scripted IMAP server that sees every line, in clear, and knows nothing of IMAP but tags."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from idlebell.testing.imap_server import ImapServer

SECONDS = 10


class Wire:
    """Lines are given without their CRLF; a literal is the line after its announcement."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._tags = 0

    async def line(self) -> str:
        """The next one; empty where the server has closed."""
        async with asyncio.timeout(SECONDS):
            return (await self.reader.readline()).decode().removesuffix("\r\n")

    async def lines(self, count: int) -> list[str]:
        return [await self.line() for _ in range(count)]

    async def ask(self, command: str) -> list[str]:
        """All lines up to the tagged one, whose tag is left out, or up to a ``+``."""
        self._tags += 1
        tag = f"t{self._tags}"
        self.say(f"{tag} {command}")
        found: list[str] = []
        while True:
            line = await self.line()
            found.append(line.removeprefix(f"{tag} "))
            if not line or line.startswith((f"{tag} ", "+ ")):
                return found

    def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")

    async def idle(self) -> Self:
        assert (await self.ask("IDLE"))[-1].startswith("+")
        return self

    async def done(self) -> list[str]:
        """What is said up to the tagged response of IDLE, that not included."""
        self.say("DONE")
        found: list[str] = []
        while not (line := await self.line()).startswith(f"t{self._tags} "):
            assert line
            found.append(line)
        return found

    async def quiet(self) -> None:
        """Nothing is on its way: what is asked for now is answered first."""
        answer = await self.ask("CAPABILITY")
        assert [line for line in answer if not line.startswith(("* CAPABILITY", "OK"))] == []


@asynccontextmanager
async def logged_in(
    server: ImapServer, user: str = "alice", password: str = "secret", *, ok: str = "OK"
) -> AsyncIterator[Wire]:
    """A session that has read its greeting and logged in. ``ok``: how the answer to LOGIN begins."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        wire = Wire(reader, writer)
        await wire.line()
        assert (await wire.ask(f"LOGIN {user} {password}"))[-1].startswith(ok)
        yield wire
    finally:
        writer.close()
