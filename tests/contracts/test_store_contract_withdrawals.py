"""Messages that were read or removed elsewhere, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest

from contracts.store_steps import change, counts, drain, lease, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import TOLD_KEPT, NewMail, Seen, Told
from idlebell.model.preferences import Preferences, QuietHours, Then
from idlebell.model.selection import Personal
from idlebell.model.subscription import Counts, Payload
from idlebell.store.contract import Postponed, Store
from store_samples import DAY, HOUR, NOW, SECOND, draft, simplepush, webhook

WITHDRAW = Preferences(withdraw=True)
NIGHT = QuietHours("UTC", frozenset(range(7)), time(22), time(7), Then.COUNT)
TOLD: dict[str, Any] = {"endpoints": Endpoints(webhook()), "payload": Payload.SUMMARY}


def told(*uids: int, mailbox: str = "INBOX", uid_validity: int = 7) -> NewMail:
    named = tuple(Told(mailbox, uid_validity, uid) for uid in uids)
    return NewMail(mailbox, uid_validity, len(uids), None, tuple(map(MessageSummary, uids)), told=named)


def seen(*uids: int, uid_validity: int = 7) -> Seen:
    return Seen("INBOX", uid_validity, uids, 0)


async def ring(store: Store, to: SubscriptionId, *contents: NewMail) -> None:
    await store.enqueue([draft(to, content) for content in contents])


async def withdraw(store: Store, to: SubscriptionId, *uids: int) -> list[Seen]:
    made = await store.withdraw([draft(to, seen(*uids), NOW + SECOND)])
    return [one.content for one in made if isinstance(one.content, Seen)]


async def test_what_was_sent_is_withdrawn_once(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=WITHDRAW, **TOLD)
    await ring(store, first.id, told(1, 2), told(3))
    await drain(store, NOW)
    assert await withdraw(store, first.id, 1, 3, 9) == [seen(1, 3)]
    assert await withdraw(store, first.id, 1, 3, 9) == []
    assert [one.content for one in await drain(store, NOW + SECOND)] == [seen(1, 3)]
    assert await store.rung(account.id, "INBOX") == {first.id: (Told("INBOX", 7, 2),)}
    assert await counts(store, first) == Counts(detected=3, accepted=3)


async def test_what_was_not_sent_is_counted_down_and_nobody_is_told(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=WITHDRAW, **TOLD)
    await ring(store, first.id, told(1, 2), told(3))
    assert await withdraw(store, first.id, 2, 3) == []
    assert [one.content for one in await drain(store, NOW)] == [told(1)]
    assert await counts(store, first) == Counts(detected=3, accepted=1, withdrawn=2)


async def test_what_is_held_is_counted_down(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=replace(WITHDRAW, quiet_hours=NIGHT), **TOLD)
    await ring(store, first.id, told(1, 2), told(4, mailbox="Work"))
    assert await withdraw(store, first.id, 1) == []
    assert await counts(store, first) == Counts(detected=3, pending=2, withdrawn=1)
    await store.release(NOW + 4 * HOUR)
    (rung,) = await drain(store, NOW + 4 * HOUR)
    assert isinstance(rung.content, NewMail)
    assert (rung.content.count, dict(rung.content.mailboxes)) == (2, {"INBOX": 1, "Work": 1})
    assert [message.uid for message in rung.content.messages] == [2, 4]


async def test_when_all_that_is_held_was_read_nothing_rings(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=replace(WITHDRAW, quiet_hours=NIGHT), **TOLD)
    await ring(store, first.id, told(1, 2))
    await withdraw(store, first.id, 1, 2)
    assert await counts(store, first) == Counts(detected=2, withdrawn=2)
    assert await store.next_due(NOW) is None


async def test_what_was_attempted_never_changes(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=WITHDRAW, **TOLD)
    await ring(store, first.id, told(1, 2))
    (leased,) = await lease(store)
    assert await withdraw(store, first.id, 1) == [seen(1)]
    await store.settle(leased.notification.id, Postponed(NOW, NOW + SECOND, 503))
    sent = await drain(store, NOW + SECOND)
    assert [one.content for one in sent] == [told(1, 2), seen(1)]


async def test_nobody_is_told_of_what_did_not_ring(store: Store, account: Account) -> None:
    first = await put(store, account, 1, preferences=WITHDRAW, **TOLD)
    other = await put(store, account, 2, preferences=WITHDRAW, endpoints=Endpoints(webhook("https://b.example/")))
    await ring(store, first.id, told(1))
    await drain(store, NOW)
    assert await withdraw(store, other.id, 1) == []
    assert list(await store.rung(account.id, "INBOX")) == [first.id]
    assert await store.rung(account.id, "Work") == {}


async def test_the_newest_of_one_uidvalidity_are_kept(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=WITHDRAW, **TOLD)
    await ring(store, first.id, *(told(uid) for uid in range(1, TOLD_KEPT + 11)))
    kept = (await store.rung(account.id, "INBOX"))[first.id]
    assert [one.uid for one in kept] == list(range(11, TOLD_KEPT + 11))
    await ring(store, first.id, told(1, uid_validity=8))
    assert await store.rung(account.id, "INBOX") == {first.id: (Told("INBOX", 8, 1),)}


@pytest.mark.parametrize("content", [NewMail("INBOX", 7, 1, None), told(1)])
async def test_only_who_wants_it_is_asked_for(store: Store, account: Account, content: NewMail) -> None:
    wish = WITHDRAW if not content.told else Preferences()
    first = await put(store, account, preferences=wish, **TOLD)
    await ring(store, first.id, content)
    assert await store.rung(account.id, "INBOX") == {}
    await store.remove(first.id)
    assert await store.rung(account.id, "INBOX") == {}


async def test_what_is_silenced_has_not_rung(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=replace(WITHDRAW, muted_until=NOW + DAY), **TOLD)
    await ring(store, first.id, told(1))
    assert await store.rung(account.id, "INBOX") == {}


async def test_what_was_read_rings_no_endpoint_that_only_knows_versions(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=WITHDRAW, **TOLD)
    await ring(store, first.id, told(1))
    await drain(store, NOW)
    assert await withdraw(store, first.id, 1) == [seen(1)]
    moved = Endpoints(simplepush("https://a.example/"), simplepush("https://b.example/"))
    await change(store, first, preferences=Preferences(), payload=Payload.ALERT, endpoints=moved)
    assert await drain(store, NOW + SECOND) == []
    assert await counts(store, first) == Counts(detected=1, accepted=1)


@pytest.mark.parametrize("quiet", [None, NIGHT])
async def test_what_waits_in_a_mailbox_that_was_renamed_is_withdrawn(
    store: Store, account: Account, quiet: QuietHours | None
) -> None:
    wish = replace(WITHDRAW, quiet_hours=quiet)
    members = TOLD | {"preferences": wish, "selection": Personal(), "resolved": True, "mailboxes": ("INBOX", "Lists")}
    first = await put(store, account, **members)
    await ring(store, first.id, told(1, 2, mailbox="Lists"), told(3))
    await store.renamed(account.id, "Lists", "Mail")
    gone = Seen("Mail", 7, (1,), 0)
    assert await store.withdraw([draft(first.id, gone, NOW + SECOND)]) == ()
    assert await counts(store, first) == Counts(detected=3, pending=2, withdrawn=1)
    await store.release(NOW + 4 * HOUR)
    rung = [one.content for one in await drain(store, NOW + 4 * HOUR)]
    found = [(one.mailbox, one.mailboxes, one.told) for one in rung if isinstance(one, NewMail)]
    left, other = (Told("Mail", 7, 2),), (Told("INBOX", 7, 3),)
    if quiet is None:
        assert found == [("Mail", (), left), ("INBOX", (), other)]
    else:
        assert found == [(None, (("Mail", 1), ("INBOX", 1)), (*left, *other))]


async def test_what_was_attempted_keeps_the_name_of_its_mailbox(store: Store, account: Account) -> None:
    members = TOLD | {"preferences": WITHDRAW, "selection": Personal(), "resolved": True, "mailboxes": ("Lists",)}
    first = await put(store, account, **members)
    await ring(store, first.id, told(1, mailbox="Lists"))
    (leased,) = await lease(store)
    await store.renamed(account.id, "Lists", "Mail")
    await store.settle(leased.notification.id, Postponed(NOW, NOW + SECOND, 503))
    assert [one.content for one in await drain(store, NOW + SECOND)] == [told(1, mailbox="Lists")]
