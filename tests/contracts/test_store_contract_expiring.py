"""The end of a lease is told before it comes, once a lease."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.store_steps import OVER, change, drain, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.notification import Expiring
from idlebell.model.subscription import Phase
from idlebell.store.contract import Store
from store_samples import DAY, HOUR, NOW, SECOND, simplepush, webhook

END = NOW + 30 * DAY
DUE = END - 3 * DAY


async def test_it_is_told_when_its_time_has_come_and_not_again(store: Store, account: Account) -> None:
    one = await put(store, account)
    assert await store.warn(DUE - SECOND, 10) == 0
    assert await store.warn(DUE, 10) == 1
    stored = await store.get(one.id)
    assert stored is not None
    assert stored.expiring_sent
    assert stored.revision > one.revision
    assert await store.warn(END - SECOND, 10) == 0
    (told,) = await drain(store, DUE)
    assert (told.content, told.expires_at) == (Expiring(END), END)


@pytest.mark.parametrize(
    ("lease", "ahead"),
    [
        (90 * DAY, 3 * DAY),
        (20 * DAY, 2 * DAY),
        (5 * HOUR, HOUR),
        (HOUR, HOUR / 2),
        (timedelta(minutes=1), timedelta(seconds=30)),
    ],
)
async def test_how_long_before_follows_from_the_lease(
    store: Store, account: Account, lease: timedelta, ahead: timedelta
) -> None:
    seconds = int(lease.total_seconds())
    await put(store, account, lease_seconds=seconds, expires_at=NOW + lease)
    assert await store.warn(NOW + lease - ahead - SECOND, 10) == 0
    assert await store.warn(NOW + lease - ahead, 10) == 1


async def test_a_renewed_lease_is_told_of_again(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.warn(DUE, 10)
    await drain(store, DUE)
    await change(store, one, expires_at=END + 30 * DAY, expiring_sent=False)
    assert await store.warn(DUE + 30 * DAY - SECOND, 10) == 0
    assert await store.warn(DUE + 30 * DAY, 10) == 1


async def test_what_was_not_sent_before_the_renewal_is_not_sent_after_it(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.warn(DUE, 10)
    await change(store, one, expires_at=END + 30 * DAY, expiring_sent=False)
    assert await drain(store, DUE) == []


async def test_a_paused_one_is_told(store: Store, account: Account) -> None:
    await put(store, account, paused=True)
    assert await store.warn(DUE, 10) == 1
    assert len(await drain(store, DUE)) == 1


@pytest.mark.parametrize(
    "members",
    [
        {"declared": True},
        {"expiring_sent": True},
        {"endpoints": Endpoints(simplepush())},
        {"phase": Phase.PENDING},
        {"phase": Phase.REJECTED},
        *({"phase": phase, "over_since": NOW} for phase in OVER),
    ],
)
async def test_who_has_nothing_to_be_told_is_left_alone(
    store: Store, account: Account, members: dict[str, Any]
) -> None:
    one = await put(store, account, **members)
    assert await store.warn(END, 10) == 0
    assert await store.get(one.id) == one


async def test_those_due_longest_are_told_first(store: Store, account: Account) -> None:
    def lease(until: datetime, number: int) -> dict[str, Any]:
        return {"expires_at": until, "endpoints": Endpoints(webhook(f"https://hook.example.net/{number}"))}

    late = await put(store, account, 1, **lease(END, 1))
    early = await put(store, account, 2, **lease(END - DAY, 2))
    assert await store.warn(DUE, 1) == 1
    (told,) = await drain(store, DUE)
    assert told.subscription_id == early.id
    assert await store.warn(DUE, 10) == 1
    (told,) = await drain(store, DUE)
    assert told.subscription_id == late.id
