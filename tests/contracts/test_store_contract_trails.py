"""What is kept of verdicts and deliveries, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

import store_samples as samples
from contracts.store_steps import GONE, change, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import NewMail, Seen, Told
from idlebell.model.preferences import Preferences, QuietHours, Then
from idlebell.model.trail import DELIVERIES_KEPT, KEPT_FOR, MAILBOX_CHARACTERS, VERDICTS_KEPT, Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.contract import (
    ConflictError,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Settlement,
    Store,
    Tried,
)
from store_samples import DAY, HOUR, NOW, SECOND, draft, webhook

TRIED = Tried(12.3, "push.example.net")
KEPT = NOW.replace(microsecond=123_000)
"""Trails are kept to the millisecond."""


def verdict(
    to: SubscriptionId, uid: int = 11, outcome: Outcome = Outcome.RINGS, at: datetime = KEPT, mailbox: str = "INBOX"
) -> KeptVerdict:
    return KeptVerdict(to, at, mailbox, 7, uid, uid, outcome)


async def commit(store: Store, account: Account, *verdicts: KeptVerdict, rings: bool = False) -> None:
    before = await store.cursor(account.id, "INBOX")
    after = Cursor(7, verdicts[-1].last_uid + 1)
    drafts = [draft(verdicts[0].subscription_id)] if rings else []
    await store.commit(account.id, "INBOX", before, after, drafts, verdicts=verdicts)


def new_mail_of_vip() -> NewMail:
    return replace(samples.new_mail(), vip=True)


async def commit_with_vip(store: Store, account: Account, to: SubscriptionId, uid: int) -> None:
    """One message that waits for its schedule, and a VIP's after it."""
    verdicts = [verdict(to, uid), replace(verdict(to, uid + 1), vip=True)]
    drafts = [draft(to, new_mail_of_vip()), draft(to)]
    before = await store.cursor(account.id, "INBOX")
    await store.commit(account.id, "INBOX", before, Cursor(7, uid + 2), drafts, verdicts=verdicts)


# Verdicts


async def test_a_verdict_is_kept_with_the_arrival_whole(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = KeptVerdict(
        first.id,
        KEPT,
        "Pöst \ud800\n",
        7,
        11,
        510,
        Outcome.FILTERED,
        because=("the subject holds no “Lunch”",),
        marks=frozenset({"seen", "appended"}),
        message=b"\x00\xff1234567",
        received_at=datetime(2026, 11, 22, 3, 59, 58, tzinfo=UTC),
        took_ms=1.5,
    )
    await commit(store, account, one)
    assert await store.verdicts(first.id) == (one,)


async def test_a_verdict_that_rings_names_the_notification_that_tells_of_it(store: Store, account: Account) -> None:
    first = await put(store, account)
    await commit(store, account, verdict(first.id, 11, Outcome.FILTERED), verdict(first.id, 12), rings=True)
    (leased,) = await lease(store)
    assert await store.verdicts(first.id) == (
        replace(verdict(first.id, 12), notification=leased.notification.id),
        verdict(first.id, 11, Outcome.FILTERED),
    )


async def test_a_verdict_that_rings_with_nowhere_to_go_names_none(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(None))
    await commit(store, account, verdict(first.id), rings=True)
    assert await store.verdicts(first.id) == (verdict(first.id),)


async def test_a_verdict_that_rings_later_says_until_when(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=Preferences(digest_minutes=10))
    await commit(store, account, verdict(first.id, 11), rings=True)
    await commit(store, account, verdict(first.id, 12), rings=True)
    held, rang = await store.verdicts(first.id)
    assert (rang.outcome, held.outcome) == (Outcome.RINGS, Outcome.HELD)
    because = "quiet hours, a digest, the day's allowance, or others just before it, until 2026-11-22 04:10:00 UTC"
    assert held.because == (because,)


async def test_what_is_held_has_the_identity_of_what_it_rings_as(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=Preferences(digest_minutes=10))
    await commit(store, account, verdict(first.id, 11), rings=True)
    await drain(store, NOW)
    await commit(store, account, verdict(first.id, 12), rings=True)
    await commit(store, account, verdict(first.id, 13), rings=True)
    later, held, _ = await store.verdicts(first.id)
    assert held.notification is not None
    assert later.notification == held.notification
    assert await store.waits(held.notification) == NOW + HOUR / 6

    await store.release(NOW + HOUR)
    (rung,) = await drain(store, NOW + HOUR)

    assert rung.id == held.notification
    assert await store.waits(held.notification) is None


async def test_what_is_silenced_when_its_turn_comes_says_so(store: Store, account: Account) -> None:
    digest = Preferences(digest_minutes=10)
    first = await put(store, account, preferences=digest, endpoints=Endpoints(webhook()))
    await commit(store, account, verdict(first.id, 11), rings=True)
    await commit(store, account, verdict(first.id, 12), rings=True)
    held, rang = await store.verdicts(first.id)
    await change(store, first, preferences=Preferences(muted_until=NOW + DAY))
    await store.release(KEPT + HOUR)
    assert await lease(store, KEPT + HOUR) == []
    found = {one.notification: (one.outcome, one.version > 0) for one in await store.deliveries(first.id)}
    assert found == {held.notification: ("silenced", False), rang.notification: ("silenced", True)}


async def test_what_comes_to_a_hold_on_its_way_out_says_so(store: Store, account: Account) -> None:
    digest = Preferences(digest_minutes=10)
    first = await put(store, account, preferences=digest, endpoints=Endpoints(webhook()))
    await commit(store, account, verdict(first.id, 11), rings=True)
    await commit(store, account, verdict(first.id, 12), rings=True)
    held, rang = await store.verdicts(first.id)
    night = QuietHours("UTC", frozenset(range(7)), time(22), time(7), Then.COUNT)
    await change(store, first, preferences=Preferences(quiet_hours=night, digest_minutes=10))
    assert await lease(store) == []
    (merged,) = await store.deliveries(first.id)
    assert (merged.notification, merged.outcome, merged.into) == (rang.notification, "merged", held.notification)


async def test_what_was_read_elsewhere_before_its_turn_says_so(store: Store, account: Account) -> None:
    """Of what waits with others each message by itself."""
    wish = Preferences(digest_minutes=10, withdraw=True)
    first = await put(store, account, preferences=wish)
    await commit(store, account, verdict(first.id, 11), rings=True)
    await drain(store, NOW)
    before = await store.cursor(account.id, "INBOX")
    content = replace(samples.new_mail(2), told=(Told("INBOX", 7, 12), Told("INBOX", 7, 13)))
    verdicts = [verdict(first.id, 12), verdict(first.id, 13)]
    await store.commit(account.id, "INBOX", before, Cursor(7, 14), [draft(first.id, content)], verdicts=verdicts)

    await store.withdraw([draft(first.id, Seen("INBOX", 7, (11, 12), 0))])

    kept = {one.uid: one.outcome for one in await store.verdicts(first.id)}
    assert kept == {11: Outcome.RINGS, 12: Outcome.WITHDRAWN, 13: Outcome.HELD}


async def test_of_what_rings_and_what_is_held_each_verdict_names_its_own(store: Store, account: Account) -> None:
    """In one look: a VIP's rings through the digest that holds the rest."""
    first = await put(store, account, preferences=Preferences(digest_minutes=10))
    await commit(store, account, verdict(first.id, 11), rings=True)
    await drain(store, NOW)

    await commit_with_vip(store, account, first.id, 12)

    (leased,) = await lease(store)
    vip, held, _ = await store.verdicts(first.id)
    assert (vip.outcome, vip.notification) == (Outcome.RINGS, leased.notification.id)
    assert held.outcome is Outcome.HELD
    assert held.notification not in (None, vip.notification)


async def test_where_both_ring_each_verdict_names_its_own(store: Store, account: Account) -> None:
    digest = Preferences(digest_minutes=10)
    first = await put(store, account, preferences=digest, endpoints=Endpoints(webhook()))
    await commit_with_vip(store, account, first.id, 11)
    vip, other = await store.verdicts(first.id)
    by_id = {one.id: one.content for one in await drain(store, NOW)}
    assert {vip.notification: new_mail_of_vip(), other.notification: samples.new_mail()} == by_id


async def test_a_verdict_that_is_silenced_says_so(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=Preferences(muted_until=NOW + HOUR))
    await commit(store, account, verdict(first.id, 11), rings=True)
    (kept,) = await store.verdicts(first.id)
    assert (kept.outcome, kept.notification) == (Outcome.MUTED, None)
    assert kept.because


async def test_each_subscription_has_its_own_verdicts(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1), await put(store, account, 2)
    await commit(store, account, verdict(first.id), verdict(second.id, outcome=Outcome.MUTED))
    assert await store.verdicts(first.id) == (verdict(first.id),)
    assert await store.verdicts(second.id) == (verdict(second.id, outcome=Outcome.MUTED),)


async def test_the_newest_verdicts_are_kept(store: Store, account: Account) -> None:
    first = await put(store, account)
    for uid in range(1, 8):
        await commit(store, account, verdict(first.id, uid))
    await commit(store, account, *(verdict(first.id, uid) for uid in range(8, 408)))
    found = await store.verdicts(first.id)
    assert [one.uid for one in found] == list(range(407, 407 - len(found), -1))
    assert VERDICTS_KEPT / 2 < len(found) <= VERDICTS_KEPT


async def test_long_names_are_cut_and_leave_room_for_fewer(store: Store, account: Account) -> None:
    first = await put(store, account)
    long = verdict(first.id, mailbox="ü" * 2_000)
    await commit(store, account, *(replace(long, uid=uid, last_uid=uid) for uid in range(1, 30)))
    found = await store.verdicts(first.id)
    assert [one.uid for one in found] == list(range(29, 29 - len(found), -1))
    assert 10 < len(found) < 20
    assert {one.mailbox for one in found} == {"ü" * MAILBOX_CHARACTERS}
    assert all(one.lies_in("ü" * 2_000) and not one.lies_in("ü" * 99) for one in found)


async def test_a_commit_that_conflicts_keeps_no_verdict(store: Store, account: Account) -> None:
    first = await put(store, account)
    with pytest.raises(ConflictError):
        await store.commit(account.id, "INBOX", Cursor(7, 5), Cursor(7, 12), [], verdicts=[verdict(first.id)])
    assert await store.verdicts(first.id) == ()


async def test_a_verdict_for_a_subscription_that_is_gone_is_left_out(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1), await put(store, account, 2)
    await store.remove(second.id)
    await commit(store, account, verdict(first.id), verdict(second.id))
    assert await store.verdicts(first.id) == (verdict(first.id),)
    assert await store.verdicts(second.id) == ()


# Deliveries


async def test_each_attempt_is_kept(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first, at=KEPT - SECOND)
    await lease(store)
    await store.settle(one.id, Postponed(KEPT, KEPT + HOUR, 503, tried=TRIED))
    assert await store.waits(one.id) == KEPT + HOUR
    await lease(store, NOW + HOUR)
    await store.settle(one.id, Settled(KEPT + HOUR, 201, TRIED))
    assert await store.waits(one.id) is None
    retry = Delivery(
        one.id, one.version, "new_mail", KEPT - SECOND, KEPT, "retry", 503, 12.3, "push.example.net", KEPT + HOUR
    )
    assert await store.deliveries(first.id) == (
        replace(retry, at=KEPT + HOUR, outcome="accepted", status=201, next_at=None),
        retry,
    )


@pytest.mark.parametrize(
    ("settlement", "outcome", "took_ms"),
    [
        (Dropped(KEPT, "expired", None), "expired", None),
        (Dropped(KEPT, "refused", 400, tried=TRIED), "refused", 12.3),
        (EndpointGone(KEPT, 410, GONE, TRIED), "gone", 12.3),
    ],
)
async def test_an_end_is_kept(
    store: Store, account: Account, settlement: Settlement, outcome: str, took_ms: float | None
) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, settlement)
    (kept,) = await store.deliveries(first.id)
    assert (kept.outcome, kept.status, kept.took_ms) == (outcome, settlement.status, took_ms)


async def test_what_a_newer_one_stands_for_is_kept_as_coalesced(store: Store, account: Account) -> None:
    """Also where another subscription has the same endpoint."""
    shared = Endpoints(samples.simplepush())
    first, second = await put(store, account, 1, endpoints=shared), await put(store, account, 2, endpoints=shared)
    older, other, newer = await enqueue(store, first), await enqueue(store, second), await enqueue(store, first)
    assert [one.id for one in await drain(store, NOW)] == [newer.id]
    found = [(one.notification, one.outcome, one.took_ms) for one in await store.deliveries(first.id)]
    assert found == [(older.id, "coalesced", None), (newer.id, "accepted", None)]
    assert [(one.notification, one.outcome) for one in await store.deliveries(second.id)] == [(other.id, "coalesced")]


async def test_the_newest_deliveries_are_kept(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    sent = []
    for _ in range(DELIVERIES_KEPT + 5):
        sent.append(await enqueue(store, first))
        await drain(store, NOW)
    found = await store.deliveries(first.id)
    assert [one.version for one in found] == [one.version for one in reversed(sent[5:])]


async def test_what_else_is_sent_is_kept_too(store: Store, account: Account) -> None:
    first = await put(store, account)
    await told(store, account)
    await drain(store, NOW)
    assert [one.type for one in await store.deliveries(first.id)] == ["reconnect"]


# Forgetting


async def test_what_is_older_goes_when_something_newer_comes(store: Store, account: Account) -> None:
    first = await put(store, account)
    await commit(store, account, verdict(first.id, 1))
    await commit(store, account, verdict(first.id, 2, at=KEPT + DAY))
    newest = verdict(first.id, 3, at=KEPT + KEPT_FOR + SECOND)
    await commit(store, account, newest)
    assert [one.uid for one in await store.verdicts(first.id)] == [3, 2]


async def test_what_nothing_was_added_to_for_long_is_forgotten(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1), await put(store, account, 2)
    await commit(store, account, verdict(first.id), verdict(second.id))
    await enqueue(store, first)
    await drain(store, NOW)
    assert await store.forget_trails(NOW + KEPT_FOR) == 0
    assert await store.forget_trails(NOW + KEPT_FOR + DAY, 1) == 2, "one verdict's and one delivery's ring"
    assert await store.forget_trails(NOW + KEPT_FOR + DAY) == 1
    assert await store.forget_trails(NOW + KEPT_FOR + DAY) == 0
    for one in (first, second):
        assert (await store.verdicts(one.id), await store.deliveries(one.id)) == ((), ())


async def test_they_go_with_their_subscription(store: Store, account: Account) -> None:
    first = await put(store, account)
    await commit(store, account, verdict(first.id), rings=True)
    await drain(store, NOW)
    await store.remove(first.id)
    assert (await store.verdicts(first.id), await store.deliveries(first.id)) == ((), ())
    again = await put(store, await store.account(samples.TARGET, "alice@example.org"))
    assert (await store.verdicts(again.id), await store.deliveries(again.id)) == ((), ())
