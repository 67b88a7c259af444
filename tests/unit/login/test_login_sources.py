from __future__ import annotations

import asyncio

import pytest

from idlebell.login import sources
from idlebell.login.asker import OPERATOR, Asker
from idlebell.login.sources import HOUR_SECONDS, Sources, SourceSpent
from idlebell.testing.virtual_clock import VirtualClock

STRANGER = Asker("192.0.2.1")


async def tried(budget: Sources, name: int, asker: Asker = STRANGER, *, wrong: bool = True) -> bool:
    """False: it was not let through."""
    try:
        async with budget.turn(asker, b"%d" % name):
            await asyncio.sleep(0)
            if wrong:
                budget.refused(asker, b"%d" % name)
    except SourceSpent:
        return False
    return True


async def test_of_many_names_at_once_no_more_are_tried_than_the_budget_has() -> None:
    """Threat O1: one password for each of a thousand names. They do not pass before the first refusal."""
    clock = VirtualClock()
    budget = Sources(clock, 20)
    passed = await asyncio.gather(*(tried(budget, name) for name in range(1_000)))
    assert sum(passed) == 20
    assert await tried(budget, 3), "how often one name is tried is for its own pauses"
    assert await tried(budget, 2_000, Asker("192.0.2.2"))
    with pytest.raises(SourceSpent) as spent:
        async with budget.turn(STRANGER, b"another"):
            pass
    assert spent.value.fault.code == "throttled"
    assert spent.value.fault.retry_after_seconds == HOUR_SECONDS
    await clock.advance(HOUR_SECONDS)
    assert await tried(budget, 2_000)


async def test_right_passwords_are_not_counted_and_wait_for_each_other_only() -> None:
    budget = Sources(VirtualClock(), 20)
    assert all(await asyncio.gather(*(tried(budget, name, wrong=False) for name in range(500))))
    assert len(budget) == 0


async def test_owners_and_the_operator_are_not_held_up() -> None:
    budget = Sources(VirtualClock(), 1)
    for name in range(3):
        await tried(budget, name)
        assert await tried(budget, name, OPERATOR)
        assert await tried(budget, name, Asker("192.0.2.1", owner=True))
    assert not await tried(budget, 9)
    assert await tried(Sources(VirtualClock(), 0), 9), "0: no bound"


async def test_an_app_that_the_operator_knows_may_have_more_logins_that_hang() -> None:
    budget = Sources(VirtualClock(), 2)
    ends = asyncio.Event()
    entered = 0

    async def hang(asker: Asker, name: int) -> None:
        nonlocal entered
        async with budget.turn(asker, b"%d" % name):
            entered += 1
            await ends.wait()

    for asker, most in ((STRANGER, 2), (Asker("key_a", known=True), 20)):
        entered = 0
        tasks = [asyncio.create_task(hang(asker, name)) for name in range(30)]
        await asyncio.sleep(0)
        assert entered == most
        tasks[-1].cancel()  # it waits
        tasks[0].cancel()  # and takes the place of one that goes
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        await asyncio.sleep(0.0)
        assert entered == most + 1
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert len(budget) == 0


async def test_sources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "SOURCES", 3)
    budget = Sources(VirtualClock(), 1)
    for number in range(9):
        await tried(budget, 1, Asker(f"192.0.2.{number}"))
    assert len(budget) == 3
    assert not await tried(budget, 2, Asker("192.0.2.8"))
