"""Connections are counted before anything else is done with them."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from typing import cast

import pytest
import trustme

from idlebell.net import acceptor
from idlebell.net.acceptor import Acceptor, Bounds, Seat, SocketAcceptor


class Echo(asyncio.Protocol):
    """Has heard somebody at his first byte."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        found = cast(asyncio.Transport, transport)  # uvloop's are no subclasses
        self._seat.wait(found.abort)
        found.write(b"hello")

    def data_received(self, data: bytes) -> None:
        self._seat.heard()

    def connection_lost(self, exc: Exception | None) -> None:
        self._seat.leave()


class Door:
    def __init__(self, made: Acceptor, port: int) -> None:
        self.acceptor = made
        self._port = port
        self._readers: dict[asyncio.StreamWriter, asyncio.StreamReader] = {}

    def has_ended(self, writer: asyncio.StreamWriter) -> bool:
        """By this side."""
        return self._readers[writer].at_eof()

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
            self._readers[writer] = reader
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


def wait_of(writer: asyncio.StreamWriter | None) -> asyncio.StreamWriter:
    assert writer is not None
    return writer


async def test_where_places_run_out_who_has_waited_longest_of_the_address_with_most_makes_room() -> None:
    async with door(Bounds(5, roomy=4)) as at:
        heard, *slow = [wait_of(await at.come("127.0.0.7")) for _ in range(4)]
        heard.write(b"x")
        await until(lambda: len(at.acceptor.unheard) == 3)
        for address in ("127.0.0.8", "127.0.0.9"):
            slow.append(wait_of(await at.come(address)))
        await until(lambda: at.has_ended(slow[0]) and at.has_ended(slow[1]))
        assert not any(map(at.has_ended, (heard, *slow[2:])))
        assert await at.come("127.0.0.7") is None  # nobody has more that wait than itself
        assert (at.acceptor.connections, at.acceptor.made_room, at.acceptor.refused) == (4, 2, 1)
        for one in slow[2:]:
            one.write(b"x")
        await until(lambda: not at.acceptor.unheard)
        last = wait_of(await at.come("127.0.0.7"))  # nobody waits, and a place is left
        last.write(b"x")
        await until(lambda: not at.acceptor.unheard)
        assert await at.come("127.0.0.6") is None
        for one in (heard, last, *slow):
            one.close()
        await until(lambda: at.acceptor.connections == 0)


async def test_a_handshake_that_hangs_makes_room(ca: trustme.CA) -> None:
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with door(Bounds(2), tls(ca)) as at:
        silent = []
        for _ in range(2):
            silent.append(await asyncio.open_connection("127.0.0.1", at._port, local_addr=("127.0.0.7", 0)))
            await until(lambda: at.acceptor.connections == len(silent))
        came = wait_of(await at.come("127.0.0.8", trusting))
        reader, _ = silent[0]
        async with asyncio.timeout(5):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        assert at.acceptor.connections == 2
        for writer in (came, *(one for _, one in silent)):
            writer.close()
        await until(lambda: at.acceptor.connections == 0)


async def test_who_speaks_for_others_is_held_to_the_bound_of_all_only() -> None:
    async with door(Bounds(4, 1, (ip_network("127.0.0.7/32"),))) as at:
        came = [wait_of(await at.come("127.0.0.7")) for _ in range(4)]
        for one in came:
            one.write(b"x")
        await until(lambda: not at.acceptor.unheard)
        assert await at.come("127.0.0.7") is None
        for one in came:
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


async def test_sockets_are_given_away_and_counted_for_whom_they_speak() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    moved: list[bool] = []
    done = asyncio.Event()

    async def take(sock: socket.socket, seat: Seat) -> None:
        with sock:
            moved.append(seat.move("192.0.2.7"))
            if len(moved) == 3:
                done.set()
            await asyncio.Event().wait()

    proxy = ip_network("127.0.0.0/8")
    taken = SocketAcceptor(listener, take, Bounds(10, of_address=2, exempt=(proxy,)))
    taken.start()
    clients = [await asyncio.open_connection(*listener.getsockname()) for _ in range(3)]
    await done.wait()
    assert moved == [True, True, False]
    assert (taken.refused, taken.connections) == (1, 3)
    await taken.stop()
    assert taken.connections == 0
    for reader, writer in clients:
        assert await reader.read() == b""
        writer.close()
