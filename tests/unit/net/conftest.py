"""Servers on loopback, certificates made for the occasion, and a resolver that says what a test wants."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from idlebell.net.addresses import Address
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.deadlines import Deadlines
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import Unreachable
from idlebell.net.tls_policy import TlsPolicy

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


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts servers that end with the test."""
    async with AsyncExitStack() as stack:

        async def start(handler: Callable[[Peer], Awaitable[None]], *args: Any, **kwargs: Any) -> Served:
            return await stack.enter_async_context(serving(handler, *args, **kwargs))

        yield start


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def policy(ca: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> TlsPolicy:
    """Trusts ``ca``."""
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return TlsPolicy(path)


@pytest.fixture(scope="session")
def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    """For ``mail.test``, ``localhost`` and 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("mail.test", "localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def resolver() -> FakeResolver:
    return FakeResolver(mail_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])


@pytest.fixture
def connector(resolver: FakeResolver) -> Connector:
    return Connector(LOOPBACK, resolver)


@pytest.fixture
def hasty() -> Deadlines:
    """Deadlines that a test can wait for."""
    return Deadlines(2.0, 0.2, 0.2, 0.3, 0.2, 0.2)
