from __future__ import annotations

import asyncio

import pytest

from idlebell.login.admission import WINDOW_FIRST, Admission, Outcome, Ticket
from idlebell.login.gate import Gate
from idlebell.login.pacing import Paces
from idlebell.testing.virtual_clock import VirtualClock

FIRST = int(WINDOW_FIRST)


class Crowd:
    """Those who want in; ``inside`` has those whose turn it is."""

    def __init__(self, paces: Paces) -> None:
        self.clock = VirtualClock()
        self.admission = Admission(paces)
        self.gate = Gate(self.admission, self.clock)
        self.inside: list[tuple[str, Ticket]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def come(self, name: str, *, host: str = "a", patience_seconds: float | None = None) -> asyncio.Task[None]:
        async def enter() -> None:
            ticket = await self.gate.enter(host, patience_seconds=patience_seconds)
            self.inside.append((name, ticket))

        task = asyncio.create_task(enter())
        self.tasks.append(task)
        return task

    async def settle(self) -> list[str]:
        await self.clock.advance(0)
        return [name for name, _ in self.inside]

    def go(self, outcome: Outcome = Outcome.OPENED) -> None:
        self.gate.leave(self.inside.pop(0)[1], outcome)


async def test_everybody_gets_in_as_others_leave() -> None:
    crowd = Crowd(Paces(0, 0))
    for number in range(200):
        crowd.come(str(number))
    assert await crowd.settle() == [str(number) for number in range(FIRST)]
    seen: list[str] = []
    while crowd.inside:
        seen.append(crowd.inside[0][0])
        crowd.go()
        await crowd.settle()
    assert seen == [str(number) for number in range(200)]


async def test_a_pace_is_waited_for() -> None:
    crowd = Crowd(Paces(0, 1))
    for number in range(4):
        crowd.come(str(number))
    burst = len(await crowd.settle())
    await crowd.clock.advance(1.1)
    assert len(crowd.inside) == burst + 1
    await crowd.clock.advance(10)
    assert len(crowd.inside) == 4


async def test_who_loses_patience_leaves_the_line() -> None:
    crowd = Crowd(Paces(0, 0))
    for number in range(FIRST):
        crowd.come(str(number))
    await crowd.settle()
    late = crowd.come("late", patience_seconds=0.01)
    with pytest.raises(TimeoutError):
        await late
    assert crowd.admission.waiting == 0
    crowd.go()
    crowd.come("next")
    assert (await crowd.settle())[-1] == "next"


async def test_a_turn_that_is_not_taken_is_somebody_elses() -> None:
    """Cancelled in line, and in the very moment in which the turn comes."""
    crowd = Crowd(Paces(0, 0))
    for number in range(FIRST):
        crowd.come(str(number))
    await crowd.settle()
    gone, late, patient = crowd.come("gone"), crowd.come("late"), crowd.come("patient")
    await crowd.settle()
    gone.cancel()
    await crowd.settle()
    crowd.go(Outcome.NOTHING)
    await asyncio.sleep(0)  # the turn comes
    late.cancel()
    assert (await crowd.settle())[-1] == "patient"
    assert patient.done()
    assert crowd.admission.under_way == FIRST
