"""Sealed credentials: one set a subscription, as long as that lives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from store_steps import OVER, change, put

from idlebell.model.account import Account
from idlebell.model.subscription import Phase, Subscription
from idlebell.model.vaulted import Vaulted
from idlebell.store.contract import Store
from store_samples import NOW


def sealed(of: Subscription, **parts: Any) -> Vaulted:
    return replace(Vaulted(of.id, of.account_id, b"key", b"content"), **parts)


async def test_a_newer_set_takes_the_place_of_the_older(store: Store, account: Account) -> None:
    one, two = await put(store, account, 1), await put(store, account, 2)
    for row in (sealed(one), sealed(two), sealed(one, key=b"other", content=b"newer")):
        await store.keep_vaulted(row)
    kept = sorted([sealed(one, key=b"other", content=b"newer"), sealed(two)], key=lambda row: row.subscription)
    assert list(await store.vaulted()) == kept
    await store.forget_vaulted([one.id, two.id])
    assert await store.vaulted() == ()


@pytest.mark.parametrize("phase", OVER)
async def test_a_set_goes_when_its_subscription_is_over(store: Store, account: Account, phase: Phase) -> None:
    one = await put(store, account)
    await store.keep_vaulted(sealed(one))
    await change(store, one, phase=phase, over_since=NOW)
    assert await store.vaulted() == ()
    await store.keep_vaulted(sealed(one))
    assert await store.vaulted() == (), "nor does one come that is late"


async def test_a_set_goes_when_the_lease_ends_or_the_subscription_is_removed(store: Store, account: Account) -> None:
    one, two = await put(store, account, 1), await put(store, account, 2)
    for of in (one, two):
        await store.keep_vaulted(sealed(of))
    await store.remove(one.id)
    assert [row.subscription for row in await store.vaulted()] == [two.id]
    await store.expire(two.expires_at)
    assert await store.vaulted() == ()


async def test_all_are_sealed_anew_in_one_step(store: Store, account: Account) -> None:
    one, two = await put(store, account, 1), await put(store, account, 2)
    for of in (one, two):
        await store.keep_vaulted(sealed(of))
    await store.reseal_vaulted([sealed(one, key=b"new")], [two.id])
    assert await store.vaulted() == (sealed(one, key=b"new"),)
