"""How every store moves a cursor, and what waits in the outbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from contracts.store_steps import OVER, change, counts, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import AccountId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Content,
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Test,
    Verification,
)
from idlebell.model.subscription import Counts, LastPush, Payload, Phase
from idlebell.store.contract import ConflictError, Dropped, Postponed, Settled, Store
from store_samples import DAY, HOUR, LEASE, NOW, NOW_MS, SECOND, TARGET, draft, new_mail, simplepush, sub_id, webhook

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
    first = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.CONTENT)
    await enqueue(store, first, content)
    (leased,) = await lease(store)
    assert leased.notification.content == content
    assert leased.endpoint == webhook()


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (Payload.CONTENT, (MessageSummary(1, subject="Lunch?", text="At noon.", truncated=True),)),
        (Payload.SUMMARY, (MessageSummary(1, subject="Lunch?", truncated=True),)),
        (Payload.ALERT, ()),
    ],
)
async def test_no_more_is_said_than_is_wanted_when_it_is_sent(
    store: Store, account: Account, payload: Payload, said: tuple[MessageSummary, ...]
) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.CONTENT)
    message = MessageSummary(1, subject="Lunch?", text="At noon.", truncated=True)
    await enqueue(store, first, replace(new_mail(), messages=(message,)))
    await change(store, first, payload=payload)
    (leased,) = await lease(store)
    assert leased.notification.content == replace(new_mail(), messages=said)


@pytest.mark.parametrize(("first", "then"), [(Payload.CONTENT, Payload.ALERT), (Payload.ALERT, Payload.CONTENT)])
async def test_what_was_ever_sent_never_changes(store: Store, account: Account, first: Payload, then: Payload) -> None:
    made = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.CONTENT)
    message = MessageSummary(1, subject="Lunch?", text="At noon.")
    await enqueue(store, made, replace(new_mail(), messages=(message,)))
    await change(store, made, payload=first)
    (sent,) = await lease(store)
    await store.settle(sent.notification.id, Postponed(NOW, NOW + SECOND, 503))
    await change(store, made, payload=then)
    (again,) = await lease(store, NOW + SECOND)
    assert again.notification.content == sent.notification.content


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


async def test_one_step_takes_of_each_lane_what_it_is_allowed(store: Store, account: Account) -> None:
    for number in range(5):
        await enqueue(store, await put(store, account, number))
    other = await put(store, account, 5, endpoints=Endpoints(webhook("https://other.example/")))
    later = await enqueue(store, other, due_at=NOW + SECOND)
    taken = await store.take(NOW, NOW + LEASE, 10, lambda lanes, _: dict.fromkeys(lanes, 3))
    assert (len(taken.leased), taken.lanes, taken.left) == (3, 1, True)
    taken = await store.take(NOW, NOW + LEASE, 10, lambda lanes, _: dict.fromkeys(lanes, 3))
    assert (len(taken.leased), taken.lanes, taken.left) == (2, 1, False)
    assert taken.next_due == NOW + SECOND
    taken = await store.take(NOW + SECOND, NOW + LEASE, 10, lambda lanes, _: {})
    assert (taken.leased, taken.lanes, taken.left) == ((), 1, True)
    taken = await store.take(NOW + SECOND, NOW + LEASE, 10, lambda lanes, _: dict.fromkeys(lanes, 3))
    assert [leased.notification for leased in taken.leased] == [later]
    assert (taken.left, taken.next_due) == (False, None)


async def test_one_step_asks_of_so_many_lanes_only(store: Store, account: Account) -> None:
    for number in range(4):
        one = await put(store, account, number, endpoints=Endpoints(webhook(f"https://{number}.example/")))
        await enqueue(store, one)
    taken = await store.take(NOW, NOW + LEASE, 3, lambda lanes, _: dict.fromkeys(lanes, 3))
    assert (len(taken.leased), taken.lanes, taken.left) == (3, 3, True)


async def test_what_is_taken_sees_what_was_asked_before_it(store: Store, account: Account) -> None:
    first = await put(store, account)
    enqueued, taken = await asyncio.gather(
        store.enqueue([draft(first.id)]), store.take(NOW, NOW + LEASE, 10, lambda lanes, _: dict.fromkeys(lanes, 3))
    )
    assert [leased.notification for leased in taken.leased] == list(enqueued)


async def test_who_settles_is_told_whether_more_waits_for_the_endpoint(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    one, two = [await enqueue(store, first, new_mail(count)) for count in (1, 2)]
    await lease(store)
    assert await store.settle(one.id, Settled(NOW, 200))
    await lease(store)
    assert await store.settle(two.id, Postponed(NOW, NOW + SECOND, 503))
    await lease(store, NOW + SECOND)
    assert not await store.settle(two.id, Settled(NOW, 200))
    assert not await store.settle(two.id, Settled(NOW, 200))


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
    # It may have been sent meanwhile.
    assert [leased.notification for leased in await lease(store, NOW + LEASE)] == [replace(one, attempts=1)]


@pytest.mark.parametrize("endpoint", [webhook(), simplepush()], ids=lambda endpoint: endpoint.kind)
async def test_released_leases_can_be_taken_at_once(store: Store, account: Account, endpoint: Any) -> None:
    first = await put(store, account, endpoints=Endpoints(endpoint))
    one = await enqueue(store, first)
    await lease(store)
    await store.release_leases()
    assert await store.next_due(NOW) == NOW
    # As may this before the kill.
    assert [leased.notification for leased in await lease(store)] == [replace(one, attempts=1)]


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
