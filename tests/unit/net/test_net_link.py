"""Packets and descriptors between two ends, both in this loop."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from idlebell.net.link import PACKET_BYTES, Link, socket_pair


class End:
    def __init__(self, end: socket.socket) -> None:
        self.heard: list[tuple[bytes, int]] = []
        self.ended = 0
        self.changed = asyncio.Event()
        self.link = Link(end, self._take, self._end)

    def _take(self, packet: memoryview, descriptor: int) -> None:
        self.heard.append((bytes(packet), descriptor))
        self.changed.set()

    def _end(self) -> None:
        self.ended += 1
        self.changed.set()

    async def until(self, packets: int = 0, *, ended: bool = False) -> None:
        async with asyncio.timeout(10):
            while len(self.heard) < packets or (ended and not self.ended):
                self.changed.clear()
                await self.changed.wait()


@asynccontextmanager
async def linked() -> AsyncIterator[tuple[End, End]]:
    one, other = map(End, socket_pair())
    try:
        yield one, other
    finally:
        one.link.close()
        other.link.close()


async def test_packets_come_whole_and_in_order_however_many_wait() -> None:
    async with linked() as (one, other):
        sent = [bytes([number]) * (PACKET_BYTES - number) for number in range(12)]  # more than the kernel takes at once
        for packet in sent:
            one.link.send(bytes(bytearray(packet)))
        await other.until(len(sent))
        assert [packet for packet, _ in other.heard] == sent
        other.link.send(b"back")
        await one.until(1)


async def test_what_is_sent_and_what_has_come_is_overwritten() -> None:
    seen: list[memoryview] = []
    ours, theirs = socket_pair()
    there = asyncio.Event()

    def take(packet: memoryview, descriptor: int) -> None:
        seen.append(packet)
        asyncio.get_running_loop().call_soon(there.set)

    receiving = Link(theirs, take, lambda: None)
    sending = Link(ours, lambda *_: None, lambda: None)
    packet = b"".join((b"a secret", b" of hers"))
    sending.send(packet)
    assert not any(packet)
    await there.wait()
    assert not any(seen[0])
    sending.close()
    receiving.close()


async def test_a_descriptor_goes_along_and_is_closed_here() -> None:
    async with linked() as (one, other):
        near, far = socket.socketpair()
        one.link.send(bytes(bytearray(b"here")), far.detach())
        await other.until(1)
        packet, descriptor = other.heard[0]
        assert packet == b"here"
        with socket.socket(fileno=descriptor) as taken:
            assert not os.get_inheritable(descriptor)
            near.sendall(b"hello")
            assert taken.recv(10) == b"hello"
        assert near.recv(10) == b""  # no copy of it is left
        near.close()


async def test_the_end_is_told_once_and_nothing_is_sent_after_it() -> None:
    async with linked() as (one, other):
        other.link.close()
        await one.until(ended=True)
        assert one.ended == 1
        assert other.ended == 0  # who closes knows
        near, far = socket.socketpair()
        one.link.send(b"".join((b"no", b"body")), far.detach())
        assert near.recv(10) == b""
        near.close()
        assert one.ended == 1


async def test_a_packet_above_the_bound_is_an_error_of_the_caller() -> None:
    async with linked() as (one, _):
        with pytest.raises(ValueError, match="a packet of"):
            one.link.send(bytes(PACKET_BYTES + 1))
