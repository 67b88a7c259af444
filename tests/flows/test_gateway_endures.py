"""Registrations that cross each other, a session that is lost and a store that fails in the middle of one: nothing is left in a
state that it cannot leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flows.gateway_bench import Bench, request
from idlebell.compose import Engine, follow_configuration
from idlebell.config import load
from idlebell.gateway.declared import Declared, DeclaredAccount
from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Leased, LossReason, Reconnect
from idlebell.model.problem import ProblemError
from idlebell.model.subscription import Phase, Subscription
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Complained, Fact


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def stored(bench: Bench, one: str) -> Subscription:
    found = await bench.store.get(SubscriptionId(one))
    assert found is not None
    return found


async def waiting(bench: Bench) -> list[Leased]:
    now = bench.clock.now()
    found: list[Leased] = []
    for lane in await bench.store.lanes(now, 10):
        found += await bench.store.lease(lane, now, now, 10)
    return found


def fail(monkeypatch: pytest.MonkeyPatch, method: str, calls: set[int]) -> None:
    """The store cannot do these calls of ``method``, counted from 0."""
    working, count = getattr(MemoryStore, method), iter(range(1_000_000))

    async def failing(self: MemoryStore, *args: Any) -> Any:
        if next(count) in calls:
            raise StoreError("the disk is full")
        return await working(self, *args)

    monkeypatch.setattr(MemoryStore, method, failing)


def cross(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account goes with its last subscription between being found and being used, once."""
    working, left = MemoryStore.account, [1]

    async def crossing(self: MemoryStore, target: ImapTarget, username: str) -> Account:
        found = await working(self, target, username)
        if left:
            left.pop()
            del self._accounts[found.id]
        return found

    monkeypatch.setattr(MemoryStore, "account", crossing)


async def test_a_session_lost_during_the_login_that_proves_is_replaced_by_it(bench: Bench) -> None:
    """The login was to be nothing but a proof; by the time it is there, it is the only session."""
    first = await bench.subscribe()
    account = (await stored(bench, first.view.id)).account_id
    bench.door.open.clear()
    second = asyncio.create_task(bench.subscribe(push="https://push.example.net/second"))
    await bench.until(lambda: len(bench.door.tries) == 2)
    bench.fleet.lose(account)
    bench.door.open.set()

    assert (await second).view.state == "watching"
    assert len(bench.fleet.held[account]) == 1


async def test_new_credentials_of_one_app_close_no_loss_of_one_that_has_not_shown_its_right(bench: Bench) -> None:
    first = await bench.subscribe()
    bench.door.open.clear()
    second = await bench.subscribe(push="https://push.example.net/second", wait_seconds=0)
    bench.gateway.means.registrar.cancel(SubscriptionId(second.view.id))  # as a restart does
    account = (await stored(bench, first.view.id)).account_id
    bench.fleet.lose(account)
    now = bench.clock.now()
    await bench.store.record_loss(account, LossReason.RESTART, now, now)
    bench.door.open.set()
    await bench.resupply(first.view.id, first.token, "right")

    assert (await stored(bench, first.view.id)).loss is None
    shown = await bench.gateway.show(second.view.id, bench.bearing(second.token))
    assert shown.state == "needs_credentials"


async def test_who_has_sent_new_credentials_is_not_asked_for_them_any_more(bench: Bench) -> None:
    answer = await bench.subscribe()
    account = (await stored(bench, answer.view.id)).account_id
    bench.fleet.lose(account)
    now = bench.clock.now()
    await bench.store.record_loss(account, LossReason.CONNECTION_LOST, now, now)
    assert len(await waiting(bench)) == 1
    await bench.store.release_leases()
    await bench.resupply(answer.view.id, answer.token, "right")

    assert await waiting(bench) == []


async def test_one_that_was_promised_is_told_also_where_a_repeat_waits_for_the_answer(bench: Bench) -> None:
    """The repeat's 422 goes to whoever waits; the first request was answered that it goes on."""
    bench.door.open.clear()
    first = await bench.subscribe(password="wrong", wait_seconds=0)
    repeat = asyncio.create_task(bench.subscribe(password="wrong"))
    await bench.until(lambda: len(bench.door.tries) == 1 and any_waits(bench))
    bench.door.open.set()

    assert await code(repeat) == "authentication-failed"
    shown = await bench.gateway.show(first.view.id, bench.bearing(first.token))
    assert shown.state == "rejected"
    assert [one.notification.content for one in await waiting(bench)] == [Reconnect(LossReason.REJECTED)]


def any_waits(bench: Bench) -> bool:
    groups = bench.gateway.means.registrar._groups.values()
    return any(attempt.waiters for group in groups for attempt in group.attempts)


async def test_a_promised_registration_outlives_a_failure_of_the_store(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, "put", {1})
    answer = await bench.subscribe(wait_seconds=0)
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)

    await bench.until(lambda: bench.door.live == 1)
    assert (await stored(bench, answer.view.id)).phase is Phase.ACTIVE


async def test_a_registration_that_the_store_fails_keeps_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, "put", {1})
    assert await code(bench.subscribe()) == "store-unavailable"
    assert await bench.stored() == []


async def test_new_credentials_refused_after_the_answer_leave_it_to_the_sessions_of_others(bench: Bench) -> None:
    first = await bench.subscribe()
    second = await bench.subscribe(push="https://push.example.net/second")
    account = (await stored(bench, first.view.id)).account_id
    bench.fleet.lose(account)
    now = bench.clock.now()
    await bench.store.record_loss(account, LossReason.CONNECTION_LOST, now, now)
    bench.door.open.clear()
    await bench.resupply(first.view.id, first.token, "wrong", wait_seconds=0.01)
    bench.door.open.set()
    await bench.until(lambda: bench.dispatcher.nudged == 1)
    assert (await bench.gateway.show(first.view.id, bench.bearing(first.token))).state == "rejected"
    assert (await stored(bench, first.view.id)).wanted
    assert (await stored(bench, second.view.id)).wanted


async def test_a_registration_whose_account_goes_with_another_makes_it_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross(monkeypatch)
    assert (await bench.subscribe()).status == 201


async def test_a_declared_account_that_goes_with_another_subscription_is_made_anew(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cross(monkeypatch)
    account = DeclaredAccount(ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice", command="true")
    async with asyncio.timeout(5):
        await Declared(bench.gateway).follow([account])
    assert [one.declared for one in await bench.stored()] == [True]


async def test_a_token_that_is_none_leaves_no_account_behind(bench: Bench) -> None:
    body = request(password=None)
    assert await code(bench.gateway.subscribe(body, bench.bearing("ibs_none"))) == "invalid-request"
    assert (await bench.store.counts())["accounts"] == 0


async def test_an_end_that_the_store_cannot_write_leaves_the_credentials(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await bench.subscribe(retention="memory")
    fail(monkeypatch, "remove", {0})
    assert await code(bench.gateway.end(answer.view.id, bench.bearing(answer.token))) == "store-unavailable"
    assert len(bench.keyring) == 1
    await bench.gateway.end(answer.view.id, bench.bearing(answer.token))
    assert len(bench.keyring) == 0


async def test_a_configuration_that_the_store_cannot_follow_costs_no_session() -> None:
    """SIGHUP must not end the process."""
    facts: list[Fact] = []

    async def follow(_: object) -> tuple[str, ...]:
        raise StoreError("the disk is full")

    engine = cast(Engine, SimpleNamespace(follow=follow, emit=facts.append))
    await follow_configuration(engine, lambda: load(None, {}))
    assert [type(fact) for fact in facts] == [Complained]
