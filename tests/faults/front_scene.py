"""The front between a client that sends what it likes and an upstream that says what it likes, all in one loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from idlebell.front.listener import Front, FrontOptions
from idlebell.model.account import ImapTarget, Tls
from servers.fronted import front_before

SECONDS: Final = 20
CAPABILITIES: Final = b"IMAP4rev1 SASL-IR LITERAL+ IDLE ENABLE NAMESPACE UIDPLUS AUTH=PLAIN"
OPTIONS: Final = FrontOptions("127.0.0.1", 0, connections=5_000, connections_per_address=0)


@dataclass
class End:
    """One end of a connection, in clear."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    heard: list[bytes] = field(default_factory=list)

    async def line(self) -> bytes:
        """The next one, with its CRLF; empty where the other end has closed."""
        async with asyncio.timeout(SECONDS):
            try:
                line = await self.reader.readline()
            except ConnectionError:
                return b""
        self.heard.append(line)
        return line

    async def until(self, beginning: bytes) -> list[bytes]:
        """Lines up to the one that begins so, or up to the end."""
        found = []
        while True:
            line = await self.line()
            found.append(line)
            if not line or line.startswith(beginning):
                return found

    async def rest(self) -> bytes:
        """All up to the end."""
        return b"".join(await self.until(b"\0 never"))

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(SECONDS):
            await self.writer.drain()

    async def ask(self, command: bytes, tag: bytes = b"a") -> list[bytes]:
        await self.say(tag + b" " + command + b"\r\n")
        return await self.until(tag + b" ")

    def leave(self) -> None:
        if not self.writer.transport.is_closing():
            self.writer.transport.abort()


Act: TypeAlias = Callable[[End], Awaitable[None]]
"""What an upstream does once somebody has logged in."""


async def obey(end: End) -> None:
    """Answers every command with OK, and nothing else."""
    while line := await end.line():
        await end.say(line.split(b" ")[0].strip() + b" OK done\r\n")


class Upstream:
    """``greeting`` and ``logged_in`` (with the tag put in front, where it is not untagged) may be anything; empty: it closes
    instead."""

    def __init__(
        self,
        act: Act = obey,
        *,
        greeting: bytes = b"* OK [CAPABILITY " + CAPABILITIES + b"] hello\r\n",
        logged_in: bytes = b" OK [CAPABILITY " + CAPABILITIES + b"] welcome\r\n",
    ) -> None:
        self.act = act
        self.greeting = greeting
        self.logged_in = logged_in
        self.ends: list[End] = []
        self.sessions = 0
        """Logins that stood and whose connections are not over."""
        self._tasks: set[asyncio.Task[None] | None] = set()

    @property
    def target(self) -> ImapTarget:
        return ImapTarget("127.0.0.1", self._port, Tls.NONE)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for end in self.ends:
            end.leave()
        while self._tasks:
            await asyncio.sleep(0)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end = End(reader, writer)
        self.ends.append(end)
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            if await self._introduced(end):
                self.sessions += 1
                try:
                    await self.act(end)
                finally:
                    self.sessions -= 1
        except ConnectionError:
            pass
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _introduced(self, end: End) -> bool:
        if not self.greeting:
            return False
        await end.say(self.greeting)
        while line := await end.line():
            tag, _, command = line.partition(b" ")
            if command.upper().startswith((b"LOGIN", b"AUTHENTICATE")):
                if not self.logged_in:
                    return False
                await end.say(self.logged_in if self.logged_in.startswith(b"*") else tag + self.logged_in)
                return True
            await end.say(tag + b" OK done\r\n")
        return False


@dataclass
class Scene:
    front: Front
    upstream: Upstream

    async def stranger(self) -> End:
        """A client that has read no greeting yet."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.front.port)
        return End(reader, writer)

    async def client(self) -> End:
        """One that is logged in."""
        end = await self.stranger()
        assert (await end.line()).startswith(b"* OK")
        said = await end.ask(b"LOGIN alice secret")
        assert said[-1].startswith(b"a OK"), said
        end.heard.clear()
        return end

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not holds():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def scene(upstream: Upstream, *, ca_file: Path | None = None, **options: Any) -> AsyncIterator[Scene]:
    async with upstream:
        front = front_before(upstream.target, ca_file, replace(OPTIONS, **options))
        await front.start()
        try:
            yield Scene(front, upstream)
        finally:
            await front.stop()
