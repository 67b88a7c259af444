"""Whom an account's sessions take for the server is a part of what the account is."""

from __future__ import annotations

from dataclasses import replace

import pytest

import store_samples as samples
from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned
from idlebell.store.contract import ConflictError, Store
from store_samples import TARGET

ONE, OTHER = b"\x01" * 32, b"\x02" * 32
TRUSTS: tuple[Trust, ...] = (AUTHORITIES, pinned([ONE]), pinned([ONE, OTHER]), FirstUse())


async def test_each_trust_is_an_account_of_its_own(store: Store) -> None:
    """A login under a key that somebody brings shows no right to the account that authorities vouch for."""
    made = [await store.account(replace(TARGET, trust=trust), "alice") for trust in TRUSTS]
    assert len({one.id for one in made}) == len(TRUSTS)
    assert [await store.account_by_key(replace(TARGET, trust=trust), "alice") for trust in TRUSTS] == made
    assert [await store.account_by_id(one.id) for one in made] == made


async def test_the_order_of_pins_makes_no_other_account(store: Store) -> None:
    one = await store.account(replace(TARGET, trust=pinned([ONE, OTHER])), "alice")
    assert await store.account_by_key(replace(TARGET, trust=pinned([OTHER, ONE, ONE])), "alice") == one


async def test_what_was_seen_first_stays_with_the_account_and_makes_no_other(store: Store) -> None:
    account = await store.account(replace(TARGET, trust=FirstUse()), "alice")
    await store.retrust(account.id, FirstUse(), FirstUse(ONE))
    found = await store.account(replace(TARGET, trust=FirstUse()), "alice")
    assert (found.id, found.target.trust) == (account.id, FirstUse(ONE))
    with pytest.raises(ConflictError):  # somebody else was first
        await store.retrust(account.id, FirstUse(), FirstUse(OTHER))
    await store.put(replace(samples.subscription(account.id), revision=0))
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert wanted.account.target.trust == FirstUse(ONE)


async def test_keys_are_exchanged_in_place_unless_another_account_trusts_them(store: Store) -> None:
    account = await store.account(replace(TARGET, trust=pinned([ONE])), "alice")
    await store.retrust(account.id, pinned([ONE]), pinned([ONE, OTHER]))
    assert (await store.account(replace(TARGET, trust=pinned([ONE, OTHER])), "alice")).id == account.id
    other = await store.account(replace(TARGET, trust=pinned([ONE])), "alice")
    assert other.id != account.id
    with pytest.raises(ConflictError):
        await store.retrust(account.id, pinned([ONE, OTHER]), pinned([ONE]))
    assert await store.account_by_id(account.id) == replace(account, target=replace(TARGET, trust=pinned([ONE, OTHER])))
