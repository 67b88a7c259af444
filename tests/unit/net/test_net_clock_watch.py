"""Clocks that jump."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from idlebell.net.clock import Clock
from idlebell.net.clock_watch import (
    CHECK_SECONDS,
    STILL_SECONDS,
    WALL_SECONDS,
    Jump,
    Reading,
    jumped,
    read,
    watch_clock,
)
from idlebell.testing.virtual_clock import VirtualClock

BEFORE = Reading(1_000.0, 5_000.0, 1_790_000_000.0)


def later(monotonic: float, boottime: float, wall: float) -> Reading:
    return Reading(BEFORE.monotonic + monotonic, BEFORE.boottime + boottime, BEFORE.wall + wall)


@pytest.mark.parametrize(
    ("after", "jump"),
    [
        pytest.param(later(5, 5, 5), None, id="nothing"),
        pytest.param(later(7, 7, 7), None, id="a busy loop"),
        pytest.param(later(35, 35, 35), None, id="late by no more than is allowed"),
        pytest.param(later(35.5, 35.5, 35.5), Jump("stopped", 30.5), id="the process stood still"),
        pytest.param(later(5, 35, 35), None, id="a nap"),
        pytest.param(later(5, 3_605, 3_605), Jump("suspended", 3_600), id="the machine slept"),
        pytest.param(later(5, 3_605, 5), Jump("suspended", 3_600), id="it slept and its wall clock with it"),
        pytest.param(later(600, 4_200, 4_200), Jump("suspended", 3_600), id="it slept, and then had much to do"),
        pytest.param(later(5, 5, 65), None, id="the wall clock was slewed"),
        pytest.param(later(5, 5, 86_405), Jump("clock-set", 86_400), id="a day forward"),
        pytest.param(later(5, 5, -86_395), Jump("clock-set", -86_400), id="a day back"),
    ],
)
def test_what_the_clocks_say_together(after: Reading, jump: Jump | None) -> None:
    assert jumped(BEFORE, after, CHECK_SECONDS) == jump


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def jumps(clock: VirtualClock) -> AsyncIterator[list[Jump]]:
    """What a watch over ``clock`` calls back with."""
    found: list[Jump] = []
    task = asyncio.create_task(watch_clock(clock, lambda reason, seconds: found.append(Jump(reason, seconds))))
    await clock.advance(CHECK_SECONDS * 3)
    yield found
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_time_that_passes_as_it_should_is_no_jump(clock: VirtualClock, jumps: list[Jump]) -> None:
    await clock.advance(86_400)
    assert jumps == []


async def test_a_machine_that_slept_is_told_of_once(clock: VirtualClock, jumps: list[Jump]) -> None:
    clock.suspend(8 * 3_600)
    await clock.advance(60)
    assert jumps == [Jump("suspended", 8 * 3_600)]


async def test_a_process_that_stood_still_is_told_of_once(clock: VirtualClock, jumps: list[Jump]) -> None:
    clock.stop(CHECK_SECONDS + STILL_SECONDS + 1)
    await clock.advance(60)
    assert jumps == [Jump("stopped", STILL_SECONDS + 1)]


@pytest.mark.parametrize("seconds", [WALL_SECONDS + 1, -WALL_SECONDS - 1])
async def test_a_wall_clock_that_was_set_is_told_of_once(
    clock: VirtualClock, jumps: list[Jump], seconds: float
) -> None:
    clock.step(seconds)
    await clock.advance(60)
    assert jumps == [Jump("clock-set", pytest.approx(seconds))]


async def test_every_jump_is_told_of(clock: VirtualClock, jumps: list[Jump]) -> None:
    clock.suspend(100)
    await clock.advance(10)
    clock.step(-1_000)
    await clock.advance(10)
    clock.suspend(200)
    await clock.advance(10)
    assert [jump.reason for jump in jumps] == ["suspended", "clock-set", "suspended"]


def test_the_clocks_of_this_machine_can_be_compared() -> None:
    before = read(Clock())
    assert jumped(before, read(Clock()), 0.0) is None
