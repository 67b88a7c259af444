"""Connections are counted before anything else is done with them."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import cast

import pytest
import trustme

from idlebell.net import acceptor
from idlebell.net.acceptor import Acceptor, Bounds, Leave


class Echo(asyncio.Protocol):
    def __init__(self, leave: Leave) -> None:
        self._leave = leave

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"hello")  # uvloop's are no subclasses

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()


class Door:
    def __init__(self, made: Acceptor, port: int) -> None:
        self.acceptor = made
        self._port = port

    async def come(
        self, address: str = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> asyncio.StreamWriter | None:
        """None: it was closed unheard."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self._port,
            local_addr=(address, 0),
            ssl=context,
            server_hostname="localhost" if context else None,
        )
        if await reader.read(5) == b"hello":
            return writer
        writer.close()
        return None


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def door(bounds: Bounds, context: ssl.SSLContext | None = None) -> AsyncIterator[Door]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    made = Acceptor(listener, Echo, bounds, context)
    made.start()
    yield Door(made, port)
    await made.stop()


async def test_one_address_has_so_many_connections_and_others_come_in_all_the_same() -> None:
    async with door(Bounds(10, 2)) as at:
        mine = [await at.come("127.0.0.7") for _ in range(2)]
        assert None not in mine
        assert await at.come("127.0.0.7") is None
        other = await at.come("127.0.0.8")
        assert other is not None
        assert (at.acceptor.connections, at.acceptor.refused) == (3, 1)
        for one in [*mine, other]:
            assert one is not None
            one.close()
        await until(lambda: at.acceptor.connections == 0)
        again = await at.come("127.0.0.7")
        assert again is not None
        again.close()


async def test_who_speaks_for_others_is_held_to_the_bound_of_all_only() -> None:
    async with door(Bounds(4, 1, (ip_network("127.0.0.7/32"),))) as at:
        came = [await at.come("127.0.0.7") for _ in range(5)]
        assert [one is not None for one in came] == [True] * 4 + [False]
        for one in came[:4]:
            assert one is not None
            one.close()


def tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return context


async def test_a_handshake_counts_and_ends_at_its_deadline(ca: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "HANDSHAKE_SECONDS", 0.1)
    async with door(Bounds(10, 2), tls(ca)) as at:
        silent = [await asyncio.open_connection("127.0.0.1", at._port) for _ in range(3)]
        await until(lambda: at.acceptor.refused == 1)
        await until(lambda: at.acceptor.connections == 0)
        for _, writer in silent:
            writer.close()


async def test_another_context_holds_for_those_who_come_then(ca: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with door(Bounds(10), tls(trustme.CA())) as at:
        with pytest.raises(ssl.SSLCertVerificationError):
            await at.come(context=trusting)
        at.acceptor.context = tls(ca)
        came = await at.come(context=trusting)
        assert came is not None
        came.close()


async def test_a_process_without_descriptors_waits_a_moment_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "BREATH_SECONDS", 0.01)
    refusals = 2

    class Poor(socket.socket):
        def accept(self) -> tuple[socket.socket, object]:
            nonlocal refusals
            if refusals:
                refusals -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    listener = Poor()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = listener.getsockname()[1]
    made = Acceptor(listener, Echo, Bounds(10))
    made.start()
    came = await Door(made, port).come()
    assert came is not None
    assert refusals == 0
    came.close()
    await made.stop()
