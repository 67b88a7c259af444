"""What every store keeps of accounts and subscriptions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

import store_samples as samples
from contracts.store_steps import OVER, counts, enqueue, lease, put
from idlebell.model.account import Account, ImapTarget, Retention, Tls
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import AccountId, ApiKeyId
from idlebell.model.notification import LossReason, Test
from idlebell.model.subscription import Activity, Counts, Floor, Loss, Payload, Phase, StandingProblem, Subscription
from idlebell.store.contract import ConflictError, Store, WantedAccount
from store_samples import DAY, HOUR, NOW, SECOND, TARGET, draft, new_mail, simplepush, sub_id, webhook, webpush

# Accounts


async def test_the_same_host_port_and_user_name_are_one_account(store: Store) -> None:
    first = await store.account(TARGET, "alice")
    again = await store.account(replace(TARGET, tls=Tls.NONE), "alice")
    assert again == first
    assert first.target == TARGET


@pytest.mark.parametrize(
    ("target", "username"),
    [
        (ImapTarget("imap.example.com", 993, Tls.IMPLICIT), "alice"),
        (ImapTarget("imap.example.org", 994, Tls.IMPLICIT), "alice"),
        (TARGET, "Alice"),
        (TARGET, "alice\udcff"),
    ],
)
async def test_another_host_port_or_user_name_is_another_account(
    store: Store, target: ImapTarget, username: str
) -> None:
    first = await store.account(TARGET, "alice")
    other = await store.account(target, username)
    assert other.id != first.id
    assert await store.account_by_id(other.id) == other
    assert other.username == username


async def test_many_who_ask_for_an_account_at_once_get_the_same(store: Store) -> None:
    found = await asyncio.gather(*(store.account(TARGET, "bob") for _ in range(20)))
    assert len({one.id for one in found}) == 1


async def test_an_unknown_account_is_none(store: Store) -> None:
    assert await store.account_by_id(AccountId("acc_unknown")) is None


# Subscriptions


async def test_every_member_of_a_subscription_comes_back(store: Store, account: Account) -> None:
    whole = samples.subscription(
        account.id,
        owner=ApiKeyId("key_owner"),
        mailboxes=("INBOX", "Ärger", "broken\udc80"),
        endpoints=Endpoints(webpush(), simplepush(), webhook(), webhook("https://hook.example.net/2")),
        payload=Payload.SUMMARY,
        retention=Retention.MEMORY,
        lease_seconds=61,
        phase=Phase.REJECTED,
        paused=True,
        loss=Loss(LossReason.REJECTED, NOW, 2, NOW + HOUR),
        problem=StandingProblem("authentication-failed", "Refused.", NOW),
        floors=(Floor("INBOX", 1, 2), Floor("broken\udc80", 3, 4)),
        token_hashes=(b"\x01" * 32, b"\x02" * 32),
        over_since=NOW,
        expiring_sent=True,
        declared=True,
    )
    stored = await store.put(whole)
    assert stored == replace(whole, revision=1)
    assert await store.get(whole.id) == stored
    assert await store.by_key(whole.key_digest) == stored


async def test_an_unknown_subscription_is_none(store: Store) -> None:
    assert await store.get(sub_id(9)) is None
    assert await store.by_key(b"unknown") is None
    assert await store.activity(sub_id(9)) == Activity(Counts())


async def test_a_put_with_an_old_revision_is_a_conflict_and_changes_nothing(store: Store, account: Account) -> None:
    first = await put(store, account)
    second = await store.put(replace(first, paused=True))
    assert second.revision == first.revision + 1
    with pytest.raises(ConflictError):
        await store.put(replace(first, lease_seconds=99))
    assert await store.get(first.id) == second


async def test_a_put_of_what_is_not_stored_needs_revision_0(store: Store, account: Account) -> None:
    with pytest.raises(ConflictError):
        await put(store, account, revision=1)
    assert await store.get(sub_id(1)) is None


async def test_a_put_of_what_is_stored_as_new_is_a_conflict(store: Store, account: Account) -> None:
    await put(store, account)
    with pytest.raises(ConflictError):
        await put(store, account)


async def test_of_many_puts_of_one_revision_one_wins(store: Store, account: Account) -> None:
    first = await put(store, account)
    tries = [store.put(replace(first, lease_seconds=seconds)) for seconds in range(60, 70)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Subscription) for result in results) == 1
    assert sum(isinstance(result, ConflictError) for result in results) == 9


@pytest.mark.parametrize("phase", list(Phase))
async def test_the_key_of_another_subscription_is_a_conflict(store: Store, account: Account, phase: Phase) -> None:
    """Also where the other one is over: the same key again revives it."""
    await put(store, account, 1, phase=phase)
    with pytest.raises(ConflictError):
        await put(store, account, 2, key_digest=b"key 1")


async def test_a_key_that_was_changed_is_free_again(store: Store, account: Account) -> None:
    first = await put(store, account, 1)
    await store.put(replace(first, key_digest=b"another"))
    second = await put(store, account, 2, key_digest=b"key 1")
    assert await store.by_key(b"key 1") == second


async def test_a_put_for_an_account_that_is_gone_is_a_conflict(store: Store, account: Account) -> None:
    first = await put(store, account, 1)
    await store.remove(first.id)
    with pytest.raises(ConflictError):
        await put(store, account, 2)


async def test_of_account_are_those_not_over_oldest_first(store: Store, account: Account) -> None:
    other = await store.account(TARGET, "bob")
    await put(store, other, 9)
    third = await put(store, account, 3, phase=Phase.REJECTED)
    first = await put(store, account, 1)
    second = await put(store, account, 2, phase=Phase.PENDING)
    await put(store, account, 4, phase=Phase.EXPIRED)
    await put(store, account, 5, phase=Phase.ENDED)
    assert await store.of_account(account.id) == (first, second, third)


async def test_pages_go_by_id_and_by_owner(store: Store, account: Account) -> None:
    mine, theirs = ApiKeyId("key_mine"), ApiKeyId("key_theirs")
    stored = [await put(store, account, number, owner=mine if number % 2 else theirs) for number in (5, 3, 1, 2, 4)]
    by_id = sorted(stored, key=lambda one: one.id)
    assert await store.page(None, None, 3) == tuple(by_id[:3])
    assert await store.page(None, by_id[2].id, 3) == tuple(by_id[3:])
    assert await store.page(mine, None, 2) == (by_id[0], by_id[2])
    assert await store.page(mine, by_id[2].id, 2) == (by_id[4],)
    assert await store.page(ApiKeyId("key_nobody"), None, 2) == ()


async def test_removing_forgets_all_and_the_account_with_the_last(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1), await put(store, account, 2)
    await store.commit(account.id, "INBOX", None, Cursor(1, 2), [draft(first.id), draft(second.id)])
    await store.remove(first.id)
    assert await store.get(first.id) is None
    assert await store.by_key(first.key_digest) is None
    assert await store.activity(first.id) == Activity(Counts())
    assert await store.account_by_id(account.id) == account
    assert [one.notification.subscription_id for one in await lease(store)] == [second.id]
    await store.remove(second.id)
    assert await store.account_by_id(account.id) is None
    assert await store.cursor(account.id, "INBOX") is None
    assert await store.next_due(NOW) is None


async def test_removing_what_is_unknown_does_nothing(store: Store) -> None:
    await store.remove(sub_id(9))


async def test_wanted_are_accounts_with_active_subscriptions(store: Store, account: Account) -> None:
    await put(store, account, 1, mailboxes=("B", "A"))
    await put(store, account, 2, mailboxes=("A", "C"), paused=True, floors=(Floor("A", 1, 1),))
    await put(store, account, 3, mailboxes=("D",), phase=Phase.PENDING)
    for number, phase in enumerate([Phase.PENDING, Phase.REJECTED, *OVER], 10):
        other = await store.account(TARGET, phase.value)
        await put(store, other, number, phase=phase)
        assert await store.wanted_of(other.id) is None
    fresh = ((sub_id(1), "B"), (sub_id(1), "A"), (sub_id(2), "C"))
    expected = WantedAccount(account, ("B", "A", "C"), fresh)
    assert await store.wanted() == (expected,)
    assert await store.wanted_of(account.id) == expected


async def test_nobody_wants_an_unknown_account(store: Store) -> None:
    assert await store.wanted() == ()
    assert await store.wanted_of(AccountId("acc_unknown")) is None


async def test_wanted_has_all_accounts(store: Store) -> None:
    for number in range(5):
        await put(store, await store.account(TARGET, f"user {number}"), number)
    found = await store.wanted()
    assert {one.account.username for one in found} == {f"user {number}" for number in range(5)}


async def test_unsettled_are_accounts_with_pending_or_active_subscriptions(store: Store) -> None:
    accounts = {}
    for number, phase in enumerate(Phase):
        accounts[phase] = await store.account(TARGET, phase.value)
        await put(store, accounts[phase], number, phase=phase)
    assert set(await store.unsettled()) == {accounts[Phase.PENDING].id, accounts[Phase.ACTIVE].id}


async def test_a_floor_is_set_once(store: Store, account: Account) -> None:
    first = await put(store, account)
    await store.ground(first.id, Floor("INBOX", 1, 5))
    await store.ground(first.id, Floor("INBOX", 1, 9))
    await store.ground(first.id, Floor("Lists", 2, 1))
    stored = await store.get(first.id)
    assert stored is not None
    assert stored.floors == (Floor("INBOX", 1, 5), Floor("Lists", 2, 1))
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert wanted.fresh == ()


async def test_a_floor_of_an_unknown_subscription_is_nothing(store: Store) -> None:
    await store.ground(sub_id(9), Floor("INBOX", 1, 5))


async def test_what_the_store_changes_itself_makes_a_put_of_the_old_revision_a_conflict(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    await store.ground(first.id, Floor("INBOX", 1, 5))
    with pytest.raises(ConflictError):
        await store.put(replace(first, paused=True))


async def test_counts_are_totals_by_phase(store: Store, account: Account) -> None:
    empty = await store.counts()
    assert empty == {
        "accounts": 1,
        "pending_notifications": 0,
        **{f"subscriptions_{phase.value}": 0 for phase in Phase},
    }
    first = await put(store, account, 1)
    await put(store, account, 2, phase=Phase.EXPIRED)
    await enqueue(store, first)
    await enqueue(store, first, Test())
    assert await store.counts() == empty | {
        "pending_notifications": 2,
        "subscriptions_active": 1,
        "subscriptions_expired": 1,
    }


# The end of a lease


async def test_at_the_end_of_its_lease_a_subscription_expires_and_loses_its_queue(
    store: Store, account: Account
) -> None:
    first = await put(store, account, 1, expires_at=NOW, loss=Loss(LossReason.RESTART, NOW))
    kept = await put(store, account, 2, expires_at=NOW + timedelta(microseconds=1))
    await enqueue(store, first, new_mail(3))
    assert await store.next_lapse() == NOW
    (expired,) = await store.expire(NOW)
    assert await store.next_lapse() == kept.expires_at
    assert expired == await store.get(first.id)
    assert (expired.phase, expired.over_since, expired.loss) == (Phase.EXPIRED, NOW, None)
    assert await counts(store, first) == Counts(detected=3, expired=3)
    assert await store.next_due(NOW) is None
    assert await store.get(kept.id) == kept
    assert await store.expire(NOW) == ()


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.ACTIVE, Phase.REJECTED])
async def test_a_lease_ends_in_every_phase(store: Store, account: Account, phase: Phase) -> None:
    await put(store, account, phase=phase, paused=True, expires_at=NOW)
    (expired,) = await store.expire(NOW)
    assert expired.phase is Phase.EXPIRED


async def test_a_declared_subscription_has_no_lease(store: Store, account: Account) -> None:
    await put(store, account, expires_at=NOW, declared=True)
    assert await store.next_lapse() is None
    assert await store.expire(NOW + DAY) == ()


async def test_what_is_over_is_forgotten_after_seven_days(store: Store, account: Account) -> None:
    await put(store, account, expires_at=NOW)
    await store.expire(NOW)
    await store.expire(NOW + 7 * DAY - SECOND)
    assert await store.get(sub_id(1)) is not None
    await store.expire(NOW + 7 * DAY)
    assert await store.get(sub_id(1)) is None
    assert await store.account_by_id(account.id) is None


async def test_a_revived_subscription_keeps_id_and_cursor(store: Store, account: Account) -> None:
    await put(store, account, expires_at=NOW)
    await store.commit(account.id, "INBOX", None, Cursor(1, 5), [])
    (expired,) = await store.expire(NOW)
    revived = await store.put(replace(expired, phase=Phase.ACTIVE, over_since=None, expires_at=NOW + 10 * DAY))
    await store.expire(NOW + 8 * DAY)
    assert await store.get(sub_id(1)) == revived
    assert await store.cursor(account.id, "INBOX") == Cursor(1, 5)
    assert await store.wanted_of(account.id) is not None
