"""What was removed leaves nothing, in every store."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import store_samples as samples
from contracts.store_steps import put
from idlebell.model.account import Account
from idlebell.model.learnt import Learnt
from idlebell.store.contract import Store
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from store_samples import TARGET

LEARNT = Learnt(idle_seconds=600.0, sessions=None, clock_lag_seconds=None, quiet_since=None)


async def test_what_was_learnt_of_a_server_goes_with_its_last_account(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.learn(TARGET.host, LEARNT)
    assert await store.scrub()
    assert await store.learnt() == {TARGET.host: LEARNT}
    await store.remove(one.id)
    assert await store.scrub()
    assert await store.learnt() == {}


async def test_scrubbing_empties_the_journal_unless_somebody_reads(tmp_path: Path) -> None:
    path = tmp_path / "idlebell.db"
    store = await open_sqlite(path, Sealer(bytes(32)), entropy=samples.counting_entropy())
    journal = path.with_name("idlebell.db-wal")
    try:
        account = await store.account(TARGET, "alicecanary")
        one = await put(store, account)
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM accounts").fetchone()
        await store.remove(one.id)
        assert not await store.scrub()
        assert b"alicecanary" in journal.read_bytes()
        reader.close()
        assert await store.scrub()
        assert journal.stat().st_size == 0
        assert b"alicecanary" not in path.read_bytes()
        assert await store.scrub()  # and once more, where there is nothing to be done
    finally:
        await store.close()
