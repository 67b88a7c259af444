"""Where mails were seen: recorded with the cursor or not at all, of an account the newest."""

from __future__ import annotations

import pytest

from contracts.store_steps import put
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.sighting import SIGHTINGS_KEPT, Sighting
from idlebell.store.contract import ConflictError, Store
from store_samples import NOW, draft


def seen(number: int, mailbox: str = "INBOX", uid: int = 1) -> Sighting:
    return Sighting(number.to_bytes(16, "big"), mailbox, 7, uid)


async def test_when_a_mailbox_was_looked_at_is_kept(store: Store, account: Account) -> None:
    await put(store, account)
    first, later = Cursor(7, 1, looked_at=NOW), Cursor(7, 1)
    await store.commit(account.id, "INBOX", None, first, [])
    assert await store.cursor(account.id, "INBOX") == first
    with pytest.raises(ConflictError):
        await store.commit(account.id, "INBOX", later, later, [])
    await store.commit(account.id, "INBOX", first, later, [])
    assert await store.cursor(account.id, "INBOX") == later


async def test_what_was_sighted_is_found(store: Store, account: Account) -> None:
    await put(store, account)
    one, other = seen(1), seen(2, "L\N{LATIN SMALL LETTER I WITH DIAERESIS}sts\ud800", 2**32 - 1)
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[one, other])
    digests = [one.digest, other.digest, seen(3).digest]
    assert await store.sightings(account.id, digests) == {one.digest: one, other.digest: other}
    assert await store.sightings(account.id, []) == {}


async def test_an_account_does_not_know_what_another_has_seen(store: Store, account: Account) -> None:
    await put(store, account)
    other = await store.account(account.target, "bob@example.org")
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[seen(1)])
    assert await store.sightings(other.id, [seen(1).digest]) == {}


async def test_what_was_known_can_be_sighted_elsewhere(store: Store, account: Account) -> None:
    await put(store, account)
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[seen(1)])
    moved = seen(1, "Lists", 5)
    known = {moved.digest: seen(1), seen(9).digest: seen(9)}
    await store.commit(account.id, "Lists", None, Cursor(7, 6), [], sighted=[moved], known=known)
    assert await store.sightings(account.id, [moved.digest]) == {moved.digest: moved}


@pytest.mark.parametrize("known", [{}, {seen(1).digest: seen(1, "Work")}], ids=["not known", "known to be elsewhere"])
async def test_what_was_sighted_meanwhile_undoes_the_whole_step(
    store: Store, account: Account, known: dict[bytes, Sighting]
) -> None:
    one = await put(store, account)
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[seen(1)])
    with pytest.raises(ConflictError):
        await store.commit(
            account.id, "Lists", None, Cursor(7, 6), [draft(one.id)], sighted=[seen(2), seen(1, "Lists")], known=known
        )
    assert await store.cursor(account.id, "Lists") is None
    assert await store.sightings(account.id, [seen(1).digest, seen(2).digest]) == {seen(1).digest: seen(1)}
    assert (await store.activity(one.id)).counts.detected == 0


async def test_what_is_known_and_not_stored_is_a_conflict(store: Store, account: Account) -> None:
    await put(store, account)
    known = {seen(1).digest: seen(1)}
    with pytest.raises(ConflictError):
        await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[seen(1)], known=known)


async def test_the_newest_are_kept(store: Store, account: Account) -> None:
    await put(store, account)
    sighted = [seen(number) for number in range(SIGHTINGS_KEPT)]
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=sighted)
    # The oldest is sighted again: it is the newest now, and the next oldest goes.
    again, another = seen(0, "Lists"), seen(SIGHTINGS_KEPT)
    known = {again.digest: seen(0)}
    await store.commit(account.id, "Lists", None, Cursor(7, 2), [], sighted=[again, another], known=known)
    digests = [one.digest for one in (*sighted, another)]
    found = await store.sightings(account.id, digests)
    assert len(found) == SIGHTINGS_KEPT
    assert set(digests) - set(found) == {seen(1).digest}
    assert found[again.digest] == again


async def test_sightings_go_with_their_account(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.commit(account.id, "INBOX", None, Cursor(7, 2), [], sighted=[seen(1)])
    await store.remove(one.id)
    again = await store.account(account.target, account.username)
    await put(store, again)
    assert await store.sightings(account.id, [seen(1).digest]) == {}
    assert await store.sightings(again.id, [seen(1).digest]) == {}
