"""Readiness: cheap however often it is asked for, and answered whatever the store does."""

from __future__ import annotations

import asyncio

import pytest

from idlebell.gateway import readiness
from idlebell.gateway.readiness import FRESH_SECONDS, Readiness
from idlebell.model.problem import Problem
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import Fact, StoreFailed
from idlebell.testing.virtual_clock import VirtualClock

UNREADY = Problem("store-unavailable", "The gateway is not ready; its log says why.")


class Disk:
    """In place of a store. ``open`` cleared: a check hangs."""

    def __init__(self) -> None:
        self.checks = 0
        self.fault: StoreError | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def check(self) -> None:
        self.checks += 1
        await self.open.wait()
        if self.fault is not None:
            raise self.fault


def asked(disk: Disk, clock: VirtualClock, facts: list[Fact], trouble: str | None = None) -> Readiness:
    return Readiness(disk, clock, facts.append, lambda: trouble)  # type: ignore[arg-type]


async def test_a_thousand_who_ask_at_once_cost_one_write() -> None:
    disk, clock = Disk(), VirtualClock()
    ready = asked(disk, clock, [])
    assert set(await asyncio.gather(*(ready.problem() for _ in range(1_000)))) == {None}
    assert disk.checks == 1
    await clock.advance(FRESH_SECONDS)
    assert await ready.problem() is None
    assert disk.checks == 2


async def test_what_the_store_says_goes_to_the_log_and_to_nobody_else() -> None:
    disk, clock, facts = Disk(), VirtualClock(), list[Fact]()
    disk.fault = StoreError("/var/lib/idlebell.db: no space left")
    ready = asked(disk, clock, facts, "The canary's account is not being watched.")
    assert await ready.problem() == UNREADY
    assert await ready.problem() == UNREADY
    assert facts == [StoreFailed("/var/lib/idlebell.db: no space left")]
    disk.fault = None
    await clock.advance(FRESH_SECONDS)
    assert await ready.problem() == Problem("canary-silent", "The canary's account is not being watched.")


async def test_a_store_that_hangs_is_not_asked_again_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "ANSWER_SECONDS", 0.05)
    disk, clock = Disk(), VirtualClock()
    disk.open.clear()
    ready = asked(disk, clock, [])
    assert await ready.problem() == UNREADY
    await clock.advance(60)
    assert await ready.problem() == UNREADY
    assert disk.checks == 1
    disk.open.set()
    await clock.advance(60)
    assert await ready.problem() is None
