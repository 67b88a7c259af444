"""What the sessions of a server teach, in virtual time."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from idlebell.model.learnt import Learnt
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import CycleLearnt, Fact, StoreFailed
from idlebell.testing.virtual_clock import VirtualClock
from idlebell.watch import hosts as hosts_module
from idlebell.watch.cadence import LENGTHENED_AFTER_SECONDS, Cadence
from idlebell.watch.hosts import Hosts

HOST = "imap.example.org"
QUIET = Cadence().idle
"""A whole cycle, whatever was learnt."""


@dataclass
class Bench:
    clock: VirtualClock
    store: MemoryStore
    hosts: Hosts
    facts: list[Fact] = field(default_factory=list)

    async def kept(self) -> Learnt:
        await self.hosts.close()
        return (await self.store.learnt()).get(HOST, Learnt())


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    clock, store, facts = VirtualClock(), MemoryStore(os.urandom), list[Fact]()
    hosts = Hosts(store, clock, Cadence(), facts.append, lambda host: 5)
    yield Bench(clock, store, hosts, facts)
    await hosts.close()


async def test_nothing_is_known_of_a_new_server(bench: Bench) -> None:
    assert bench.hosts.idle_seconds(HOST) is None
    assert bench.hosts.clock_lag_seconds(HOST) is None
    assert bench.hosts.sessions(HOST) == 5


async def test_what_was_kept_is_known_again(bench: Bench) -> None:
    await bench.store.learn(HOST, Learnt(idle_seconds=200, sessions=3, clock_lag_seconds=7))

    await bench.hosts.load()

    assert bench.hosts.idle_seconds(HOST) == 200
    assert bench.hosts.sessions(HOST) == 3
    assert bench.hosts.clock_lag_seconds(HOST) == 7


async def test_clock_lags_by_no_more_than_the_newest_mail_is_old(bench: Bench) -> None:
    now = bench.clock.now()
    bench.hosts.saw_date(HOST, now - timedelta(seconds=500))
    assert bench.hosts.clock_lag_seconds(HOST) == 500
    bench.hosts.saw_date(HOST, now - timedelta(seconds=900))
    assert bench.hosts.clock_lag_seconds(HOST) == 500
    bench.hosts.saw_date(HOST, now - timedelta(seconds=480))
    assert bench.hosts.clock_lag_seconds(HOST) == 480
    assert (await bench.kept()).clock_lag_seconds == 500  # a small change is not worth a write
    bench.hosts.saw_date(HOST, now + timedelta(seconds=20))
    assert bench.hosts.clock_lag_seconds(HOST) == 0
    assert (await bench.kept()).clock_lag_seconds == 0


async def test_own_clock_that_was_set_forgets_how_late_those_of_others_are(bench: Bench) -> None:
    bench.hosts.saw_date(HOST, bench.clock.now())
    bench.hosts.limited("other.example.org", 2)

    bench.hosts.forget_clocks()

    assert bench.hosts.clock_lag_seconds(HOST) is None
    assert (await bench.kept()).clock_lag_seconds is None
    assert bench.hosts.sessions("other.example.org") == 2


async def test_two_hang_ups_at_one_age_shorten_the_cycle(bench: Bench) -> None:
    bench.hosts.hung_up(HOST, 300, silently=False)
    assert bench.hosts.idle_seconds(HOST) is None
    bench.clock.stop(400)
    bench.hosts.hung_up(HOST, 305, silently=False)

    assert bench.hosts.idle_seconds(HOST) == 244
    assert (await bench.kept()).idle_seconds == 244
    assert bench.facts == [CycleLearnt(HOST, 244, "shortened")]


async def test_sessions_that_end_together_or_at_different_ages_teach_nothing(bench: Bench) -> None:
    bench.hosts.hung_up(HOST, 300, silently=False)
    bench.clock.stop(5)
    bench.hosts.hung_up(HOST, 300, silently=False)
    bench.clock.stop(400)
    bench.hosts.hung_up(HOST, 200, silently=False)

    assert bench.hosts.idle_seconds(HOST) is None
    assert bench.facts == []


async def test_connection_that_was_forgotten_silently_halves_the_cycle_at_once(bench: Bench) -> None:
    bench.hosts.hung_up(HOST, 500, silently=True)
    assert bench.hosts.idle_seconds(HOST) == 250
    bench.clock.stop(250)
    bench.hosts.hung_up(HOST, 250, silently=True)
    assert bench.hosts.idle_seconds(HOST) == 125


async def test_an_outage_that_many_sessions_notice_one_by_one_is_one_lesson(bench: Bench) -> None:
    """They had been quiet before the cycle was shortened, and say nothing of the shorter one."""
    bench.hosts.hung_up(HOST, 500, silently=True)
    for _ in range(3):
        bench.clock.stop(100)
        bench.hosts.hung_up(HOST, 500, silently=True)

    assert bench.hosts.idle_seconds(HOST) == 250


async def test_a_day_without_a_loss_lengthens_the_cycle_up_to_the_bound(bench: Bench) -> None:
    bench.hosts.hung_up(HOST, 500, silently=True)
    bench.hosts.bore_quiet(HOST, QUIET)
    assert bench.hosts.idle_seconds(HOST) == 250

    bench.clock.stop(LENGTHENED_AFTER_SECONDS)
    bench.hosts.bore_quiet(HOST, QUIET)
    bench.hosts.bore_quiet(HOST, QUIET)
    assert bench.hosts.idle_seconds(HOST) == 312.5
    for _ in range(20):
        bench.clock.stop(LENGTHENED_AFTER_SECONDS)
        bench.hosts.bore_quiet(HOST, QUIET)

    assert bench.hosts.idle_seconds(HOST) == Cadence().idle
    assert bench.facts.count(CycleLearnt(HOST, Cadence().idle, "lengthened")) == 1


async def test_quiet_day_begins_with_the_first_cycle_that_was_borne(bench: Bench) -> None:
    bench.hosts.bore_quiet(HOST, QUIET)
    bench.clock.stop(LENGTHENED_AFTER_SECONDS - 1)
    bench.hosts.bore_quiet(HOST, QUIET)
    assert bench.hosts.idle_seconds(HOST) is None

    bench.clock.stop(1)
    bench.hosts.bore_quiet(HOST, QUIET)
    assert bench.hosts.idle_seconds(HOST) == 675


async def test_budget_of_sessions_is_learnt_downward_only(bench: Bench) -> None:
    bench.hosts.limited(HOST, 0)
    bench.hosts.limited(HOST, 7)
    assert bench.hosts.sessions(HOST) == 5

    bench.hosts.limited(HOST, 2)
    bench.hosts.limited(HOST, 4)
    assert bench.hosts.sessions(HOST) == 2
    assert (await bench.kept()).sessions == 2


async def test_no_more_servers_are_known_than_are_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts_module, "HOSTS", 2)

    for number in range(4):
        bench.hosts.hung_up(f"host{number}", 500, silently=True)

    assert [bench.hosts.idle_seconds(f"host{number}") for number in range(4)] == [None, None, 250, 250]


async def test_what_cannot_be_written_is_known_all_the_same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(self: MemoryStore, host: str, learnt: Learnt) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(MemoryStore, "learn", failing)
    bench.hosts.limited(HOST, 2)

    await bench.hosts.close()
    assert bench.hosts.sessions(HOST) == 2
    assert bench.facts == [StoreFailed("the disk is full")]


async def test_a_refused_session_is_forgotten_after_a_day(bench: Bench) -> None:
    """The user's own clients may have held them all that day."""
    bench.hosts.limited(HOST, 2)
    await bench.clock.advance(hosts_module.LIMIT_KEPT_SECONDS - 1)
    assert bench.hosts.sessions(HOST) == 2

    await bench.clock.advance(1)

    assert bench.hosts.sessions(HOST) == 5
    assert (await bench.kept()).sessions is None
