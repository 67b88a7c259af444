"""How every store lets endpoints take turns, and ends what nobody took."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from contracts.store_steps import GONE, change, counts, enqueue, lease, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Notification
from idlebell.model.subscription import Counts, LastPush, Payload, StandingProblem, Subscription
from idlebell.store.contract import Dropped, Postponed, Settled, Settlement, Store
from store_samples import DAY, HOUR, LEASE, NOW, SECOND, TARGET, new_mail, simplepush, webhook


async def one_at_a_time(store: Store, now: datetime) -> list[Notification]:
    """What a service gets that takes one push at a time."""
    sent = []
    for second in range(100):
        leased = await lease(store, now + second * SECOND, limit=1)
        if not leased:
            break
        sent.append(leased[0].notification)
        await store.settle(sent[-1].id, Settled(now + second * SECOND, 200))
    return sent


async def problem_of(store: Store, subscription: Subscription) -> StandingProblem | None:
    stored = await store.get(subscription.id)
    assert stored is not None
    return stored.problem


async def test_whoever_has_much_waiting_takes_turns_with_those_who_have_little(store: Store, account: Account) -> None:
    flooded, other = [
        await put(store, account, number, endpoints=Endpoints(webhook(f"https://hook.example.net/{number}")))
        for number in (1, 2)
    ]
    for second in range(4):
        await enqueue(store, flooded, new_mail(1), at=NOW - (10 - second) * SECOND)
    for _ in range(2):
        await enqueue(store, other, new_mail(1), at=NOW)
    sent = await one_at_a_time(store, NOW + SECOND)
    turns = [one.subscription_id for one in sent]
    assert turns == [flooded.id, other.id, flooded.id, other.id, flooded.id, flooded.id]
    for one in (flooded, other):
        own = [notification.version for notification in sent if notification.subscription_id == one.id]
        assert own == sorted(own)


@pytest.mark.parametrize("at_once", [1, 2, 3])
async def test_an_account_with_many_endpoints_takes_turns_with_those_that_have_one(
    store: Store, account: Account, at_once: int
) -> None:
    others = [await store.account(TARGET, name) for name in ("bob", "carol")]
    owners = [account, account, account, account, *others]
    hooks = [
        await put(store, owner, number, endpoints=Endpoints(webhook(f"https://hook.example.net/{number}")))
        for number, owner in enumerate(owners)
    ]
    for second, hook in enumerate(hooks):
        await enqueue(store, hook, at=NOW + second * SECOND)
    now = NOW + 10 * SECOND
    (lane,) = await store.lanes(now, 10)
    owner_of = {hook.id: hook.account_id for hook in hooks}
    turns: list[str] = []
    while leased := await store.lease(lane, now, now + LEASE, at_once):
        turns += [owner_of[one.notification.subscription_id] for one in leased]
        now += SECOND
    assert turns == [account.id, others[0].id, others[1].id, account.id, account.id, account.id]


async def test_a_taking_is_told_where_something_was_tried_before(store: Store, account: Account) -> None:
    down, fresh = [
        await put(store, account, number, endpoints=Endpoints(webhook(f"https://{number}.example.net/")))
        for number in (1, 2)
    ]
    one = await enqueue(store, down)
    (first,) = await lease(store)
    await store.release_leases()
    await enqueue(store, fresh, at=NOW + SECOND)
    asked: list[tuple[list[bytes], set[bytes]]] = []

    def share(due: Sequence[bytes], tried: Collection[bytes]) -> dict[bytes, int]:
        asked.append((list(due), set(tried)))
        return dict.fromkeys(due, 1)

    taken = await store.take(NOW + HOUR, NOW + HOUR + LEASE, 10, share)
    due = [leased.lane for leased in taken.leased]
    assert asked == [(due, {first.lane})]
    assert due[0] == first.lane
    await store.settle(one.id, Settled(NOW + HOUR, 200))
    assert await store.take(NOW + DAY, NOW + DAY + LEASE, 10, share)
    assert asked[1:] == [(due[1:], set())]


async def test_what_is_retried_after_its_turn_is_as_late_as_it_was_told_to_be(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    one, two = [await enqueue(store, first, at=NOW + second * SECOND) for second in (0, 1)]
    await lease(store, NOW + SECOND)
    await store.settle(one.id, Postponed(NOW + SECOND, NOW + HOUR, 503))
    assert await store.next_due(NOW + SECOND) == NOW + HOUR
    await lease(store, NOW + HOUR)
    await store.settle(one.id, Settled(NOW + HOUR, 200))
    assert await store.next_due(NOW + HOUR) == NOW + HOUR
    assert [leased.notification.id for leased in await lease(store, NOW + HOUR)] == [two.id]


# What nobody took


@pytest.mark.parametrize("endpoint", [webhook(), simplepush()], ids=lambda endpoint: endpoint.kind)
async def test_what_is_of_no_use_any_more_is_given_up_though_its_turn_never_came(
    store: Store, account: Account, endpoint: Any
) -> None:
    first = await put(store, account, endpoints=Endpoints(endpoint))
    old = [await enqueue(store, first, new_mail(count)) for count in (1, 2)]
    fresh = await enqueue(store, first, at=NOW + HOUR)
    assert await store.overdue(NOW + DAY - SECOND) == ()
    given_up = await store.overdue(NOW + DAY)
    assert sorted(given_up) == sorted((first.id, one.id) for one in old)
    assert await counts(store, first) == Counts(detected=4, expired=3, pending=1)
    last = (await store.activity(first.id)).last_push
    assert last is not None
    assert (last.at, last.outcome, last.status) == (NOW + DAY, "expired", None)
    assert [one.outcome for one in await store.deliveries(first.id)] == ["expired", "expired"]
    assert await problem_of(store, first) is None
    assert [leased.notification.id for leased in await lease(store, NOW + DAY)] == [fresh.id]
    assert await store.overdue(NOW + 3 * DAY) == ()


async def test_of_what_was_tried_in_vain_the_subscription_tells(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    assert await store.overdue(NOW + DAY) == ((first.id, one.id),)
    problem = await problem_of(store, first)
    assert problem is not None
    assert (problem.code, problem.since) == ("endpoint-failing", NOW + DAY)
    assert (await store.activity(first.id)).last_push == LastPush(NOW + DAY, one.version, None, "expired")


async def test_they_are_given_up_a_few_at_a_time_the_oldest_first(store: Store, account: Account) -> None:
    first = await put(store, account)
    waiting = [await enqueue(store, first, at=NOW + second * SECOND) for second in range(5)]
    found = [await store.overdue(NOW + 2 * DAY, 2) for _ in range(4)]
    assert [[one for _, one in step] for step in found] == [
        [waiting[0].id, waiting[1].id],
        [waiting[2].id, waiting[3].id],
        [waiting[4].id],
        [],
    ]


# An endpoint that works again


@pytest.mark.parametrize(
    ("code", "settlement", "stands"),
    [
        ("endpoint-failing", Settled(NOW, 201), False),
        ("endpoint-refused", Settled(NOW, 201), False),
        ("endpoint-unverified", Settled(NOW, 201), False),
        ("endpoint-failing", Postponed(NOW, NOW + HOUR, 503), True),
        ("endpoint-failing", Dropped(NOW, "expired", None), True),
        ("session-lost", Settled(NOW, 201), True),
        ("endpoint-gone", Settled(NOW, 201), True),
    ],
)
async def test_an_accepted_push_ends_what_was_said_against_the_endpoint(
    store: Store, account: Account, code: str, settlement: Settlement, stands: bool
) -> None:
    first = await put(store, account, problem=StandingProblem(code, "It says 403.", NOW))
    one = await enqueue(store, first)
    await lease(store)
    await store.settle(one.id, settlement)
    assert (await problem_of(store, first) is not None) is stands


async def test_a_push_to_another_subscription_mends_nothing(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1, problem=GONE), await put(store, account, 2)
    await change(store, first, problem=StandingProblem("endpoint-failing", "It is down.", NOW))
    await store.settle((await enqueue(store, second)).id, Settled(NOW, 201))
    assert await problem_of(store, first) is not None


async def test_what_a_lapsed_lease_may_have_sent_never_changes(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.CONTENT)
    one = await enqueue(store, first, replace(new_mail(), messages=(MessageSummary(uid=10, size=1),)))
    await lease(store)
    await lease(store, NOW + LEASE)
    await change(store, first, payload=Payload.ALERT)
    two = await enqueue(store, first, at=NOW + LEASE)
    await store.settle(one.id, Postponed(NOW + LEASE, NOW + HOUR, 503))
    again = await lease(store, NOW + HOUR)
    assert [leased.notification for leased in again] == [replace(one, attempts=2)]
    await store.settle(one.id, Settled(NOW + HOUR, 201))
    assert [leased.notification.id for leased in await lease(store, NOW + HOUR)] == [two.id]
