"""What every store keeps, one fact a test, against each of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import store_samples as samples
from idlebell.model.account import Account, ImapTarget, Retention, Tls
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import AccountId, ApiKeyId, NotificationId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Content,
    Expiring,
    Heartbeat,
    Leased,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Test,
    Verification,
)
from idlebell.model.subscription import (
    Activity,
    ApiKey,
    Counts,
    Floor,
    LastPush,
    Loss,
    Payload,
    Phase,
    StandingProblem,
    Subscription,
)
from idlebell.store.contract import (
    ConflictError,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Store,
    WantedAccount,
)
from idlebell.store.memory import MemoryStore
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite
from store_samples import (
    DAY,
    HOUR,
    LEASE,
    NOW,
    NOW_MS,
    SECOND,
    TARGET,
    draft,
    new_mail,
    simplepush,
    sub_id,
    webhook,
    webpush,
)

GONE = StandingProblem("endpoint-gone", "The push service says that it is gone.", NOW)
OVER = [Phase.EXPIRED, Phase.ENDED]


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


async def put(store: Store, account: Account, number: int = 1, **members: Any) -> Subscription:
    return await store.put(samples.subscription(account.id, number, **members))


async def change(store: Store, subscription: Subscription, **members: Any) -> Subscription:
    stored = await store.get(subscription.id)
    assert stored is not None
    return await store.put(replace(stored, **members))


async def enqueue(
    store: Store,
    to: Subscription,
    content: Content | None = None,
    at: datetime = NOW,
    due_at: datetime | None = None,
) -> Notification:
    (one,) = await store.enqueue([draft(to.id, content, at, due_at)])
    return one


async def lease(store: Store, now: datetime = NOW, limit: int = 10) -> list[Leased]:
    """All that can be leased now, of all lanes."""
    found: list[Leased] = []
    for lane in await store.lanes(now, 100):
        found += await store.lease(lane, now, now + LEASE, limit)
    return found


async def drain(store: Store, now: datetime) -> list[Notification]:
    """What arrives at a push service that takes everything."""
    taken: list[Notification] = []
    while leased := await lease(store, now):
        for one in leased:
            taken.append(one.notification)
            await store.settle(one.notification.id, Settled(now, 201))
    return taken


async def counts(store: Store, subscription: Subscription) -> Counts:
    found = (await store.activity(subscription.id)).counts
    told = found.accepted + found.coalesced + found.expired + found.refused + found.pending
    assert found.detected == told, "what became of a message is never unknown"
    return found


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
    (expired,) = await store.expire(NOW)
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


# Losses


async def told(store: Store, account: Account, reason: LossReason = LossReason.CONNECTION_LOST) -> int:
    return await store.record_loss(account.id, reason, NOW, NOW)


async def loss(store: Store, number: int = 1) -> Loss | None:
    stored = await store.get(sub_id(number))
    assert stored is not None
    return stored.loss


async def test_a_loss_is_told_once(store: Store, account: Account) -> None:
    await put(store, account, 1)
    await put(store, account, 2, paused=True)
    assert await store.record_loss(account.id, LossReason.CONNECTION_LOST, NOW, NOW + SECOND) == 2
    assert await told(store, account) == 0
    assert await told(store, account, LossReason.REJECTED) == 0
    assert await loss(store) == Loss(LossReason.CONNECTION_LOST, NOW)
    assert await lease(store, NOW) == []
    sent = await drain(store, NOW + SECOND)
    assert [one.content for one in sent] == [Reconnect(LossReason.CONNECTION_LOST)] * 2
    assert {one.expires_at for one in sent} == {NOW + SECOND + 7 * DAY}


@pytest.mark.parametrize(
    "members", [{"declared": True}, {"phase": Phase.REJECTED}, {"phase": Phase.EXPIRED}, {"phase": Phase.ENDED}]
)
@pytest.mark.parametrize("reason", list(LossReason))
async def test_of_a_loss_nobody_is_told_who_is_declared_rejected_or_over(
    store: Store, account: Account, members: dict[str, Any], reason: LossReason
) -> None:
    stored = await put(store, account, **members)
    assert await told(store, account, reason) == 0
    assert await store.get(stored.id) == stored


async def test_a_pending_subscription_is_told_of_a_restart_only(store: Store, account: Account) -> None:
    await put(store, account, phase=Phase.PENDING)
    assert await told(store, account, LossReason.CONNECTION_LOST) == 0
    assert await told(store, account, LossReason.RESTART) == 1


async def test_a_loss_with_nowhere_to_go_is_open_but_told_to_nobody(store: Store, account: Account) -> None:
    await put(store, account, endpoints=Endpoints(simplepush()))
    assert await told(store, account) == 0
    assert await loss(store) == Loss(LossReason.CONNECTION_LOST, NOW)


async def test_a_restart_begins_a_new_loss_only_when_no_reconnect_waits(store: Store, account: Account) -> None:
    await put(store, account)
    assert await told(store, account) == 1
    assert await told(store, account, LossReason.RESTART) == 0
    await drain(store, NOW)
    assert await told(store, account, LossReason.RESTART) == 1
    assert await loss(store) == Loss(LossReason.RESTART, NOW)


async def test_a_reconnect_is_repeated_after_1_6_and_24_hours_and_no_more(store: Store, account: Account) -> None:
    await put(store, account)
    assert await told(store, account) == 1
    at, versions = NOW, [(await drain(store, NOW))[0].version]
    for pause in (HOUR, 6 * HOUR, 24 * HOUR):
        assert await store.remind(at + pause - SECOND, 10) == 0
        at += pause
        assert await store.remind(at, 10) == 1
        assert await store.remind(at, 10) == 0
        (sent,) = await drain(store, at)
        assert sent.content == Reconnect(LossReason.CONNECTION_LOST)
        versions.append(sent.version)
    assert versions == sorted(set(versions))
    assert await store.remind(at + 365 * DAY, 10) == 0
    assert await loss(store) == Loss(LossReason.CONNECTION_LOST, NOW, reminders=3)


async def test_a_reconnect_that_was_not_accepted_is_not_repeated(store: Store, account: Account) -> None:
    await put(store, account)
    await told(store, account)
    (leased,) = await lease(store)
    await store.settle(leased.notification.id, Dropped(NOW, "expired", 503))
    assert await store.remind(NOW + 365 * DAY, 10) == 0


async def test_reminders_are_limited_and_the_longest_waiting_come_first(store: Store, account: Account) -> None:
    for number in (1, 2, 3):
        await put(store, account, number)
    await told(store, account)
    for number, one in enumerate(await lease(store)):
        await store.settle(one.notification.id, Settled(NOW - number * SECOND, 200))
    assert await store.remind(NOW + HOUR, 2) == 2
    assert await store.remind(NOW + HOUR, 2) == 1


async def test_a_loss_that_is_cleared_drops_what_was_not_sent(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    mail = await enqueue(store, first)
    await store.clear_loss(account.id)
    assert await loss(store) is None
    assert [one.id for one in await drain(store, NOW)] == [mail.id]
    assert await store.remind(NOW + DAY, 10) == 0
    assert await told(store, account) == 1


async def test_a_session_that_is_lost_again_after_it_was_found_is_told_again(store: Store, account: Account) -> None:
    await put(store, account)
    await told(store, account)
    (leased,) = await lease(store)
    await store.clear_loss(account.id)
    await store.settle(leased.notification.id, Settled(NOW, 200))
    assert await loss(store) is None
    assert await told(store, account) == 1


async def test_nobody_is_reminded_who_is_over(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    await drain(store, NOW)
    await change(store, first, phase=Phase.ENDED, over_since=NOW)
    assert await store.remind(NOW + DAY, 10) == 0


# Cursors


async def test_a_cursor_moves_by_compare_and_set(store: Store, account: Account) -> None:
    assert await store.cursor(account.id, "INBOX") is None
    first, second = Cursor(1, 2), Cursor(1, 3, 2**63 - 1, 9)
    await store.commit(account.id, "INBOX", None, first, [])
    await store.commit(account.id, "INBOX", first, second, [])
    await store.commit(account.id, "broken\udc80", None, first, [])
    assert await store.cursor(account.id, "INBOX") == second
    assert await store.cursor(account.id, "broken\udc80") == first


@pytest.mark.parametrize("expected", [None, Cursor(1, 3), Cursor(2, 2), Cursor(1, 2, 5), Cursor(1, 2, None, 5)])
async def test_a_commit_that_expects_another_cursor_is_a_conflict_and_enqueues_nothing(
    store: Store, account: Account, expected: Cursor | None
) -> None:
    first = await put(store, account)
    await store.commit(account.id, "INBOX", None, Cursor(1, 2), [])
    with pytest.raises(ConflictError):
        await store.commit(account.id, "INBOX", expected, Cursor(1, 9), [draft(first.id)])
    assert await store.cursor(account.id, "INBOX") == Cursor(1, 2)
    assert await store.next_due(NOW) is None
    assert await counts(store, first) == Counts()


async def test_a_commit_for_an_account_that_is_gone_is_a_conflict(store: Store) -> None:
    with pytest.raises(ConflictError):
        await store.commit(AccountId("acc_unknown"), "INBOX", None, Cursor(1, 2), [])


async def test_of_many_commits_from_one_cursor_one_wins(store: Store, account: Account) -> None:
    first = await put(store, account)
    tries = [store.commit(account.id, "INBOX", None, Cursor(1, uid), [draft(first.id)]) for uid in range(2, 12)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, tuple) for result in results) == 1
    assert await counts(store, first) == Counts(detected=1, pending=1)


async def test_a_commit_returns_what_it_enqueued(store: Store, account: Account) -> None:
    first = await put(store, account)
    found = await store.commit(account.id, "INBOX", None, Cursor(1, 2), [draft(first.id, new_mail(2))])
    (one,) = found
    assert one == Notification(one.id, first.id, new_mail(2), NOW_MS, NOW, NOW + DAY, 0)
    (leased,) = await lease(store)
    assert leased.notification == one
    assert leased.endpoint == first.endpoints.new_mail


@pytest.mark.parametrize(
    "members",
    [
        {"paused": True},
        {"phase": Phase.PENDING},
        {"phase": Phase.REJECTED},
        {"phase": Phase.EXPIRED},
        {"phase": Phase.ENDED},
    ],
)
async def test_new_mail_for_one_that_may_not_ring_is_left_out(
    store: Store, account: Account, members: dict[str, Any]
) -> None:
    ringing, silent = await put(store, account, 1), await put(store, account, 2, **members)
    found = await store.commit(account.id, "INBOX", None, Cursor(1, 2), [draft(silent.id), draft(ringing.id)])
    assert [one.subscription_id for one in found] == [ringing.id]
    assert await counts(store, silent) == Counts()


async def test_a_draft_for_one_that_is_gone_is_left_out(store: Store, account: Account) -> None:
    assert await store.commit(account.id, "INBOX", None, Cursor(1, 2), [draft(sub_id(9))]) == ()
    assert await store.enqueue([draft(sub_id(9))]) == ()


@pytest.mark.parametrize("content", [Test(), Verification("123"), Heartbeat(), Expiring(NOW)])
async def test_anything_but_mail_reaches_also_the_pending_but_none_that_is_paused_or_over(
    store: Store, account: Account, content: Content
) -> None:
    endpoints = Endpoints(webhook())
    pending = await put(store, account, 1, phase=Phase.PENDING, endpoints=endpoints)
    others = [
        await put(store, account, 2, paused=True, endpoints=endpoints),
        *[await put(store, account, n, phase=phase, endpoints=endpoints) for n, phase in enumerate(OVER, 3)],
    ]
    found = await store.enqueue([draft(one.id, content) for one in (pending, *others)])
    assert [one.subscription_id for one in found] == [pending.id]
    assert await counts(store, pending) == Counts()


async def test_a_draft_without_an_endpoint_for_it_is_left_out(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(simplepush()))
    drafts = [draft(first.id, Heartbeat()), draft(first.id, Reconnect(LossReason.RESTART))]
    assert await store.enqueue(drafts) == ()


CONTENTS = [
    new_mail(),
    NewMail(
        "Ärger",
        2**32 - 1,
        30,
        4,
        (
            MessageSummary(11),
            MessageSummary(12, "<a@b>", "Boss <b@x>", "Lunch?\udc80", 5, "…", NOW, truncated=True),
        ),
    ),
    Reconnect(LossReason.RESTART),
    Expiring(NOW + DAY),
    Heartbeat(),
    Test(),
    Verification("483920"),
]


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.type)
async def test_every_content_comes_back_as_it_was(store: Store, account: Account, content: Content) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    await enqueue(store, first, content)
    (leased,) = await lease(store)
    assert leased.notification.content == content
    assert leased.endpoint == webhook()


# Versions


async def test_a_version_is_the_millisecond_or_one_more_than_the_last(store: Store, account: Account) -> None:
    first = await put(store, account)
    found = [await enqueue(store, first, at=at) for at in (NOW, NOW, NOW - HOUR, NOW + SECOND)]
    assert [one.version for one in found] == [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS + 1000]


async def test_versions_are_counted_by_url_across_subscriptions_and_kinds(store: Store, account: Account) -> None:
    url = "https://push.example.net/shared"
    first = await put(store, account, 1, endpoints=Endpoints(simplepush(url)))
    second = await put(store, account, 2, endpoints=Endpoints(webhook(url)))
    other = await put(store, account, 3)
    found = [await enqueue(store, one) for one in (first, second, first, other)]
    assert [one.version for one in found] == [NOW_MS, NOW_MS + 1, NOW_MS + 2, NOW_MS]


async def test_versions_grow_past_the_end_of_a_subscription(store: Store, account: Account) -> None:
    url = "https://push.example.net/again"
    first = await put(store, account, 1, endpoints=Endpoints(simplepush(url)))
    before = await enqueue(store, first)
    await store.remove(first.id)
    account = await store.account(TARGET, "alice@example.org")
    second = await put(store, account, 2, endpoints=Endpoints(simplepush(url)))
    assert (await enqueue(store, second, at=NOW - DAY)).version == before.version + 1


async def test_a_version_is_forgotten_only_when_the_clock_is_90_days_past_it(store: Store, account: Account) -> None:
    first = await put(store, account, expires_at=NOW + 400 * DAY)
    before = await enqueue(store, first)
    await store.expire(NOW + 90 * DAY)
    assert (await enqueue(store, first)).version == before.version + 1
    await store.expire(NOW + 91 * DAY)
    later = await enqueue(store, first, at=NOW + 91 * DAY)
    assert later.version == NOW_MS + 91 * 86_400_000


# Lanes and leases


async def test_a_lane_is_an_origin_and_shows_none(store: Store, account: Account) -> None:
    urls = ["https://a.example/1", "https://a.example:443/2", "https://a.example:444/1", "https://b.example/1"]
    for number, url in enumerate(urls):
        await enqueue(store, await put(store, account, number, endpoints=Endpoints(simplepush(url))))
    leased = await lease(store)
    lanes = {one.endpoint.url.reveal(): one.lane for one in leased}
    assert lanes[urls[0]] == lanes[urls[1]]
    assert len(set(lanes.values())) == 3
    assert not any(b"example" in lane for lane in lanes.values())


async def test_lanes_with_something_due_come_longest_waiting_first(store: Store, account: Account) -> None:
    for number, due_at in enumerate([NOW, NOW - 2 * SECOND, NOW - SECOND, NOW + SECOND]):
        endpoints = Endpoints(webhook(f"https://{number}.example/"))
        one = await put(store, account, number, endpoints=endpoints)
        await enqueue(store, one, at=NOW - HOUR, due_at=due_at)
    lanes = await store.lanes(NOW, 10)
    order = [(await store.lease(lane, NOW, NOW + LEASE, 1))[0].notification.subscription_id for lane in lanes]
    assert order == [sub_id(1), sub_id(2), sub_id(0)]
    assert await store.lanes(NOW, 10) == ()


async def test_lanes_are_limited(store: Store, account: Account) -> None:
    for number in range(4):
        one = await put(store, account, number, endpoints=Endpoints(webhook(f"https://{number}.example/")))
        await enqueue(store, one)
    assert len(await store.lanes(NOW, 3)) == 3


async def test_a_lease_takes_no_more_than_its_limit(store: Store, account: Account) -> None:
    for number in range(5):
        await enqueue(store, await put(store, account, number))
    (lane,) = await store.lanes(NOW, 10)
    assert len(await store.lease(lane, NOW, NOW + LEASE, 3)) == 3
    assert len(await store.lease(lane, NOW, NOW + LEASE, 3)) == 2
    assert await store.lease(lane, NOW, NOW + LEASE, 3) == ()


async def test_an_unknown_lane_has_nothing(store: Store) -> None:
    assert await store.lease(b"unknown", NOW, NOW + LEASE, 3) == ()


async def test_what_is_not_due_is_not_leased(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first, due_at=NOW + SECOND)
    assert await store.lanes(NOW, 10) == ()
    assert await store.next_due(NOW) == NOW + SECOND
    assert [leased.notification for leased in await lease(store, NOW + SECOND)] == [one]


async def test_of_an_endpoint_one_is_in_flight_at_a_time_oldest_first(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    waiting = [await enqueue(store, first, new_mail(count)) for count in (1, 2, 3)]
    for one in waiting:
        (leased,) = await lease(store)
        assert leased.notification == one
        assert await lease(store) == []
        assert await store.lanes(NOW, 10) == ()
        assert await store.next_due(NOW) is None
        await store.settle(one.id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=6, accepted=6)


async def test_a_retry_holds_up_what_came_after_it(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    one, two = await enqueue(store, first), await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    assert await lease(store) == []
    assert await store.next_due(NOW) == NOW + HOUR
    assert [sent.id for sent in await drain(store, NOW + HOUR)] == [one.id, two.id]


async def test_a_postponed_notification_is_the_same_but_for_its_attempts(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    for attempts in range(3):
        at = NOW + attempts * HOUR
        (leased,) = await lease(store, at)
        assert leased.notification == replace(one, attempts=attempts)
        await store.settle(one.id, Postponed(at, at + HOUR, None))
        assert (await store.activity(first.id)).last_push == LastPush(at, one.version, None, "retry")
    assert await counts(store, first) == Counts(detected=1, pending=1)


async def test_a_lease_that_has_lapsed_is_taken_again(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    assert await store.next_due(NOW) is None
    assert await lease(store, NOW + LEASE - SECOND) == []
    assert await store.next_due(NOW + LEASE) == NOW + LEASE
    assert [leased.notification for leased in await lease(store, NOW + LEASE)] == [one]


@pytest.mark.parametrize("endpoint", [webhook(), simplepush()], ids=lambda endpoint: endpoint.kind)
async def test_released_leases_can_be_taken_at_once(store: Store, account: Account, endpoint: Any) -> None:
    first = await put(store, account, endpoints=Endpoints(endpoint))
    one = await enqueue(store, first)
    await lease(store)
    await store.release_leases()
    assert await store.next_due(NOW) == NOW
    assert [leased.notification for leased in await lease(store)] == [one]


# Kinds that only know versions


async def test_of_simplepush_the_newest_is_leased_and_the_older_are_settled_with_it(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    waiting = [await enqueue(store, first, new_mail(count)) for count in (1, 2, 3)]
    (leased,) = await lease(store)
    assert leased.notification == waiting[2]
    assert await counts(store, first) == Counts(detected=6, pending=6)
    await store.settle(waiting[2].id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=6, accepted=3, coalesced=3)
    assert await lease(store) == []


async def test_what_comes_while_a_simplepush_is_in_flight_is_sent_after_it(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    two = await enqueue(store, first)
    assert await lease(store) == []
    await store.settle(one.id, Settled(NOW, 200))
    assert [sent.id for sent in await drain(store, NOW)] == [two.id]
    assert await counts(store, first) == Counts(detected=2, accepted=2)


async def test_more_mail_does_not_hasten_the_retry_of_a_failing_simplepush_endpoint(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    two = await enqueue(store, first, at=NOW + SECOND)
    assert await store.lanes(NOW + SECOND, 10) == ()
    assert await store.next_due(NOW + SECOND) == NOW + HOUR
    (leased,) = await lease(store, NOW + HOUR)
    assert leased.notification == replace(two, attempts=1)
    await store.settle(two.id, Settled(NOW + HOUR, 200))
    assert await counts(store, first) == Counts(detected=2, accepted=1, coalesced=1)


async def test_a_simplepush_that_is_not_due_does_not_hold_up_one_that_is(store: Store, account: Account) -> None:
    first = await put(store, account)
    later = await enqueue(store, first, due_at=NOW + HOUR)
    now = await enqueue(store, first)
    after = await enqueue(store, first, due_at=NOW + HOUR)
    assert [sent.id for sent in await drain(store, NOW)] == [now.id]
    assert [sent.id for sent in await drain(store, NOW + HOUR)] == [after.id]
    assert later.version < now.version


async def test_a_superseded_reconnect_counts_as_accepted_for_the_reminders(store: Store, account: Account) -> None:
    url = "https://push.example.net/both"
    first = await put(store, account, endpoints=Endpoints(simplepush(url), simplepush(url)))
    await told(store, account)
    mail = await enqueue(store, first, at=NOW + SECOND)
    assert [sent.id for sent in await drain(store, NOW + SECOND)] == [mail.id]
    assert await store.remind(NOW + SECOND + HOUR, 10) == 1


async def test_a_superseded_notification_that_outlives_the_newest_is_sent_itself(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    one, two = await enqueue(store, first), await enqueue(store, first, new_mail(2))
    await lease(store)
    await store.settle(two.id, Dropped(NOW, "refused", 400))
    assert [sent.id for sent in await drain(store, NOW)] == [one.id]
    assert await counts(store, first) == Counts(detected=3, accepted=1, refused=2)


# Settlements


async def test_a_settled_notification_leaves_its_trace(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first, new_mail(2), at=NOW - SECOND)
    await lease(store)
    await store.settle(one.id, Settled(NOW, 201))
    assert await store.activity(first.id) == Activity(
        Counts(detected=2, accepted=2), LastPush(NOW, one.version, 201, "accepted"), NOW - SECOND
    )


async def test_the_last_event_is_the_latest_mail_whatever_else_is_sent(store: Store, account: Account) -> None:
    first = await put(store, account)
    await enqueue(store, first, at=NOW)
    await enqueue(store, first, at=NOW - HOUR)
    await enqueue(store, first, Test(), at=NOW + HOUR)
    assert (await store.activity(first.id)).last_event_at == NOW


@pytest.mark.parametrize("outcome", ["expired", "refused"])
async def test_a_dropped_notification_is_counted_and_may_set_a_problem(
    store: Store, account: Account, outcome: str
) -> None:
    first = await put(store, account)
    problem = StandingProblem("endpoint-refused", "It says 403.", NOW)
    one, two = await enqueue(store, first), await enqueue(store, first)
    await store.settle(two.id, Dropped(NOW, outcome, 403))
    assert await store.get(first.id) == first
    await store.settle(one.id, Dropped(NOW, outcome, 403, problem))
    stored = await store.get(first.id)
    assert stored is not None
    assert stored.problem == problem
    found = await counts(store, first)
    assert (found.detected, getattr(found, outcome)) == (2, 2)
    assert (await store.activity(first.id)).last_push == LastPush(NOW, one.version, 403, outcome)


async def test_an_outcome_that_is_none_is_a_mistake_of_the_caller(store: Store) -> None:
    with pytest.raises(ValueError, match="accepted"):
        await store.settle(NotificationId("ntf_unknown"), Dropped(NOW, "accepted", None))


@pytest.mark.parametrize(
    "settlement",
    [Settled(NOW, 200), Postponed(NOW, NOW, 500), Dropped(NOW, "expired", None), EndpointGone(NOW, 410, GONE)],
    ids=lambda settlement: type(settlement).__name__,
)
async def test_settling_what_is_no_longer_there_does_nothing(store: Store, account: Account, settlement: Any) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, Settled(NOW, 200))
    before = await store.activity(first.id)
    await store.settle(one.id, settlement)
    assert await store.activity(first.id) == before
    assert await store.get(first.id) == first


async def test_only_new_mail_is_counted(store: Store, account: Account) -> None:
    first = await put(store, account)
    await enqueue(store, first, Test())
    await drain(store, NOW)
    activity = await store.activity(first.id)
    assert activity.counts == Counts()
    assert activity.last_push is not None


# Endpoints that are gone


async def test_a_gone_new_mail_endpoint_ends_the_subscription(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    one = await enqueue(store, first)
    await enqueue(store, first, new_mail(2))
    await store.settle(one.id, EndpointGone(NOW, 410, GONE))
    stored = await store.get(first.id)
    assert stored is not None
    assert (stored.phase, stored.over_since, stored.problem, stored.loss) == (Phase.ENDED, NOW, GONE, None)
    assert stored.endpoints == Endpoints(None, first.endpoints.reconnect)
    assert await counts(store, first) == Counts(detected=3, refused=3)
    assert (await store.activity(first.id)).last_push == LastPush(NOW, one.version, 410, "gone")
    assert await store.next_due(NOW) is None
    assert await store.wanted() == ()


async def test_a_gone_endpoint_of_another_role_is_removed_and_sets_the_problem(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    mail = await enqueue(store, first)
    reconnect = next(one for one in await lease(store) if one.notification.id != mail.id)
    await store.settle(reconnect.notification.id, EndpointGone(NOW, 404, GONE))
    stored = await store.get(first.id)
    assert stored is not None
    assert (stored.phase, stored.problem) == (Phase.ACTIVE, GONE)
    assert stored.endpoints == Endpoints(first.endpoints.new_mail)
    await store.settle(mail.id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=1, accepted=1)


async def test_a_reconnect_refused_by_its_stand_in_ends_the_subscription(store: Store, account: Account) -> None:
    """Where ``reconnect`` is left out, it goes to the ``new_mail`` endpoint: it is that one which is gone."""
    first = await put(store, account, endpoints=Endpoints(webhook()))
    await told(store, account)
    (leased,) = await lease(store)
    await store.settle(leased.notification.id, EndpointGone(NOW, 410, GONE))
    stored = await store.get(first.id)
    assert stored is not None
    assert stored.phase is Phase.ENDED


async def test_an_endpoint_that_another_subscription_shares_is_gone_for_the_one_only(
    store: Store, account: Account
) -> None:
    endpoints = Endpoints(webhook())
    first = await put(store, account, 1, endpoints=endpoints)
    second = await put(store, account, 2, endpoints=endpoints)
    one, two = await enqueue(store, first), await enqueue(store, second)
    await lease(store)
    await store.settle(one.id, EndpointGone(NOW, 410, GONE))
    assert await store.get(second.id) == second
    assert [leased.notification for leased in await lease(store)] == [two]


async def test_the_end_of_an_old_endpoint_leaves_a_new_one_alone(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webpush()))
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, endpoints=Endpoints(webpush("https://web.example.net/new")))
    await store.settle(one.id, EndpointGone(NOW + SECOND, 410, GONE))
    stored = await store.get(first.id)
    assert stored is not None
    assert (stored.phase, stored.problem) == (Phase.ACTIVE, None)
    (leased,) = await lease(store, NOW + SECOND)
    assert leased.notification.id == one.id
    assert leased.endpoint == webpush("https://web.example.net/new")


# Endpoints that change


async def test_what_waits_goes_to_the_new_endpoint_in_order_under_new_versions(store: Store, account: Account) -> None:
    old, new = webhook("https://old.example/"), webhook("https://new.example/")
    first = await put(store, account, 1, endpoints=Endpoints(old))
    ahead = await put(store, account, 2, endpoints=Endpoints(new))
    waiting = [await enqueue(store, first, new_mail(count)) for count in (1, 2)]
    last = await enqueue(store, ahead, at=NOW + HOUR)
    await drain(store, NOW + HOUR - SECOND)  # the two of the old endpoint
    waiting = [await enqueue(store, first, new_mail(count)) for count in (1, 2)]
    await change(store, first, endpoints=Endpoints(new))
    sent = await drain(store, NOW + HOUR)
    assert [one.id for one in sent] == [last.id, *[one.id for one in waiting]]
    assert [one.version for one in sent] == [last.version, last.version + 1, last.version + 2]
    assert await store.lanes(NOW + DAY, 10) == ()
    assert await counts(store, first) == Counts(detected=6, accepted=6)


async def test_a_retry_starts_anew_at_the_new_endpoint(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook("https://old.example/")))
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    await change(store, first, endpoints=Endpoints(webhook("https://new.example/")))
    (leased,) = await lease(store)
    assert (leased.notification.id, leased.notification.attempts) == (one.id, 0)


async def test_what_is_in_flight_while_its_endpoint_changes_is_settled_as_sent(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook("https://old.example/")))
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, endpoints=Endpoints(webhook("https://new.example/")))
    await store.settle(one.id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=1, accepted=1)
    assert await store.next_due(NOW) is None


@pytest.mark.parametrize("how", ["postponed", "released", "lapsed"])
async def test_what_failed_at_an_old_endpoint_goes_to_the_new_one(store: Store, account: Account, how: str) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook("https://old.example/")))
    one = await enqueue(store, first)
    await lease(store)
    new = webhook("https://new.example/")
    await change(store, first, endpoints=Endpoints(new))
    at = NOW
    if how == "postponed":
        await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    elif how == "released":
        await store.release_leases()
    else:
        at = NOW + LEASE
        assert await lease(store, at) == []
    (leased,) = await lease(store, at)
    assert (leased.notification.id, leased.endpoint) == (one.id, new)


async def test_new_keys_of_the_same_url_move_nothing(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    one = await enqueue(store, first)
    unverified = replace(webhook(), verified=False)
    await change(store, first, endpoints=Endpoints(unverified))
    (leased,) = await lease(store)
    assert leased.notification == one
    assert leased.endpoint == unverified


async def test_what_waits_for_a_role_that_is_gone_is_dropped(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    mail = await enqueue(store, first)
    await change(store, first, endpoints=Endpoints(first.endpoints.new_mail))
    assert [one.id for one in await drain(store, NOW)] == [mail.id]


async def test_what_waits_for_a_role_that_is_gone_goes_to_its_stand_in(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webpush(), simplepush()))
    await told(store, account)
    await change(store, first, endpoints=Endpoints(webpush()))
    (leased,) = await lease(store)
    assert (leased.notification.content, leased.endpoint) == (
        Reconnect(LossReason.CONNECTION_LOST),
        webpush(),
    )


@pytest.mark.parametrize("phase", OVER)
async def test_a_subscription_that_is_put_as_over_loses_its_queue(store: Store, account: Account, phase: Phase) -> None:
    first = await put(store, account)
    one = await enqueue(store, first, new_mail(2))
    await lease(store)
    await enqueue(store, first)
    await change(store, first, phase=phase, over_since=NOW)
    assert await counts(store, first) == Counts(detected=3, expired=3)
    await store.settle(one.id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=3, expired=3)


async def test_one_that_is_paused_is_not_told_of_the_mail_that_waits(store: Store, account: Account) -> None:
    first = await put(store, account)
    await enqueue(store, first, new_mail(2))
    reconnect = await enqueue(store, first, Reconnect(LossReason.CONNECTION_LOST))
    paused = await change(store, first, paused=True)

    assert [leased.notification for leased in await lease(store)] == [reconnect]
    assert (await counts(store, first)).expired == 2
    await change(store, paused, paused=False)
    assert await drain(store, NOW + LEASE) == [reconnect]


async def test_mail_in_flight_when_its_subscription_is_paused_is_not_tried_again(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, paused=True)
    await store.settle(one.id, Postponed(NOW, NOW + SECOND, 503))

    assert await lease(store, NOW + HOUR) == []
    assert await counts(store, first) == Counts(detected=1, expired=1)


async def test_mail_whose_lease_lapses_in_a_pause_is_not_sent_again(store: Store, account: Account) -> None:
    first = await put(store, account)
    await enqueue(store, first)
    await lease(store)
    await change(store, first, paused=True)

    assert await lease(store, NOW + HOUR) == []
    assert await counts(store, first) == Counts(detected=1, expired=1)


async def test_a_loss_that_is_closed_by_a_put_drops_what_was_not_sent(store: Store, account: Account) -> None:
    """New credentials have come: to ask for them again would only confuse the app."""
    await put(store, account)
    await store.record_loss(account.id, LossReason.CONNECTION_LOST, NOW, NOW)
    stored = await store.get(sub_id(1))
    assert stored is not None
    await store.put(replace(stored, loss=None))
    assert await lease(store) == []


async def test_a_session_closes_no_loss_of_one_that_has_not_shown_its_right(store: Store, account: Account) -> None:
    await put(store, account, 1)
    await put(store, account, 2, phase=Phase.PENDING)
    await store.record_loss(account.id, LossReason.RESTART, NOW, NOW)
    await store.clear_loss(account.id)

    assert [one.loss is None for one in await store.of_account(account.id)] == [True, False]
    assert [one.notification.subscription_id for one in await lease(store)] == [sub_id(2)]


async def test_where_credentials_are_held_only_the_pending_are_told_of_a_restart(
    store: Store, account: Account
) -> None:
    await put(store, account, 1)
    await put(store, account, 2, phase=Phase.PENDING)

    assert await store.record_loss(account.id, LossReason.RESTART, NOW, NOW, pending_only=True) == 1
    assert [one.loss is None for one in await store.of_account(account.id)] == [True, False]


async def test_leases_end_in_steps_the_oldest_first(store: Store, account: Account) -> None:
    for number in (1, 2, 3):
        await put(store, account, number, expires_at=NOW + number * SECOND)

    assert [one.id for one in await store.expire(NOW + HOUR, 2)] == [sub_id(1), sub_id(2)]
    assert [one.id for one in await store.expire(NOW + HOUR, 2)] == [sub_id(3)]
    later = NOW + 8 * DAY
    await store.expire(later, 2)
    assert len(await store.page(None, None, 10)) == 1


async def test_to_look_for_an_account_makes_none(store: Store, account: Account) -> None:
    assert await store.account_by_key(TARGET, "alice@example.org") == account
    assert await store.account_by_key(TARGET, "bob@example.org") is None
    assert (await store.counts())["accounts"] == 1


# Keys


async def test_the_first_vapid_key_stands(store: Store) -> None:
    assert await store.vapid_key() is None
    assert await store.put_vapid_key(b"first") == b"first"
    assert await store.put_vapid_key(b"second") == b"first"
    assert await store.vapid_key() == b"first"


async def test_api_keys_are_found_by_their_hash_listed_and_removed(store: Store) -> None:
    first = ApiKey(ApiKeyId("key_1"), "phone", b"\x01" * 32, frozenset({"metrics", "subscribe"}), NOW)
    second = ApiKey(ApiKeyId("key_2"), "", b"\x02" * 32, frozenset(), NOW - DAY, NOW + DAY)
    for key in (first, second):
        await store.put_api_key(key)
    assert await store.api_key(b"\x01" * 32) == first
    assert await store.api_key(b"\x03" * 32) is None
    assert await store.api_keys() == (second, first)
    renamed = replace(first, name="tablet")
    await store.put_api_key(renamed)
    assert await store.api_keys() == (second, renamed)
    assert await store.remove_api_key(first.id) is True
    assert await store.remove_api_key(first.id) is False
    assert await store.api_keys() == (second,)


# The whole


async def test_a_fingerprint_tells_equal_values_and_is_keyed(store: Store) -> None:
    assert store.fingerprint(b"a") == store.fingerprint(b"a") != store.fingerprint(b"b")
    assert len(store.fingerprint(b"a")) == 32
    assert store.fingerprint(b"a") != hashlib.sha256(b"a").digest()


async def test_a_healthy_store_can_be_checked_and_closed_twice(store: Store) -> None:
    await store.check()
    await store.close()
    await store.close()


async def test_writes_of_many_tasks_all_happen(store: Store, account: Account) -> None:
    subscriptions = [
        await put(store, account, number, endpoints=Endpoints(webhook(f"https://hook.example.net/{number}")))
        for number in range(20)
    ]
    await asyncio.gather(*(store.enqueue([draft(one.id)]) for one in subscriptions for _ in range(10)))
    assert (await store.counts())["pending_notifications"] == 200
    assert all(len(versions) == 10 for versions in (await versions_by_subscription(store)).values())


async def versions_by_subscription(store: Store) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in await drain(store, NOW):
        found.setdefault(one.subscription_id, []).append(one.version)
    return found
