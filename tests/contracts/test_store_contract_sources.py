"""Subscriptions that a mail server tells of their mail, and cursors with gaps."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.store_steps import put
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor, Gap
from idlebell.model.notification import LossReason
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Source
from idlebell.store.contract import ConflictError, Store
from store_samples import NOW

SOURCE = "dovecot:main"
GAPS = (Gap(3, 5, NOW), Gap(7, 7, NOW + timedelta(seconds=1), awaited=True))


async def test_a_source_is_kept_and_wants_no_session(store: Store, account: Account) -> None:
    one = await put(store, account, source=SOURCE)
    assert await store.get(one.id) == one
    assert one.source == SOURCE
    assert await store.wanted() == ()
    assert await store.wanted_of(account.id) is None
    assert await store.unsettled() == ()
    assert await store.record_loss(account.id, LossReason.RESTART, NOW, NOW) == 0
    assert await store.of_account(account.id) == (one,)


async def test_beside_a_session_only_what_that_is_for_is_wanted(store: Store, account: Account) -> None:
    await put(store, account, 1, source=SOURCE, mailboxes=("INBOX", "Work"))
    two = await put(store, account, 2)
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert (wanted.mailboxes, wanted.fresh) == (("INBOX",), ((two.id, "INBOX"),))
    assert await store.unsettled() == (account.id,)
    assert await store.record_loss(account.id, LossReason.CONNECTION_LOST, NOW, NOW) == 1


async def test_gaps_are_part_of_what_a_commit_compares(store: Store, account: Account) -> None:
    first = Cursor(7, 9, looked_at=NOW, gaps=GAPS)
    await store.commit(account.id, "INBOX", None, first, ())
    assert await store.cursor(account.id, "INBOX") == first
    second = Cursor(7, 9, looked_at=NOW, gaps=GAPS[1:])
    with pytest.raises(ConflictError):
        await store.commit(account.id, "INBOX", second, Cursor(7, 10), ())
    await store.commit(account.id, "INBOX", first, second, ())
    await store.commit(account.id, "INBOX", second, Cursor(7, 9, looked_at=NOW), ())
    assert await store.cursor(account.id, "INBOX") == Cursor(7, 9, looked_at=NOW)


async def test_the_account_of_a_source_is_no_servers(store: Store, account: Account) -> None:
    source = Source("main", Form.OX, Secret("k"))
    made = await store.account(source.target, account.username)
    assert made.id != account.id
    assert await store.account_by_id(made.id) == made
    assert await store.account_by_key(source.target, account.username) == made
