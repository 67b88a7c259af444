"""Whose heartbeat is due, and when the next is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from contracts.store_steps import OVER, change, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Heartbeat
from idlebell.model.subscription import Phase
from idlebell.store.contract import Store
from store_samples import HOUR, NOW, SECOND, draft, webhook

LATER = NOW + 60 * SECOND
HOURLY = {"heartbeat_seconds": 3600, "endpoints": Endpoints(webhook())}


async def due(store: Store, now: datetime, limit: int = 10) -> list[SubscriptionId]:
    return [one.id for one in await store.heartbeats_due(now, limit)]


async def test_the_first_is_due_at_once(store: Store, account: Account) -> None:
    await put(store, account, 1)
    one = await put(store, account, 2, **HOURLY)
    assert await store.heartbeats_due(LATER, 10) == (one,)


async def test_a_beat_is_enqueued_and_the_next_due_after_the_pause(store: Store, account: Account) -> None:
    one = await put(store, account, **HOURLY)
    (sent,) = await store.beat(one.id, LATER, [draft(one.id, Heartbeat(), LATER)])
    assert sent.content == Heartbeat()
    assert (await store.counts())["pending_notifications"] == 1
    assert await due(store, LATER + HOUR - SECOND) == []
    assert await due(store, LATER + HOUR) == [one.id]


async def test_a_late_one_is_one(store: Store, account: Account) -> None:
    one = await put(store, account, **HOURLY)
    await store.beat(one.id, LATER, [draft(one.id, Heartbeat(), LATER)])
    late = LATER + 10 * HOUR
    await store.beat(one.id, late, [draft(one.id, Heartbeat(), late)])
    assert await due(store, late + HOUR - SECOND) == []


async def test_those_due_longest_come_first(store: Store, account: Account) -> None:
    third = await put(store, account, 3, **HOURLY)
    first, second = await put(store, account, 1, **HOURLY), await put(store, account, 2, **HOURLY)
    assert await due(store, LATER) == [first.id, second.id, third.id], "as they were made"
    await store.beat(first.id, LATER, [])
    assert await due(store, LATER + HOUR, 2) == [second.id, third.id]


async def test_what_is_put_off_is_due_then(store: Store, account: Account) -> None:
    one, other = await put(store, account, 1, **HOURLY), await put(store, account, 2, **HOURLY)
    await store.put_off([one.id], LATER + 30 * SECOND)
    assert await due(store, LATER) == [other.id]
    assert await due(store, LATER + 30 * SECOND) == [other.id, one.id]


async def test_one_without_heartbeats_is_not_put_off(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.put_off([one.id], NOW)
    assert await due(store, LATER) == []


async def test_another_pause_counts_from_the_latest_beat(store: Store, account: Account) -> None:
    one = await put(store, account, **HOURLY)
    await store.beat(one.id, LATER, [])
    await change(store, one, heartbeat_seconds=600)
    assert await due(store, LATER + timedelta(seconds=599)) == []
    assert await due(store, LATER + timedelta(seconds=600)) == [one.id]


@pytest.mark.parametrize(
    "members",
    [
        {"heartbeat_seconds": None},
        {"paused": True},
        {"phase": Phase.PENDING},
        {"phase": Phase.REJECTED},
        *({"phase": phase, "over_since": NOW} for phase in OVER),
    ],
)
async def test_who_takes_none_has_none_due_and_is_sent_none(
    store: Store, account: Account, members: dict[str, object]
) -> None:
    one = await put(store, account, **HOURLY)
    changed = await change(store, one, **members)
    assert await due(store, LATER) == []
    assert await store.beat(one.id, LATER, [draft(one.id, Heartbeat(), LATER)]) == ()
    assert (await store.counts())["pending_notifications"] == 0
    again = await change(store, changed, heartbeat_seconds=3600, paused=False, phase=Phase.ACTIVE, over_since=None)
    assert await store.heartbeats_due(LATER, 10) == (again,), "nothing was sent, so it is due"


async def test_one_that_is_gone_has_none(store: Store, account: Account) -> None:
    one = await put(store, account, **HOURLY)
    await store.remove(one.id)
    assert await due(store, LATER) == []
    assert await store.beat(one.id, LATER, []) == ()
