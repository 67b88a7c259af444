"""A database that another machine goes on from: its versions are above all that were ever given."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import store_samples as samples
from contracts.store_steps import drain, enqueue
from idlebell.model.subscription import Subscription
from idlebell.store.contract import Store, StoreError
from idlebell.store.routes import VERSIONS_KEPT_MS
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from idlebell.store.sqlite.snapshot import AHEAD_MS, adopt, take_snapshot
from store_samples import DAY, HOUR, NOW, NOW_MS

KEY = bytes(range(32))


@asynccontextmanager
async def stored(path: Path) -> AsyncIterator[Store]:
    store = await open_sqlite(path, Sealer(KEY), entropy=os.urandom)
    try:
        yield store
    finally:
        await store.close()


async def subscribed(store: Store, number: int = 1) -> Subscription:
    account = await store.account(samples.TARGET, "alice")
    return await store.put(samples.subscription(account.id, number))


async def restored(path: Path, folder: Path, now: datetime = NOW) -> Path:
    copy = folder / "restored.db"
    take_snapshot(path, copy)
    adopt(copy, KEY, NOW, now)
    return copy


async def test_a_copy_is_of_one_moment_and_private_while_another_writes(tmp_path: Path) -> None:
    async with stored(tmp_path / "a.db") as store:
        one = await subscribed(store)
        copy = await restored(tmp_path / "a.db", tmp_path)
        await store.remove(one.id)
    assert copy.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob("restored.db-*")), "all of it is in one file"
    async with stored(copy) as again:
        assert await again.get(one.id) == one


async def test_versions_go_on_above_all_that_the_dead_machine_may_have_sent(tmp_path: Path) -> None:
    """Also of what waited at the backup and was sent since, of endpoints that came later, and where the clock of the one
    machine was ahead of the other's."""
    async with stored(tmp_path / "a.db") as store:
        one, two = await subscribed(store, 1), await subscribed(store, 2)
        await enqueue(store, one)
        (sent,) = await drain(store, NOW)
        waiting = [await enqueue(store, one, due_at=NOW + HOUR) for _ in range(2)]
        copy = await restored(tmp_path / "a.db", tmp_path, NOW - HOUR)
        dead = await enqueue(store, one, at=NOW + HOUR)
    assert dead.version > max(one.version for one in waiting) > sent.version
    async with stored(copy) as again:
        taken = await drain(again, NOW + HOUR)
        assert sum(one.content.type == "new_mail" for one in taken) >= 1
        fresh = await enqueue(again, one, at=NOW - HOUR)  # this machine's clock is behind
        first_of_another = await enqueue(again, two, at=NOW - HOUR)
        least = NOW_MS + AHEAD_MS
        assert min(version.version for version in (*taken, fresh, first_of_another)) > least > dead.version
        assert [one.version for one in taken] == sorted(one.version for one in taken), "their order is what it was"
        assert fresh.version > max(one.version for one in taken)


async def test_the_floor_goes_when_the_clock_is_far_above_it(tmp_path: Path) -> None:
    async with stored(tmp_path / "a.db") as store:
        one = await subscribed(store)
        copy = await restored(tmp_path / "a.db", tmp_path)
    async with stored(copy) as again:
        later = NOW + timedelta(milliseconds=VERSIONS_KEPT_MS + AHEAD_MS) + DAY
        await again.put(await again.get(one.id) or one)
        await again.expire(later)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM versions").fetchone() == (0,)


async def test_a_damaged_newer_or_foreign_copy_is_refused(tmp_path: Path) -> None:
    async with stored(tmp_path / "a.db") as store:
        await subscribed(store)
    copy = tmp_path / "copy.db"
    take_snapshot(tmp_path / "a.db", copy)
    with pytest.raises(StoreError, match="sealed with another key"):
        adopt(copy, bytes(32), NOW, NOW)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(StoreError, match="run the newer Idlebell"):
        adopt(copy, KEY, NOW, NOW)
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA application_id = 7")
    with pytest.raises(StoreError, match="belongs to another program"):
        adopt(copy, KEY, NOW, NOW)
    content = bytearray((tmp_path / "a.db").read_bytes())
    content[5 * 4096 : 7 * 4096] = b"\xff" * 8192
    copy.write_bytes(content)
    with pytest.raises(StoreError):
        adopt(copy, KEY, NOW, NOW)
