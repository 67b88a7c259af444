"""How every store leases new mail by the commit that records it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from contracts.store_steps import change, counts, enqueue, lease, put
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Draft, Notification
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import Counts, Payload
from idlebell.store.contract import ConflictError, Postponed, Settled, Store
from store_samples import HOUR, LEASE, NOW, SECOND, Places, draft, new_mail, simplepush, sub_id, webhook


async def arrive(store: Store, account: Account, *drafts: Draft, mailbox: str = "INBOX") -> tuple[Notification, ...]:
    expected = await store.cursor(account.id, mailbox)
    new = Cursor(1, 1 if expected is None else expected.uid_next + 1)
    return await store.commit(account.id, mailbox, expected, new, drafts)


@pytest.mark.parametrize("endpoint", [webhook(), simplepush()], ids=lambda endpoint: endpoint.kind)
async def test_mail_that_nothing_waits_before_is_leased_by_its_commit(
    store: Store, account: Account, endpoint: Any
) -> None:
    first = await put(store, account, endpoints=Endpoints(endpoint))
    places = Places(1)
    store.hand_to(places)
    (one,) = await arrive(store, account, draft(first.id))
    (leased,) = places.begun
    assert (leased.notification, leased.endpoint) == (one, endpoint)
    assert places.given_back == places.told_of_more == 0
    assert await lease(store, NOW + LEASE - SECOND) == []
    assert await store.settle(one.id, Settled(NOW, 201)) is False
    assert await counts(store, first) == Counts(detected=1, accepted=1)
    assert await store.next_due(NOW + HOUR) is None


async def test_what_it_was_leased_for_is_as_with_any_lease(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.CONTENT)
    places = Places(3)
    store.hand_to(places)
    content = replace(new_mail(), messages=(MessageSummary(uid=10, size=1),))
    (one,) = await arrive(store, account, draft(first.id, content))
    (two,) = await arrive(store, account, draft(first.id, at=NOW + SECOND))
    assert [leased.notification for leased in places.begun] == [one], "one of an endpoint at a time"
    assert places.told_of_more == 1
    await change(store, first, payload=Payload.ALERT)
    await store.release_leases()  # it may have been sent before the kill
    (again,) = await lease(store, NOW + SECOND)
    assert again.notification == replace(one, attempts=1)
    await store.settle(one.id, Postponed(NOW + SECOND, NOW + HOUR, 503))
    (three,) = await arrive(store, account, draft(first.id, at=NOW + 2 * SECOND))
    assert (three.id, len(places.begun)) == (two.id, 1), "it waits behind the retry with the one before"


async def test_what_is_said_is_what_is_wanted_by_then(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), payload=Payload.ALERT)
    places = Places(1)
    store.hand_to(places)
    content = replace(new_mail(), messages=(MessageSummary(uid=10, size=1),))
    await arrive(store, account, draft(first.id, content))
    assert [leased.notification.content for leased in places.begun] == [new_mail()]


@pytest.mark.parametrize(
    ("members", "due", "places"),
    [
        pytest.param({}, 0, 0, id="nobody has a place"),
        pytest.param({}, 1, 1, id="it is due later"),
        pytest.param({"preferences": Preferences(digest_minutes=60)}, 0, 1, id="it has a schedule"),
        pytest.param(
            {
                "endpoints": Endpoints(webhook(), fallbacks=(webhook("https://b.example/"),)),
                "preferences": Preferences(fall_through_seconds=5),
            },
            0,
            1,
            id="another endpoint stands behind",
        ),
    ],
)
async def test_everything_else_is_left_to_be_taken(
    store: Store, account: Account, members: dict[str, Any], due: int, places: int
) -> None:
    first = await put(store, account, **members)
    taker = Places(places)
    store.hand_to(taker)
    (one,) = await arrive(store, account, draft(first.id, due_at=NOW + due * SECOND))
    assert (taker.begun, taker.places, bool(taker.told_of_more)) == ([], places, True)
    (leased,) = await lease(store, NOW + due * SECOND)
    assert leased.notification == one


async def test_it_takes_nobodys_turn(store: Store, account: Account) -> None:
    """What waits longer for the same push service comes first, whoever's it is."""
    first, second = [
        await put(store, account, number, endpoints=Endpoints(webhook(f"https://hook.example.net/{number}")))
        for number in (1, 2)
    ]
    elsewhere = await put(store, account, 3, endpoints=Endpoints(webhook("https://other.example/")))
    older = await enqueue(store, first)
    places = Places(3)
    store.hand_to(places)
    await arrive(store, account, draft(second.id), draft(elsewhere.id))
    assert [leased.notification.subscription_id for leased in places.begun] == [elsewhere.id]
    assert [leased.notification.id for leased in await lease(store, limit=1)] == [older.id]


async def test_a_place_that_came_to_nothing_is_given_back(store: Store, account: Account) -> None:
    """Two commits share a transaction, and what fails in one has the other run again."""
    first = await put(store, account)
    places = Places(5)
    store.hand_to(places)
    wrong = store.commit(account.id, "INBOX", Cursor(9, 9), Cursor(9, 10), [draft(first.id)])
    _, error = await asyncio.gather(arrive(store, account, draft(first.id)), wrong, return_exceptions=True)
    assert isinstance(error, ConflictError)
    assert len(places.begun) == 1
    assert places.places + places.given_back == 4


async def test_what_nobody_waits_for_any_more_is_begun_all_the_same(store: Store, account: Account) -> None:
    first = await put(store, account)
    places = Places(1)
    store.hand_to(places)
    asked = asyncio.create_task(arrive(store, account, draft(first.id)))
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.wait([asked])
    await store.check()
    leased = [one.notification.subscription_id for one in places.begun]
    assert leased == [sub_id(1)] * (await counts(store, first)).pending


async def test_nothing_is_leased_for_whoever_is_gone(store: Store, account: Account) -> None:
    first = await put(store, account)
    places = Places(1)
    store.hand_to(places)
    store.hand_to(None)
    await arrive(store, account, draft(first.id))
    assert places.begun == []
    assert len(await lease(store)) == 1
