"""A server that was down for all, and those who wait for it."""

from __future__ import annotations

import asyncio

from idlebell.net.clock import Clock
from idlebell.testing.virtual_clock import VirtualClock
from idlebell.watch.returns import Returns

HOST, OTHER = "mail.example.org", "mail.example.net"


async def test_whoever_waits_is_told_when_somebody_gets_in() -> None:
    returns = Returns(Clock())
    waiting = [asyncio.create_task(returns.within(HOST, 3_600.0)) for _ in range(3)]
    await asyncio.sleep(0)
    returns.let_in(OTHER)
    assert returns.awaited(HOST)
    returns.let_in(HOST)
    assert await asyncio.gather(*waiting) == [True] * 3
    assert not returns.awaited(HOST)


async def test_a_wait_that_nobody_ends_is_over_after_its_time() -> None:
    clock = VirtualClock()
    returns = Returns(clock)
    waiting = asyncio.create_task(returns.within(HOST, 5.0))
    await clock.advance(4.0)
    assert not waiting.done()
    await clock.advance(2.0)
    assert await waiting is False


async def test_nothing_is_remembered_of_a_server_that_nobody_waits_for() -> None:
    returns = Returns(Clock())
    returns.let_in(HOST)
    waiting = asyncio.create_task(returns.within(HOST, 3_600.0))
    await asyncio.sleep(0)
    assert returns.awaited(HOST)
    waiting.cancel()
    await asyncio.wait([waiting])
    del waiting
    assert not returns.awaited(HOST)
