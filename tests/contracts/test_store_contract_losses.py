"""How every store keeps who must be told that a session is lost, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.store_steps import change, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.notification import LossReason, Reconnect
from idlebell.model.subscription import Loss, Phase, StandingProblem
from idlebell.store.contract import Dropped, Settled, Store
from store_samples import DAY, HOUR, NOW, SECOND, simplepush, sub_id


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


async def test_why_it_was_lost_is_shown_until_there_is_a_session_again(store: Store, account: Account) -> None:
    await put(store, account)
    problem = StandingProblem("session-lost", "The connection to the mail server was lost.", NOW)
    await store.record_loss(account.id, LossReason.CONNECTION_LOST, NOW, NOW, problem=problem)
    await store.record_loss(account.id, LossReason.RESTART, NOW + SECOND, NOW + SECOND)
    stored = await store.get(sub_id(1))
    assert stored is not None
    assert stored.problem == problem
    await store.clear_loss(account.id)
    stored = await store.get(sub_id(1))
    assert stored is not None
    assert stored.problem is None


async def test_credentials_that_were_refused_are_why_whatever_ended_the_session(store: Store, account: Account) -> None:
    refused = StandingProblem("token-refused", "The provider refused the refresh token (invalid_grant).", NOW)
    await put(store, account, problem=refused)
    lost = StandingProblem("session-lost", "The connection to the mail server was lost.", NOW + SECOND)
    assert await store.record_loss(account.id, LossReason.CONNECTION_LOST, NOW, NOW, problem=lost) == 1
    stored = await store.get(sub_id(1))
    assert stored is not None
    assert stored.problem == refused


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
