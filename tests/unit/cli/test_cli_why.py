"""Whose messages ``idlebell why`` is asked about."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

import store_samples as samples
from idlebell.cli.failure import Failure
from idlebell.cli.why import _meant
from idlebell.model.subscription import Phase
from idlebell.model.trust import pinned
from idlebell.store.memory import MemoryStore


async def test_all_accounts_of_a_user_are_meant_whichever_keys_they_trust() -> None:
    store = MemoryStore(os.urandom)
    made = []
    for number, target in enumerate(
        (samples.TARGET, replace(samples.TARGET, trust=pinned([b"k" * 32])), replace(samples.TARGET, port=994))
    ):
        account = await store.account(target, "alice")
        made.append(await store.put(samples.subscription(account.id, number, revision=0)))
    over = samples.subscription(made[0].account_id, 9, revision=0, phase=Phase.ENDED, over_since=samples.NOW)
    await store.put(over)
    found = await _meant(store, "imaps://alice@imap.example.org", Path("bell.db"))
    assert {one.id for one in found} == {made[0].id, made[1].id}
    with pytest.raises(Failure, match=r"nobody has subscribed.*bell\.db"):
        await _meant(store, "imaps://bob@imap.example.org", Path("bell.db"))
