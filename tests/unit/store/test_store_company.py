"""What of the outbox waits a moment to share a commit, and what does not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.store_steps import enqueue, put
from idlebell.model.subscription import Subscription
from idlebell.store.contract import Settled
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite
from store_samples import LEASE, NOW, TARGET


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Whoever is patient there waits for ever while he is alone."""
    opened = await open_sqlite(tmp_path / "idlebell.db", Sealer(bytes(32)), entropy=os.urandom)
    opened._database._writer._patience_seconds = 60
    yield opened
    await opened.close()


@pytest.fixture
async def subscription(store: SqliteStore) -> Subscription:
    return await put(store, await store.account(TARGET, "alice"), 1)


async def test_what_a_push_came_to_is_committed_with_the_next_mail(
    store: SqliteStore, subscription: Subscription
) -> None:
    one = await enqueue(store, subscription)
    commits: list[str] = []
    await store._database.write(lambda connection: connection.set_trace_callback(commits.append))
    settling = asyncio.create_task(store.settle(one.id, Settled(NOW, 200)))
    await asyncio.sleep(0)
    commits.clear()
    await enqueue(store, subscription)
    await settling
    assert commits.count("COMMIT") == 1


async def test_nobody_else_waits_for_company(store: SqliteStore, subscription: Subscription) -> None:
    async with asyncio.timeout(10):
        await enqueue(store, subscription)
        await store.take(NOW, NOW + LEASE, 64, lambda lanes, _: dict.fromkeys(lanes, 4))
        await store.release_leases()
        assert await store.overdue(NOW) == ()
