"""Leases end and reminders go out, by time alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from idlebell.deliver.pruning import EVERY_SECONDS, LEASES_PAUSE_SECONDS, TOLD_AT_ONCE, Pruner
from idlebell.model.notification import LossReason
from idlebell.model.subscription import Phase, Subscription
from idlebell.model.trail import KEPT_FOR
from idlebell.store.contract import EXPIRED_AT_ONCE, OVERDUE_AT_ONCE, StoreError
from idlebell.telemetry.facts import NotificationDropped, StoreFailed, SubscriptionChanged, SupervisorCaught
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, hook, scene, simple


class Pruned:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.scene: Scene = scene(self.clock)
        self.expired: list[Subscription] = []
        self.told = 0
        self.pruner = Pruner(self.scene.store, self.scene.facts.append, self.clock, self.expired.extend, self._count)

    def _count(self) -> None:
        self.told += 1


@pytest.fixture
async def pruned() -> AsyncIterator[Pruned]:
    one = Pruned()
    yield one
    await one.pruner.stop()


async def test_a_lease_that_is_over_ends_the_subscription_at_once(
    pruned: Pruned, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it takes meanwhile to tell others of their losses."""

    async def remind(now: object, limit: int) -> int:
        return limit

    monkeypatch.setattr(pruned.scene.store, "remind", remind)
    subscription = await pruned.scene.subscribe(simple())
    await pruned.clock.advance(EVERY_SECONDS / 3)
    pruned.pruner.start()
    await pruned.clock.advance(3600 - EVERY_SECONDS / 3 - 1)
    assert pruned.expired == []
    await pruned.clock.advance(1)
    assert [(one.id, one.phase) for one in pruned.expired] == [(subscription.id, Phase.EXPIRED)]
    assert pruned.scene.of(SubscriptionChanged) == [
        SubscriptionChanged(subscription.id, subscription.account_id, "expired")
    ]


async def test_a_reconnect_that_nobody_answered_is_repeated(pruned: Pruned) -> None:
    subscription = await pruned.scene.subscribe(simple(), simple("https://push.example.net/b"))
    await pruned.scene.store.put(replace(subscription, expires_at=pruned.clock.now() + timedelta(days=2)))
    now = pruned.clock.now()
    await pruned.scene.store.record_loss(subscription.account_id, LossReason.RESTART, now, now)
    pruned.scene.dispatcher.start()
    pruned.pruner.start()
    await pruned.clock.advance(3600 + 2 * EVERY_SECONDS)
    assert pruned.scene.http.urls() == ["https://push.example.net/b"] * 2
    assert pruned.told == 1
    await pruned.scene.dispatcher.stop()


async def test_the_end_of_a_lease_is_told_once_before_it_comes(pruned: Pruned) -> None:
    subscription = await pruned.scene.subscribe(hook())
    await pruned.scene.store.put(
        replace(subscription, lease_seconds=86_400, expires_at=pruned.clock.now() + timedelta(days=1))
    )
    pruned.scene.dispatcher.start()
    pruned.pruner.start()
    await pruned.clock.advance(86_400 * 0.9 - 1)
    assert pruned.scene.http.requests == []
    await pruned.clock.advance(1 + EVERY_SECONDS)
    (request,) = pruned.scene.http.requests
    assert json.loads(request.body)["type"] == "expiring"
    assert json.loads(request.body)["expires_at"] == "2026-11-23T04:00:00.000Z"
    await pruned.clock.advance(86_400 * 0.1)
    assert len(pruned.scene.http.requests) == 1
    assert [one.id for one in pruned.expired] == [subscription.id]
    await pruned.scene.dispatcher.stop()


async def test_leases_that_end_one_after_another_are_looked_at_once_a_second(pruned: Pruned) -> None:
    for _ in range(2):
        await pruned.scene.subscribe(simple())
        await pruned.clock.advance(0.5)
    pruned.pruner.start()
    await pruned.clock.advance(3600 - 1)
    assert len(pruned.expired) == 1
    await pruned.clock.advance(0.5)
    assert len(pruned.expired) == 1
    await pruned.clock.advance(LEASES_PAUSE_SECONDS - 0.5)
    assert len(pruned.expired) == 2


async def test_many_reminders_are_paced(pruned: Pruned, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [TOLD_AT_ONCE, TOLD_AT_ONCE, 3]
    at: list[float] = []

    async def remind(now: object, limit: int) -> int:
        at.append(pruned.clock.monotonic())
        return left.pop(0) if left else 0

    monkeypatch.setattr(pruned.scene.store, "remind", remind)
    pruned.pruner.start()
    await pruned.clock.advance(EVERY_SECONDS - 1)
    assert at == [0.0, 1.0, 2.0]


async def test_more_leases_than_one_step_ends_end_in_one_round(pruned: Pruned, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await pruned.scene.subscribe(simple())
    steps = [(one,) * EXPIRED_AT_ONCE, (one,)]

    async def expire(now: object) -> tuple[Subscription, ...]:
        return steps.pop(0)

    monkeypatch.setattr(pruned.scene.store, "expire", expire)
    await pruned.pruner.prune()
    assert len(pruned.expired) == EXPIRED_AT_ONCE + 1


async def test_it_survives_a_failing_store_and_a_bug(pruned: Pruned, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [StoreError("disk full"), ZeroDivisionError("secret")]

    async def expire(now: object) -> tuple[Subscription, ...]:
        if errors:
            raise errors.pop(0)
        return ()

    monkeypatch.setattr(pruned.scene.store, "expire", expire)
    pruned.pruner.start()
    await pruned.clock.advance(3 * EVERY_SECONDS)
    assert pruned.scene.of(StoreFailed) == [StoreFailed("disk full")]
    (caught,) = pruned.scene.of(SupervisorCaught)
    assert caught.part == "pruner"
    assert "secret" not in caught.error


async def test_stopping_what_was_never_started_is_nothing(pruned: Pruned) -> None:
    await pruned.pruner.stop()


async def test_nobody_has_to_listen_to_reminders() -> None:
    one = Pruned()
    quiet = Pruner(one.scene.store, one.scene.facts.append, one.clock, one.expired.extend)
    quiet._on_told()
    await quiet.prune()
    assert one.scene.facts == []


async def test_what_was_kept_of_deliveries_is_forgotten_in_time(pruned: Pruned) -> None:
    subscription = await pruned.scene.subscribe(simple())
    far = pruned.clock.now() + timedelta(days=30)
    await pruned.scene.store.put(replace(subscription, expires_at=far))
    pruned.scene.dispatcher.start()
    await pruned.scene.ring(subscription)
    await pruned.clock.advance(1)
    assert len(await pruned.scene.store.deliveries(subscription.id)) == 1
    await pruned.scene.dispatcher.stop()
    await pruned.clock.advance((KEPT_FOR + timedelta(days=1)).total_seconds())
    await pruned.pruner.prune()
    assert await pruned.scene.store.deliveries(subscription.id) == ()


async def test_what_waits_for_a_service_that_is_down_ends_when_it_is_of_no_use_any_more(pruned: Pruned) -> None:
    subscription = await pruned.scene.subscribe(simple())
    waiting = {(await pruned.scene.ring(subscription, left=60)).id for _ in range(OVERDUE_AT_ONCE + 1)}
    pruned.pruner.start()
    await pruned.clock.advance(EVERY_SECONDS)
    assert pruned.scene.of(NotificationDropped) == []
    await pruned.clock.advance(EVERY_SECONDS + 1)
    dropped = pruned.scene.of(NotificationDropped)
    assert {one.notification for one in dropped} == waiting
    assert {one.outcome for one in dropped} == {"expired"}
    await pruned.pruner.stop()
