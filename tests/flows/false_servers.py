"""Who stands between the gateway and a mail server, or in its place: plays along as far as he can, and keeps a log."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

USERNAME, PASSWORD = "alice@example.test", "correct horse battery"
CANARIES = tuple(
    spelled
    for text in (USERNAME, PASSWORD, f"\0{USERNAME}\0{PASSWORD}")
    for plain in (text.encode(),)
    for spelled in (plain, base64.b64encode(plain))
)
GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello\r\n"
STARTTLS_GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR STARTTLS AUTH=PLAIN] hello\r\n"
CAPABILITIES = b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN\r\n"


@dataclass
class Heard:
    """The log of one connection. ``raw``: every byte that came; ``lines``: what of it could be read."""

    raw: bytearray = field(default_factory=bytearray)
    lines: list[bytes] = field(default_factory=list)
    shook_hands: bool = False

    @property
    def has_credentials(self) -> bool:
        read = b"\n".join((bytes(self.raw), *self.lines))
        return any(canary in read for canary in CANARIES) or any(
            line.split(b" ")[1:2] in ([b"LOGIN"], [b"AUTHENTICATE"]) for line in self.lines
        )

    @property
    def commands(self) -> tuple[str, ...]:
        return tuple(line.split(b" ")[1].decode("ascii", "replace") for line in self.lines if b" " in line)


class Line:
    """A connection in clear, and from :meth:`shake_hands` on under TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Heard) -> None:
        self._reader, self._writer, self.heard = reader, writer, heard
        self._tls: ssl.SSLObject | None = None
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._buffer = b""

    async def more(self) -> bytes:
        data = await self._reader.read(65_536)
        if not data:
            raise ConnectionResetError
        self.heard.raw += data
        return data

    async def _flush(self) -> None:
        if data := self._out.read():
            self._writer.write(data)
            await self._writer.drain()

    async def _through(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                await self._flush()
                self._in.write(await self.more())
            else:
                await self._flush()
                return done

    async def shake_hands(self, context: ssl.SSLContext) -> None:
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        try:
            await self._through(self._tls.do_handshake)
        except ssl.SSLError:
            await self._flush()
            raise
        self.heard.shook_hands = True

    async def say(self, data: bytes) -> None:
        if self._tls is not None:
            self._tls.write(data)
            await self._flush()
            return
        self._writer.write(data)
        await self._writer.drain()

    async def line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            if self._tls is not None:
                data = await self._through(lambda: self._tls.read(65_536))  # type: ignore[union-attr]
                if not data:
                    raise ConnectionResetError
                self._buffer += data
            else:
                self._buffer += await self.more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        self.heard.lines.append(line)
        return line

    async def play(self, **answers: bytes) -> None:
        """An IMAP server that believes everybody. ``answers``: to commands by name, without their tag."""
        while True:
            tag, name, *_ = (await self.line()).upper().split(b" ")
            untagged = CAPABILITIES if name == b"CAPABILITY" else b""
            await self.say(untagged + tag + b" " + answers.get(name.decode("ascii"), b"OK done") + b"\r\n")

    async def rest(self) -> None:
        while True:
            await self.more()


Attack: TypeAlias = Callable[[Line], Awaitable[None]]


@asynccontextmanager
async def attacking(attack: Attack) -> AsyncIterator[tuple[int, list[Heard]]]:
    """Its port, and the log of each connection."""
    log: list[Heard] = []
    tasks: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        log.append(Heard())
        try:
            await attack(Line(reader, writer, log[-1]))
        except (OSError, ssl.SSLError, ValueError, asyncio.CancelledError):
            pass  # the victim has gone, or will not have it
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], log
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def under_tls(context: ssl.SSLContext) -> Attack:
    async def attack(line: Line) -> None:
        await line.shake_hands(context)
        await line.say(GREETING)
        await line.play()

    return attack


def after_starttls(context: ssl.SSLContext, answer: bytes = b"OK begin") -> Attack:
    """``answer``: to STARTTLS, without its tag."""

    async def attack(line: Line) -> None:
        await line.say(STARTTLS_GREETING)
        while (command := await line.line()).split(b" ")[1].upper() != b"STARTTLS":
            await line.say(CAPABILITIES + command.split(b" ")[0] + b" OK done\r\n")
        tag = command.split(b" ")[0]
        if not answer.startswith(b"OK"):
            await line.say(tag + b" " + answer + b"\r\n")
            await line.play()
        await line.say(tag + b" " + answer + b"\r\n")
        await line.shake_hands(context)
        await line.say(GREETING)
        await line.play()

    return attack


def saying(*said: bytes, then: bytes = b"OK done") -> Attack:
    """In clear, and it goes on in clear. ``then``: to STARTTLS."""

    async def attack(line: Line) -> None:
        await line.say(b"".join(said))
        await line.play(STARTTLS=then)

    return attack


def nodding(then: bytes) -> Attack:
    """Says OK to STARTTLS, and answers the ClientHello by ``then``."""

    async def attack(line: Line) -> None:
        await line.say(STARTTLS_GREETING)
        tag = (await line.line()).split(b" ")[0]
        await line.say(tag + b" OK begin\r\n")
        await line.more()
        await line.say(then)
        await line.rest()

    return attack


def garbage(*said: bytes) -> Attack:
    async def attack(line: Line) -> None:
        for one in said:
            await line.say(one)
        await line.rest()

    return attack


SSLV3_HELLO = bytes.fromhex("160300002a020000260300") + bytes(32) + bytes.fromhex("00000500")
"""A ServerHello of SSL 3.0, as far as anybody reads it (RFC 6101 section 5.6.1.3)."""


def strippers(honest: ssl.SSLContext) -> dict[str, tuple[Attack, Sequence[str]]]:
    """What is done to STARTTLS (threats P1, P2, P4), and the checks that may be named."""
    injected = ("starttls-injected",)
    missing, refused = ("starttls-missing",), ("starttls-refused",)
    return {
        "STARTTLS hidden in the greeting": (saying(GREETING), missing),
        "STARTTLS hidden in CAPABILITY": (saying(b"* OK hello\r\n"), missing),
        "STARTTLS spelled otherwise": (saying(b"* OK [CAPABILITY IMAP4rev1 XSTARTTLS] hello\r\n"), missing),
        "STARTTLS answered NO": (after_starttls(honest, b"NO not now"), refused),
        "STARTTLS answered BAD": (after_starttls(honest, b"BAD what"), refused),
        "bytes after the OK, in the same segment": (
            after_starttls(honest, b"OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN"),
            injected,
        ),
        "a tagged OK for the command to come": (after_starttls(honest, b"OK begin\r\nA2 OK done"), injected),
        "OK, and no TLS after it": (nodding(b"* BAD what\r\n"), ("not-tls",)),
        "OK, and SSL 3.0 after it": (nodding(SSLV3_HELLO), ("old-protocol",)),
        "PREAUTH": (saying(b"* PREAUTH [CAPABILITY IMAP4rev1] welcome back\r\n"), ("preauth-in-clear",)),
        "PREAUTH that offers STARTTLS": (
            saying(b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome back\r\n"),
            ("preauth-in-clear",),
        ),
    }


def strangers() -> dict[str, tuple[Attack, Sequence[str]]]:
    """What answers where TLS is expected from the first byte."""
    return {
        "IMAP in clear": (garbage(GREETING), ("not-tls",)),
        "PREAUTH in clear": (garbage(b"* PREAUTH welcome back\r\n"), ("not-tls",)),
        "HTTP": (garbage(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ("not-tls",)),
        "noise": (garbage(bytes(range(256)) * 64), ("not-tls",)),
        "SSL 3.0": (garbage(SSLV3_HELLO), ("old-protocol",)),
        "SSL 2.0": (garbage(bytes.fromhex("801904000100020000000000100100800000000000000000")), ("not-tls",)),
    }
