"""The unruly proxy itself does what its manners say, before a server that says everything twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from faults.unruly_proxy import BOTH, UnrulyProxy, Way, Welcome

LOCAL = "127.0.0.1"


@pytest.fixture
async def proxy() -> AsyncIterator[UnrulyProxy]:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line + line)
        writer.close()

    server = await asyncio.start_server(answer, LOCAL, 0)
    async with server, UnrulyProxy(server.sockets[0].getsockname()[1]) as proxy:
        yield proxy


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: UnrulyProxy) -> Client:
        before = len(proxy.connections)
        client = cls(*await asyncio.open_connection(LOCAL, proxy.port))
        await proxy.until(lambda: len(proxy.connections) > before or proxy.welcome is Welcome.RESET)
        return client

    async def hears(self, count: int) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.readexactly(count)

    async def ends(self) -> bytes:
        async with asyncio.timeout(10):
            return await self.reader.read()


async def test_it_relays_both_ways_and_passes_the_end_on(proxy: UnrulyProxy) -> None:
    client = await Client.of(proxy)
    client.writer.write(b"ab\n")
    client.writer.write_eof()
    assert await client.ends() == b"ab\nab\n"
    await proxy.until(lambda: not proxy.connections)


@pytest.mark.parametrize("manner", [{"slice_bytes": 1}, {"delay_seconds": 0.01}])
async def test_what_is_sliced_or_slow_arrives_whole(proxy: UnrulyProxy, manner: dict[str, float]) -> None:
    proxy.behave(**manner)
    client = await Client.of(proxy)
    client.writer.write(b"x" * 500 + b"\n")
    assert await client.hears(1_002) == (b"x" * 500 + b"\n") * 2


async def test_what_is_stalled_comes_later_in_order(proxy: UnrulyProxy) -> None:
    client = await Client.of(proxy)
    proxy.behave(stalls=frozenset({Way.DOWN}))
    for line in (b"a\n", b"b\n"):
        client.writer.write(line)
        await proxy.until(lambda line=line: proxy.connections[0].passed[Way.UP] >= (2 if line == b"a\n" else 4))
    assert proxy.connections[0].passed[Way.DOWN] == 0
    proxy.behave(stalls=frozenset())
    assert await client.hears(8) == b"a\na\nb\nb\n"


@pytest.mark.parametrize("swallows", [BOTH, frozenset({Way.UP}), frozenset({Way.DOWN})])
async def test_half_open_is_silence_in_one_way_or_both(proxy: UnrulyProxy, swallows: frozenset[Way]) -> None:
    client = await Client.of(proxy)
    connection = proxy.connections[0]
    connection.behave(swallows=swallows)
    client.writer.write(b"a\n")
    way = Way.UP if Way.UP in swallows else Way.DOWN
    await proxy.until(lambda: connection.swallowed[way] > 0)
    assert connection.passed[Way.DOWN] == 0
    assert not client.reader.at_eof()


async def test_who_is_quiet_for_too_long_is_forgotten(proxy: UnrulyProxy) -> None:
    client = await Client.of(proxy)
    connection = proxy.connections[0]
    client.writer.write(b"a\n")
    assert await client.hears(4) == b"a\na\n"
    connection.behave(forgets_after_seconds=0.0)
    client.writer.write(b"b\n")
    await proxy.until(lambda: connection.swallowed[Way.UP] == 2)


@pytest.mark.parametrize("reset", [True, False])
async def test_a_cut_ends_both_sides(proxy: UnrulyProxy, reset: bool) -> None:
    client = await Client.of(proxy)
    proxy.cut(reset=reset)
    if reset:
        with pytest.raises(ConnectionResetError):
            await client.ends()
    else:
        assert await client.ends() == b""
    await proxy.until(lambda: not proxy.connections)


async def test_who_comes_may_be_reset_ignored_or_refused(proxy: UnrulyProxy) -> None:
    proxy.welcome = Welcome.RESET
    with pytest.raises(ConnectionResetError):
        await (await Client.of(proxy)).ends()
    proxy.welcome = Welcome.MUTE
    client = await Client.of(proxy)
    client.writer.write(b"a\n")
    await proxy.until(lambda: proxy.connections[0].swallowed[Way.UP] == 2)
    await proxy.shut()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(LOCAL, proxy.port)
    await proxy.open()
    proxy.welcome = Welcome.RELAY
    client = await Client.of(proxy)
    client.writer.write(b"c\n")
    assert await client.hears(4) == b"c\nc\n"
