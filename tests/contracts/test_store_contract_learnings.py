"""What was learnt of servers."""

from __future__ import annotations

import pytest

from idlebell.model import learnt as model
from idlebell.model.learnt import Learnt
from idlebell.store.contract import Store
from store_samples import NOW

FIRST = Learnt(540.0, 15, 1.5, NOW)


async def test_nothing_is_known_at_first(store: Store) -> None:
    assert await store.learnt() == {}


async def test_what_was_learnt_is_kept_by_host(store: Store) -> None:
    await store.learn("imap.example.org", FIRST)
    await store.learn("imap.example.net", Learnt())
    assert await store.learnt() == {"imap.example.org": FIRST, "imap.example.net": Learnt()}


async def test_what_is_learnt_later_replaces_it(store: Store) -> None:
    await store.learn("imap.example.org", FIRST)
    await store.learn("imap.example.org", Learnt(sessions=3))
    assert await store.learnt() == {"imap.example.org": Learnt(sessions=3)}


async def test_the_host_written_longest_ago_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory", "sqlite"):
        monkeypatch.setattr(f"idlebell.store.{name}.learnings.HOSTS_KEPT", 3)
    for host in ("a.example", "b.example", "c.example", "a.example", "d.example"):
        await store.learn(host, FIRST)
    assert set(await store.learnt()) == {"a.example", "c.example", "d.example"}
    assert model.HOSTS_KEPT == 10_000
