"""What tests of the store's contract do again and again, each as one line."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import store_samples as samples
from idlebell.model.account import Account
from idlebell.model.notification import Content, Leased, LossReason, Notification
from idlebell.model.subscription import Counts, Phase, StandingProblem, Subscription
from idlebell.store.contract import Settled, Store
from store_samples import LEASE, NOW, draft

GONE = StandingProblem("endpoint-gone", "The push service says that it is gone.", NOW)
OVER = [Phase.EXPIRED, Phase.ENDED]


async def put(store: Store, account: Account, number: int = 1, **members: Any) -> Subscription:
    return await store.put(samples.subscription(account.id, number, **members))


async def change(store: Store, subscription: Subscription, **members: Any) -> Subscription:
    stored = await store.get(subscription.id)
    assert stored is not None
    return await store.put(replace(stored, **members))


async def enqueue(
    store: Store,
    to: Subscription,
    content: Content | None = None,
    at: datetime = NOW,
    due_at: datetime | None = None,
) -> Notification:
    (one,) = await store.enqueue([draft(to.id, content, at, due_at)])
    return one


async def lease(store: Store, now: datetime = NOW, limit: int = 10) -> list[Leased]:
    """All that can be leased now, of all lanes."""
    found: list[Leased] = []
    for lane in await store.lanes(now, 100):
        found += await store.lease(lane, now, now + LEASE, limit)
    return found


async def drain(store: Store, now: datetime) -> list[Notification]:
    """What arrives at a push service that takes everything."""
    taken: list[Notification] = []
    while leased := await lease(store, now):
        for one in leased:
            taken.append(one.notification)
            await store.settle(one.notification.id, Settled(now, 201))
    return taken


async def counts(store: Store, subscription: Subscription) -> Counts:
    found = (await store.activity(subscription.id)).counts
    told = (
        found.accepted
        + found.coalesced
        + found.expired
        + found.refused
        + found.pending
        + found.silenced
        + found.withdrawn
    )
    assert found.detected == told, "what became of a message is never unknown"
    return found


async def told(store: Store, account: Account, reason: LossReason = LossReason.CONNECTION_LOST) -> int:
    """The account's session is lost; how many subscriptions are asked to reconnect."""
    return await store.record_loss(account.id, reason, NOW, NOW)
