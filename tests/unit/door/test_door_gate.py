from __future__ import annotations

import asyncio

from idlebell.door.gate import Gate


async def test_nobody_passes_while_it_is_quiet_and_it_is_quiet_when_who_counts_is_through() -> None:
    gate, order, through = Gate(), [], asyncio.Event()

    async def pass_by(name: str, *, counted: bool) -> None:
        async with gate.passed(counted=counted):
            order.append(name)
            await through.wait()

    async def be_quiet() -> None:
        async with gate.quiet(0, 60):
            order.append("quiet")

    first = [asyncio.create_task(pass_by("counted", counted=True)), asyncio.create_task(pass_by("not", counted=False))]
    await asyncio.sleep(0)
    quiet = asyncio.create_task(be_quiet())
    while gate._open.is_set():
        await asyncio.sleep(0)
    late = asyncio.create_task(pass_by("late", counted=True))
    await asyncio.sleep(0)
    assert order == ["counted", "not"]
    through.set()
    await asyncio.gather(quiet, late, *first)
    assert order == ["counted", "not", "quiet", "late"]


async def test_what_does_not_end_is_waited_for_no_longer_than_that() -> None:
    gate = Gate()
    async with gate.passed(counted=True), gate.quiet(0, 0):
        pass
