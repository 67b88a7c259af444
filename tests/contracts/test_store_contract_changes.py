"""What a change of a subscription does to what waits, in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contracts.store_steps import OVER, change, counts, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.notification import LossReason, Reconnect
from idlebell.model.proof import UNPROVEN
from idlebell.model.subscription import Counts, Phase
from idlebell.store.contract import ConflictError, Postponed, Settled, Store
from store_samples import DAY, HOUR, LEASE, NOW, SECOND, TARGET, draft, new_mail, simplepush, sub_id, webhook, webpush


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
    unverified = replace(webhook(), proof=UNPROVEN)
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
    assert [one.id for one in await drain(store, NOW + LEASE)] == [reconnect.id]


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


@pytest.mark.parametrize("paused", [False, True])
async def test_what_is_said_with_a_change_is_enqueued_in_the_same_step(
    store: Store, account: Account, paused: bool
) -> None:
    await put(store, account, paused=paused)
    stored = await store.get(sub_id(1))
    assert stored is not None
    told_of = draft(stored.id, Reconnect(LossReason.REJECTED))
    await store.put(replace(stored, phase=Phase.REJECTED), [told_of])

    with pytest.raises(ConflictError):
        await store.put(replace(stored, phase=Phase.REJECTED), [told_of])

    assert [one.content for one in await drain(store, NOW)] == [told_of.content]


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
