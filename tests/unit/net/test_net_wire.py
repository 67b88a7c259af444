"""A socket and the loop: when it is asked, what it may tell of unasked, and how long anybody waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from idlebell.net.errors import ConnectionLost
from idlebell.net.wire import Wire


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield near, far


class Counted:
    """How often the loop was asked, and told not to tell any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = self.ended = 0
        loop = asyncio.get_running_loop()
        if not isinstance(loop, asyncio.SelectorEventLoop):
            pytest.skip("uvloop's methods cannot be replaced")
        add, remove = loop.add_reader, loop.remove_reader

        def add_reader(*arguments: object) -> None:
            self.asked += 1
            add(*arguments)

        def remove_reader(fd: int) -> bool:
            self.ended += 1
            return remove(fd)

        monkeypatch.setattr(loop, "add_reader", add_reader)
        monkeypatch.setattr(loop, "remove_reader", remove_reader)


async def test_a_dialogue_asks_the_loop_once(pair, monkeypatch):
    near, far = pair
    counted = Counted(monkeypatch)
    wire = Wire(near)
    for number in range(5):
        reading = asyncio.ensure_future(wire.receive(100))
        await asyncio.sleep(0)
        far.send(b"%d" % number)
        assert await reading == b"%d" % number
    assert (counted.asked, counted.ended) == (1, 0)
    wire.close()
    assert counted.ended == 1


async def test_what_nobody_waits_for_is_not_told_of_for_ever_and_is_found(pair, monkeypatch):
    near, far = pair
    counted = Counted(monkeypatch)
    wire = Wire(near)
    assert not await wire.ready(0.001)
    far.send(b"news")
    for _ in range(10):
        await asyncio.sleep(0)
    assert (counted.asked, counted.ended) == (1, 1)
    assert await wire.receive(100) == b"news"
    wire.close()


async def test_bytes_are_received_in_order_whatever_their_cut(pair):
    near, far = pair
    wire = Wire(near)
    far.send(b"abcdef")
    assert [await wire.receive(size) for size in (2, 2, 2)] == [b"ab", b"cd", b"ef"]
    reading = asyncio.ensure_future(wire.receive(2))
    await asyncio.sleep(0)
    far.send(b"gh")
    assert await reading == b"gh"
    far.close()
    assert await wire.receive(2) == b""
    wire.close()


async def test_who_waits_too_long_is_told_and_nothing_is_lost(pair):
    near, far = pair
    wire = Wire(near)
    wire.limit(0.01)
    with pytest.raises(TimeoutError):
        await wire.receive(100)
    wire.limit(None)
    far.send(b"late")
    assert await wire.receive(100) == b"late"
    wire.close()


async def test_the_time_of_one_limit_is_for_all_that_is_received_under_it(pair):
    """A peer that sends without a pause is never waited for, and still gets no more than its time."""
    near, far = pair
    wire = Wire(near)
    far.send(bytes(60_000))
    wire.limit(0.01)

    async def drink() -> None:
        while True:
            await wire.receive(1)
            await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await drink()
    wire.close()


async def test_a_peer_that_takes_nothing_has_its_time(pair):
    near, _ = pair
    wire = Wire(near)
    while wire.send_now(bytes(65_536)):
        pass
    wire.limit(0.01)
    with pytest.raises(TimeoutError):
        await wire.writable()
    wire.close()


async def test_an_interrupt_ends_ready_and_not_receive(pair):
    near, far = pair
    wire = Wire(near)
    waiting = asyncio.ensure_future(wire.ready(60))
    await asyncio.sleep(0)
    wire.interrupt()
    assert not await waiting
    reading = asyncio.ensure_future(wire.receive(10))
    await asyncio.sleep(0)
    wire.interrupt()
    await asyncio.sleep(0)
    assert not reading.done()
    far.send(b"here")
    assert await reading == b"here"
    wire.close()


async def test_a_wire_that_is_closed_tells_who_waits(pair):
    near, _ = pair
    wire = Wire(near)
    reading = asyncio.ensure_future(wire.receive(10))
    await asyncio.sleep(0)
    wire.close()
    with pytest.raises(ConnectionLost):
        await reading


async def test_a_descriptor_that_is_given_away_is_told_of_no_more(pair):
    near, far = pair
    wire = Wire(near)
    assert not await wire.ready(0.001)
    other = Wire(socket.socket(fileno=wire.detach()))
    far.send(b"for the other")
    assert await other.receive(100) == b"for the other"
    other.close()


async def test_who_rests_is_woken_once_by_what_comes(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire(pair[0])
    woken = asyncio.Event()
    calls = []

    def wake() -> None:
        calls.append(1)
        woken.set()

    pair[1].send(b"early")
    assert await wire.receive(100) == b"early"
    wire.rest(wake)
    await asyncio.sleep(0)
    assert not calls
    pair[1].send(b"one")
    await woken.wait()
    pair[1].send(b" two")
    await asyncio.sleep(0)
    assert calls == [1]
    assert await wire.receive(100) == b"one two"
    wire.rest(wake)
    wire.close()
    assert calls == [1]


async def test_the_end_wakes_who_rests(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire(pair[0])
    woken = asyncio.Event()
    wire.rest(woken.set)
    pair[1].close()
    await woken.wait()
    assert await wire.receive(100) == b""


async def test_a_receive_takes_the_place_of_who_rests(pair: tuple[socket.socket, socket.socket]) -> None:
    wire = Wire(pair[0])
    calls: list[int] = []
    wire.rest(lambda: calls.append(1))
    reading = asyncio.create_task(wire.receive(100))
    await asyncio.sleep(0)
    pair[1].send(b"x")
    assert await reading == b"x"
    assert not calls
