"""Rows that are read again and again are built once, and never found stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import store_samples as samples
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from store_samples import TARGET


async def test_a_subscription_is_built_once_and_found_as_it_stands(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path / "idlebell.db", Sealer(bytes(32)), entropy=samples.counting_entropy())
    account = await store.account(TARGET, "alice@example.org")
    stored = await store.put(samples.subscription(account.id))
    first, again = await store.get(stored.id), await store.get(stored.id)
    assert first == stored
    assert first is again
    paused = await store.put(replace(stored, paused=True))
    assert await store.get(stored.id) == paused
    assert (await store.of_account(account.id))[0].paused
    await store.close()
