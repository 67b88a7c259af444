"""Invitations and links for a second device, in every store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

from contracts.store_steps import put
from idlebell.model.account import Account
from idlebell.model.ids import SubscriptionId
from idlebell.model.invitation import (
    INVITATIONS_KEPT_AFTER_END,
    LINKS_OPEN_MAX,
    DeviceLink,
    Invitation,
    InvitationId,
)
from idlebell.store.contract import Store
from store_samples import DAY, NOW

LATER = NOW + timedelta(minutes=10)


def invitation(number: int = 1, **changed: object) -> Invitation:
    made = Invitation(InvitationId(f"inv_{number}"), "Ann", bytes([number]) * 32, 2, 0, NOW, NOW + DAY)
    return replace(made, **changed)  # type: ignore[arg-type]


def link(subscription: SubscriptionId, number: int = 1) -> DeviceLink:
    return DeviceLink(bytes([number]) * 32, subscription, LATER)


async def test_an_invitation_is_found_by_its_hash_until_it_is_over(store: Store) -> None:
    await store.put_invitation(invitation())
    assert await store.invitation(bytes([1]) * 32, NOW) == invitation()
    assert await store.invitation(bytes([2]) * 32, NOW) is None
    assert await store.invitation(bytes([1]) * 32, NOW + DAY) is None
    assert await store.invitations() == (invitation(),)


async def test_no_more_uses_are_counted_than_there_are_however_many_come_at_once(store: Store) -> None:
    await store.put_invitation(invitation(uses=3))
    taken = await asyncio.gather(*(store.use_invitation(bytes([1]) * 32, NOW) for _ in range(10)))
    assert sum(taken) == 3
    found = await store.invitation(bytes([1]) * 32, NOW)
    assert found is not None
    assert (found.used, found.used_up) == (3, True)


async def test_an_invitation_that_is_over_unknown_or_removed_has_no_use(store: Store) -> None:
    await store.put_invitation(invitation())
    assert not await store.use_invitation(bytes([1]) * 32, NOW + DAY)
    assert not await store.use_invitation(bytes([2]) * 32, NOW)
    assert await store.remove_invitation(InvitationId("inv_1"))
    assert not await store.remove_invitation(InvitationId("inv_1"))
    assert not await store.use_invitation(bytes([1]) * 32, NOW)


async def test_invitations_are_listed_oldest_first_and_forgotten_long_after_their_end(store: Store) -> None:
    for number in (2, 1):
        await store.put_invitation(invitation(number, created_at=NOW + timedelta(seconds=number)))
    assert [one.id for one in await store.invitations()] == ["inv_1", "inv_2"]
    late = NOW + DAY + INVITATIONS_KEPT_AFTER_END
    await store.put_invitation(invitation(3, created_at=late, expires_at=late + DAY))
    assert [one.id for one in await store.invitations()] == ["inv_3"]


async def test_a_link_is_taken_once_however_many_come_at_once(store: Store, account: Account) -> None:
    one = await put(store, account)
    assert await store.put_link(link(one.id), NOW)
    assert await store.link(bytes([1]) * 32, NOW) == link(one.id)
    taken = await asyncio.gather(*(store.take_link(bytes([1]) * 32, NOW) for _ in range(10)))
    assert [found for found in taken if found is not None] == [link(one.id)]
    assert await store.link(bytes([1]) * 32, NOW) is None


async def test_a_link_that_is_over_is_none(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.put_link(link(one.id), NOW)
    assert await store.link(bytes([1]) * 32, LATER) is None
    assert await store.take_link(bytes([1]) * 32, LATER) is None


async def test_the_links_of_a_subscription_are_bounded_until_they_are_over(store: Store, account: Account) -> None:
    one, other = await put(store, account), await put(store, account, 2)
    made = [await store.put_link(link(one.id, number), NOW) for number in range(LINKS_OPEN_MAX + 1)]
    assert made == [True] * LINKS_OPEN_MAX + [False]
    assert await store.put_link(link(other.id, 99), NOW)
    fresh = replace(link(one.id, 100), expires_at=LATER + DAY)
    assert await store.put_link(fresh, LATER)


async def test_links_go_with_their_subscription(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.put_link(link(one.id), NOW)
    await store.remove(one.id)
    assert await store.link(bytes([1]) * 32, NOW) is None
    assert not await store.put_link(link(one.id, 2), NOW)


async def test_a_subscription_remembers_its_invitation(store: Store, account: Account) -> None:
    one = await put(store, account)
    saved = await store.put(replace(one, invitation=InvitationId("inv_1")))
    assert await store.get(one.id) == saved
    assert saved.invitation == "inv_1"
