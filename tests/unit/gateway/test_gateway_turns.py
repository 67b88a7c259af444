"""Who may change a thing, and who waits."""

from __future__ import annotations

import asyncio

import pytest

from idlebell.gateway.turns import Turns


async def test_one_at_a_time_of_a_key_in_the_order_of_their_coming() -> None:
    turns, seen = Turns(), []

    async def take(key: str, number: int) -> None:
        async with turns.of(key):
            seen.append((key, number, "begins"))
            await asyncio.sleep(0)
            seen.append((key, number, "ends"))

    await asyncio.gather(*(take(key, number) for number in range(3) for key in ("a", "b")))
    for key in ("a", "b"):
        own = [(number, what) for one, number, what in seen if one == key]
        assert own == [(number, what) for number in range(3) for what in ("begins", "ends")]
    assert seen[:2] == [("a", 0, "begins"), ("b", 0, "begins")], "keys do not wait for each other"


async def test_who_gives_up_or_fails_leaves_the_turn_to_the_next() -> None:
    turns = Turns()

    async def take() -> bool:
        async with turns.of("a"):
            return True

    async with turns.of("a"):
        gives_up, waits = asyncio.create_task(take()), asyncio.create_task(take())
        await asyncio.sleep(0)
        gives_up.cancel()
    assert await waits
    with pytest.raises(ValueError, match="mine"):
        async with turns.of("a"):
            raise ValueError("mine")
    assert await take()
