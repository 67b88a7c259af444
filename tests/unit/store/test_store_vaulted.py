"""What is left in the file of credentials that were in the vault."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import store_samples as samples
from idlebell.model.subscription import Subscription
from idlebell.model.vaulted import Vaulted
from idlebell.store.contract import Store
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite


async def forgotten(store: Store, one: Subscription) -> None:
    await store.forget_vaulted([one.id])


async def replaced(store: Store, one: Subscription) -> None:
    await store.keep_vaulted(Vaulted(one.id, one.account_id, b"other", b"shorter"))


async def removed(store: Store, one: Subscription) -> None:
    await store.remove(one.id)


async def lapsed(store: Store, one: Subscription) -> None:
    await store.expire(one.expires_at)


@pytest.mark.parametrize("ended", [forgotten, replaced, removed, lapsed])
async def test_nothing_of_it_is_left_in_the_file(
    tmp_path: Path, ended: Callable[[Store, Subscription], Awaitable[None]]
) -> None:
    path = tmp_path / "idlebell.db"
    key, content = os.urandom(69), os.urandom(541)
    store = await open_sqlite(path, Sealer(bytes(32)), entropy=os.urandom)
    account = await store.account(samples.TARGET, "alice")
    one = await store.put(samples.subscription(account.id, 1))
    await store.keep_vaulted(Vaulted(one.id, account.id, key, content))
    await store.close()
    assert content in path.read_bytes()
    store = await open_sqlite(path, Sealer(bytes(32)), entropy=os.urandom)
    await store.scrub()
    await ended(store, one)
    await store.forget_vaulted([one.id] if ended is not replaced else [])
    assert await store.scrub()  # as it is done each minute, while the gateway goes on
    left = b"".join(found.read_bytes() for found in tmp_path.iterdir())
    await store.close()
    assert not any(part in left for part in (key, content, content[:40], content[-40:]))
