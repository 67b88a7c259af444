"""The timer that idle sessions share: never early, at most a tick late, and nothing is left in it."""

from __future__ import annotations

import asyncio

from idlebell.net.wheel import Wheel


async def test_alarms_go_off_in_their_tick_and_not_before() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel()
    soon, later = loop.create_future(), loop.create_future()
    began = loop.time()
    wheel.add(soon, 0.2)
    wheel.add(later, 0.2)

    assert await soon is False
    assert await later is False
    assert loop.time() - began >= 0.2
    assert len(wheel) == 0


async def test_what_is_done_already_is_left_alone() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel()
    ready, waiting = loop.create_future(), loop.create_future()
    wheel.add(ready, 0.1)
    wheel.add(waiting, 0.1)
    ready.set_result(True)

    await waiting

    assert ready.result() is True


async def test_removed_ones_leave_nothing_behind() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel()
    future = loop.create_future()
    tick = wheel.add(future, 3_600)

    wheel.remove(future, tick)
    wheel.remove(future, tick)

    assert len(wheel) == 0


async def test_timer_goes_on_while_anything_waits() -> None:
    loop = asyncio.get_running_loop()
    wheel = Wheel()
    first = loop.create_future()
    wheel.add(first, 0.05)
    await first

    second = loop.create_future()
    wheel.add(second, 0.05)

    assert await second is False
