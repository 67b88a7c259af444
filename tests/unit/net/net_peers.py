"""Servers on loopback that do what a test tells them, and a resolver that says what a test wants."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from idlebell.net.addresses import Address
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import Unreachable

LOOPBACK = Egress(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")), allow_plaintext=True)


class FakeResolver(Resolver):
    """Each name has a list of answers, given one after the other; the last one stays."""

    __slots__ = ("answers", "asked")

    def __init__(self, **answers: list[list[str]]) -> None:
        super().__init__(Clock())
        self.answers = {name.replace("_", "."): list(given) for name, given in answers.items()}
        self.asked: list[str] = []

    async def resolve(self, host: str) -> tuple[Address, ...]:
        self.asked.append(host)
        if host not in self.answers:
            try:
                return (ip_address(host),)
            except ValueError:
                raise Unreachable("no-such-name", host) from None
        given = self.answers[host]
        answer = given.pop(0) if len(given) > 1 else given[0]
        return tuple(ip_address(text) for text in answer)


@dataclass
class Peer:
    """One connection at a test server. ``received`` is everything the other side ever sent."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    received: bytearray = field(default_factory=bytearray)

    async def line(self) -> bytes:
        data = await self.reader.readline()
        self.received += data
        return data

    async def rest(self) -> bytes:
        data = await self.reader.read()
        self.received += data
        return data

    async def say(self, *lines: bytes) -> None:
        self.writer.write(b"".join(line + b"\r\n" for line in lines))
        await self.writer.drain()

    async def answer(self, *untagged: bytes, condition: bytes = b"OK", text: bytes = b"done") -> bytes:
        """Reads a command line, answers it, and gives it without its tag."""
        tag, _, rest = (await self.line()).partition(b" ")
        await self.say(*untagged, b" ".join((tag, condition, text)))
        return rest.strip()

    def socket(self) -> socket.socket:
        """The socket below TLS and the loop, for what neither would do. To be closed; the connection stays."""
        return socket.socket(fileno=os.dup(self.writer.get_extra_info("socket").fileno()))


@dataclass
class Served:
    host: str
    port: int
    peers: list[Peer] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def received(self) -> bytes:
        return b"".join(bytes(peer.received) for peer in self.peers)


Serve = Callable[..., Awaitable[Served]]


@asynccontextmanager
async def serving(
    handler: Callable[[Peer], Awaitable[None]],
    context: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Served]:
    tasks: set[asyncio.Task[Any]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer)
        served.peers.append(peer)
        try:
            await handler(peer)
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            served.errors.append(error)
        finally:
            writer.transport.abort()
            tasks.discard(task)

    server = await asyncio.start_server(accept, host, port, ssl=context)
    served = Served(host, server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert served.errors == []


async def shake_hands(
    server: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, sock: socket.socket
) -> None:
    """The server's side of a TLS handshake over ``sock``, which does not block."""
    loop = asyncio.get_running_loop()
    done = False
    while not done:
        try:
            server.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        await loop.sock_sendall(sock, outgoing.read())
        if not done:
            incoming.write(await loop.sock_recv(sock, 65_536))
