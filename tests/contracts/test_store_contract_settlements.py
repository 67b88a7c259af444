"""What becomes of a notification that was sent, in every store."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.store_steps import GONE, change, counts, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import NotificationId
from idlebell.model.notification import Content, Expiring, Heartbeat, Test
from idlebell.model.subscription import Activity, Counts, LastPush, Phase, StandingProblem
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Store
from store_samples import DAY, HOUR, NOW, SECOND, new_mail, simplepush, webhook, webpush

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


async def test_what_is_tried_in_vain_may_set_a_problem_which_keeps_when_it_began(
    store: Store, account: Account
) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    for minutes, status in ((1, 503), (2, 503), (3, 500)):
        await lease(store, NOW + HOUR)
        at = NOW + minutes * 60 * SECOND
        problem = StandingProblem("endpoint-failing", f"It says {status}.", at)
        await store.settle(one.id, Postponed(at, at, status, problem))
    stored = await store.get(first.id)
    assert stored is not None
    assert stored.problem == StandingProblem("endpoint-failing", "It says 500.", NOW + 60 * SECOND)
    await lease(store, NOW + HOUR)
    await store.settle(one.id, Settled(NOW + HOUR, 201))
    assert (await store.get(first.id) or first).problem is None


async def test_what_is_tried_in_vain_hides_no_other_problem(store: Store, account: Account) -> None:
    other = StandingProblem("session-lost", "It is lost.", NOW)
    first = await put(store, account, problem=other)
    one = await enqueue(store, first)
    await store.settle(one.id, Postponed(NOW, NOW, 503, StandingProblem("endpoint-failing", "It says 503.", NOW)))
    assert (await store.get(first.id) or first).problem == other


@pytest.mark.parametrize(("kind", "due"), [(Test(), True), (Expiring(NOW + DAY), False)])
async def test_a_test_that_is_accepted_has_what_waits_tried_at_once(
    store: Store, account: Account, kind: Content, due: bool
) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    one, later = await enqueue(store, first), await enqueue(store, first, Heartbeat())
    await lease(store)
    await store.settle(one.id, Postponed(NOW, NOW + HOUR, 503))
    accepted = await enqueue(store, first, kind)
    assert not await lease(store, NOW + SECOND)
    await store.settle(accepted.id, Settled(NOW + SECOND, 201))
    assert [each.notification.id for each in await lease(store, NOW + SECOND)] == ([one.id] if due else [])
    await store.settle(one.id, Settled(NOW + HOUR, 201))
    assert [each.notification.id for each in await lease(store, NOW + HOUR)] == [later.id]


async def test_what_stands_for_a_retry_counts_its_attempts_on(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(simplepush(), simplepush("https://push.example.net/b")))
    one = await enqueue(store, first)
    for _ in range(3):
        await lease(store)
        await store.settle(one.id, Postponed(NOW, NOW, 503))
    newer = await enqueue(store, first)
    (leased,) = await lease(store)
    assert (leased.notification.id, leased.notification.attempts) == (newer.id, 3)


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
