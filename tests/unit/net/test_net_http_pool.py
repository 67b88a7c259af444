"""Who gets which connection, and who waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from idlebell.net import http_pool
from idlebell.net.errors import Unreachable
from idlebell.net.http_connection import READ_BYTES, HttpConnection
from idlebell.net.http_pool import HttpPool
from idlebell.net.http_request import Origin

A, B, C = (Origin(True, f"{name}.test", 443) for name in "abc")


class Dialler:
    """Connections to nowhere, in the order in which they were made."""

    def __init__(self) -> None:
        self.made: list[Origin] = []
        self.others: list[socket.socket] = []
        self.fails = False

    async def __call__(self, origin: Origin, on_close: Callable[[HttpConnection], None]) -> HttpConnection:
        await asyncio.sleep(0)
        if self.fails:
            raise Unreachable("refused")
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.others.append(theirs)
        self.made.append(origin)
        return HttpConnection(ours, memoryview(bytearray(READ_BYTES)), on_close)


@pytest.fixture
async def dialler() -> AsyncIterator[Dialler]:
    made = Dialler()
    yield made
    for sock in made.others:
        sock.close()


@pytest.fixture
async def pool(dialler: Dialler, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpPool]:
    """Two for an origin, three in all."""
    monkeypatch.setattr(http_pool, "CONNECTIONS_PER_ORIGIN", 2)
    made = HttpPool(dialler, 3)
    yield made
    made.close()
    assert made._places == {}
    assert made._taken == 0


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def end(pool: HttpPool, origin: Origin, connection: HttpConnection) -> None:
    connection.close()
    pool.give_back(origin, connection)


async def test_the_one_that_was_used_last_is_taken_first(pool, dialler):
    first, second = await pool.take(A), await pool.take(A)
    pool.give_back(A, second)
    pool.give_back(A, first)
    assert await pool.take(A) is first
    assert await pool.take(A) is second
    assert pool.take_idle(A) is pool.take_idle(B) is None
    assert dialler.made == [A, A]
    pool.give_back(A, first)
    pool.give_back(A, second)


async def test_who_finds_an_origins_all_taken_waits_his_turn(pool, dialler):
    held = [await pool.take(A), await pool.take(A)]
    waiting = [asyncio.ensure_future(pool.take(A)) for _ in range(3)]
    await turns()
    assert not any(one.done() for one in waiting)
    other = await pool.take(B)  # nobody else waits
    pool.give_back(A, held[0])
    await turns()
    assert [one.done() for one in waiting] == [True, False, False]
    assert waiting[0].result() is held[0]
    end(pool, A, held[1])  # one that has ended leaves room for a new one
    await turns()
    assert [one.done() for one in waiting] == [True, True, False]
    waiting[2].cancel()
    await turns()
    for origin, one in ((A, waiting[0].result()), (A, waiting[1].result()), (B, other)):
        pool.give_back(origin, one)
    assert dialler.made == [A, A, B, A]


async def test_an_idle_one_of_another_origin_gives_way(pool, dialler):
    oldest, other, third = await pool.take(A), await pool.take(B), await pool.take(B)
    for origin, one in ((A, oldest), (B, other)):
        pool.give_back(origin, one)
    last = await pool.take(C)
    assert oldest.closed
    assert not other.closed
    for origin, one in ((B, third), (C, last)):
        pool.give_back(origin, one)


async def test_who_finds_all_taken_waits_for_any(pool):
    held = [(A, await pool.take(A)), (A, await pool.take(A)), (B, await pool.take(B))]
    waiting = asyncio.ensure_future(pool.take(C))
    await turns()
    assert not waiting.done()
    pool.give_back(*held[0])
    await turns()
    assert waiting.done()
    assert held[0][1].closed
    for one in (*held[1:], (C, waiting.result())):
        pool.give_back(*one)


async def test_who_gives_up_as_his_turn_comes_leaves_it_to_the_next(pool):
    held = [await pool.take(A), await pool.take(A)]
    waiting = [asyncio.ensure_future(pool.take(A)) for _ in range(2)]
    await turns()
    pool.give_back(A, held[0])
    waiting[0].cancel()  # before he could look
    await turns()
    assert waiting[0].cancelled()
    assert waiting[1].result() is held[0]
    for one in held:
        pool.give_back(A, one)


async def test_who_was_woken_and_found_another_one_quicker_stays_the_first(pool):
    held = [await pool.take(A), await pool.take(A)]
    waiting = [asyncio.ensure_future(pool.take(A)) for _ in range(2)]
    await turns()
    pool.give_back(A, held[0])
    assert pool.take_idle(A) is held[0]
    await turns()
    pool.give_back(A, held[0])
    await turns()
    assert [one.done() for one in waiting] == [True, False]
    waiting[1].cancel()
    await turns()
    for one in held:
        pool.give_back(A, one)


async def test_a_failed_dial_leaves_its_room_to_others(pool, dialler):
    dialler.fails = True
    for _ in range(5):
        with pytest.raises(Unreachable):
            await pool.take(A)
    dialling = asyncio.ensure_future(pool.take(A))
    await asyncio.sleep(0)
    dialling.cancel()
    await turns()
    assert pool._places == {}


async def test_one_that_ended_is_followed_by_another_in_its_place(pool, dialler):
    held = [await pool.take(A), await pool.take(A)]
    held[0].close()
    again = await pool.renew(A)
    assert not again.closed
    pool.give_back(A, again)
    pool.give_back(A, held[1])
    assert pool._places[A].taken == 2


async def test_one_that_the_other_side_closes_while_it_is_idle_leaves_its_room(pool, dialler):
    pool.give_back(A, await pool.take(A))
    dialler.others[0].close()
    await turns()
    assert pool._places == {}


async def test_what_is_in_use_when_the_pool_is_closed_ends_with_its_use(pool):
    idle, used = await pool.take(A), await pool.take(A)
    pool.give_back(A, idle)
    pool.close()
    assert (idle.closed, used.closed) == (True, False)
    pool.give_back(A, used)
    assert used.closed


async def test_what_was_idle_for_long_is_closed(pool, monkeypatch):
    monkeypatch.setattr(http_pool, "SWEEP_SECONDS", 0.01)
    one, other = await pool.take(A), await pool.take(B)
    pool.give_back(A, one)
    await asyncio.sleep(0.03)
    assert not one.closed
    monkeypatch.setattr(http_pool, "KEEPALIVE_SECONDS", 0.0)
    while not one.closed:
        await asyncio.sleep(0.001)
    pool.give_back(B, other)
    while not other.closed:
        await asyncio.sleep(0.001)
    assert pool._sweep is None
