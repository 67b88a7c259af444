"""Who listens to events: counted from the beginning, and no longer than the right to listen lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway import events
from idlebell.gateway.callers import Caller
from idlebell.gateway.events import READERS_OF_SUBSCRIPTION, Reading
from idlebell.model.problem import ProblemError


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.001)
    made = Bench()
    yield made
    await made.close()


async def ends(bench: Bench, reading: Reading) -> None:
    """It does, within turns of the loop, while the clock goes on."""
    async with asyncio.timeout(10):
        async for _ in reading:
            bench.clock.pass_by(1.0)
    await reading.aclose()


async def test_one_who_never_reads_has_a_place_until_it_goes(bench: Bench) -> None:
    made = await bench.subscribe()
    who = bench.bearing(made.token)
    idle = [await bench.gateway.events(made.view.id, who, None) for _ in range(READERS_OF_SUBSCRIPTION)]
    with pytest.raises(ProblemError) as refused:
        await bench.gateway.events(made.view.id, who, None)
    assert refused.value.problem.code == "too-many-requests"
    await idle[0].aclose()
    await idle[0].aclose()
    another = await bench.gateway.events(made.view.id, who, None)
    with pytest.raises(ProblemError):
        await bench.gateway.events(made.view.id, who, None)
    for one in (*idle, another):
        await one.aclose()


async def test_a_stream_ends_with_the_key_that_opened_it(bench: Bench) -> None:
    who: Caller = await bench.key()
    made = await bench.subscribe(who)
    reading = await bench.gateway.events(made.view.id, who, None)
    own = await bench.gateway.events(made.view.id, bench.bearing(made.token), None)
    assert who.api_key is not None
    await bench.store.remove_api_key(who.api_key.id)
    await ends(bench, reading)
    assert await anext(aiter(own)) is not None, "the subscription's own token is good still"
    await own.aclose()


async def test_a_stream_ends_with_the_token_that_opened_it(bench: Bench) -> None:
    made = await bench.subscribe()
    reading = await bench.gateway.events(made.view.id, bench.bearing(made.token), None)
    for _ in range(5):
        await bench.subscribe()  # each gives a new token, and four older ones go on
    await ends(bench, reading)


async def test_a_stream_ends_with_its_subscription(bench: Bench) -> None:
    made = await bench.subscribe()
    who = bench.bearing(made.token)
    reading = await bench.gateway.events(made.view.id, who, None)
    await bench.gateway.end(made.view.id, who)
    await ends(bench, reading)
