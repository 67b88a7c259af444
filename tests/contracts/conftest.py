"""Each store there is. A fact of the contract is tested against all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import store_samples as samples
from idlebell.model.account import Account
from idlebell.store.contract import Store
from idlebell.store.memory import MemoryStore
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from store_samples import TARGET


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    entropy = samples.counting_entropy()
    made: Store
    if request.param == "memory":
        made = MemoryStore(entropy)
    else:
        made = await open_sqlite(tmp_path / "idlebell.db", Sealer(bytes(32)), entropy=entropy)
    yield made
    await made.close()


@pytest.fixture
async def account(store: Store) -> Account:
    return await store.account(TARGET, "alice@example.org")
