"""Keys and the whole, in every store."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

from contracts.store_steps import drain, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey
from idlebell.store.contract import Store
from idlebell.store.keys import StoredVapidKey
from store_samples import DAY, NOW, draft, webhook

# Keys


async def test_the_first_vapid_key_stands(store: Store) -> None:
    assert await store.vapid_key() is None
    assert await store.put_vapid_key(b"first") == b"first"
    assert await store.put_vapid_key(b"second") == b"first"
    assert await store.vapid_key() == b"first"


async def test_a_vapid_key_that_was_rotated_is_kept_until_it_is_removed(store: Store) -> None:
    assert await store.vapid_keys() == ()
    await store.rotate_vapid_key(b"first", NOW)
    assert await store.vapid_keys() == (StoredVapidKey(b"first"),)
    await store.rotate_vapid_key(b"second", NOW)
    await store.rotate_vapid_key(b"third", NOW + DAY)
    assert await store.vapid_key() == await store.put_vapid_key(b"fourth") == b"third"
    first, second = StoredVapidKey(b"first", NOW), StoredVapidKey(b"second", NOW + DAY)
    assert await store.vapid_keys() == (StoredVapidKey(b"third"), second, first)
    assert await store.remove_vapid_key(b"third") is False, "the current one"
    assert await store.remove_vapid_key(b"first") is True
    assert await store.remove_vapid_key(b"first") is False
    assert await store.vapid_keys() == (StoredVapidKey(b"third"), second)


async def test_keys_are_in_order_also_where_the_clock_was_set_back(store: Store) -> None:
    for number, at in enumerate((NOW, NOW, NOW - DAY, NOW - DAY)):
        await store.rotate_vapid_key(b"%d" % number, at)
    assert [one.der for one in await store.vapid_keys()] == [b"3", b"2", b"1", b"0"]


async def test_api_keys_are_found_by_their_hash_listed_and_removed(store: Store) -> None:
    first = ApiKey(ApiKeyId("key_1"), "phone", b"\x01" * 32, frozenset({"metrics", "subscribe"}), NOW)
    second = ApiKey(ApiKeyId("key_2"), "", b"\x02" * 32, frozenset(), NOW - DAY, NOW + DAY)
    for key in (first, second):
        await store.put_api_key(key)
    assert await store.api_key(b"\x01" * 32) == first
    assert await store.api_key(b"\x03" * 32) is None
    assert await store.api_keys() == (second, first)
    renamed = replace(first, name="tablet")
    await store.put_api_key(renamed)
    assert await store.api_keys() == (second, renamed)
    assert await store.remove_api_key(first.id) is True
    assert await store.remove_api_key(first.id) is False
    assert await store.api_keys() == (second,)


# The whole


async def test_a_fingerprint_tells_equal_values_and_is_keyed(store: Store) -> None:
    assert store.fingerprint(b"a") == store.fingerprint(b"a") != store.fingerprint(b"b")
    assert len(store.fingerprint(b"a")) == 32
    assert store.fingerprint(b"a") != hashlib.sha256(b"a").digest()


async def test_a_healthy_store_can_be_checked_and_closed_twice(store: Store) -> None:
    await store.check()
    await store.close()
    await store.close()


async def test_writes_of_many_tasks_all_happen(store: Store, account: Account) -> None:
    subscriptions = [
        await put(store, account, number, endpoints=Endpoints(webhook(f"https://hook.example.net/{number}")))
        for number in range(20)
    ]
    await asyncio.gather(*(store.enqueue([draft(one.id)]) for one in subscriptions for _ in range(10)))
    assert (await store.counts())["pending_notifications"] == 200
    assert all(len(versions) == 10 for versions in (await versions_by_subscription(store)).values())


async def versions_by_subscription(store: Store) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in await drain(store, NOW):
        found.setdefault(one.subscription_id, []).append(one.version)
    return found
