"""Messages that are unread still ring again, once, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from contracts.store_steps import change, counts, drain, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import NewMail, Notification, Reminder, Seen, Told
from idlebell.model.preferences import Preferences, QuietHours, Then
from idlebell.model.selection import Personal
from idlebell.model.subscription import Counts
from idlebell.store.contract import Store
from idlebell.store.owed import TOGETHER, UNDELIVERED_PAUSE
from idlebell.store.reminders import Owed
from store_samples import DAY, HOUR, NOW, SECOND, draft, simplepush, webhook

REMIND = Preferences(remind_after_seconds=3600)
TOLD: dict[str, Any] = {"endpoints": Endpoints(webhook()), "preferences": REMIND}
DUE = datetime.fromisoformat("2026-11-22T05:01:00Z")
"""An hour after NOW, in whole minutes."""
NIGHT = QuietHours("UTC", frozenset(range(7)), time(4, 30), time(7), Then.COUNT)


def one(uid: int, uid_validity: int = 7) -> Told:
    return Told("INBOX", uid_validity, uid)


def told(*uids: int) -> NewMail:
    return NewMail("INBOX", 7, len(uids), None, told=tuple(map(one, uids)))


async def rang(store: Store, to: SubscriptionId, *contents: NewMail) -> list[Notification]:
    await store.enqueue([draft(to, content) for content in contents])
    return await drain(store, NOW)


async def owed(store: Store, at: datetime = DUE) -> list[int]:
    return [found.message.uid for found in await store.reminders_owed(at, 100)]


async def again(store: Store, to: SubscriptionId, *uids: int, at: datetime = DUE) -> list[Any]:
    return [made.content for made in await store.ring_again([draft(to, Reminder("INBOX", 7, uids), at)], [])]


async def test_what_rang_is_owed_when_its_time_is_over(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1, 2), told(3))
    assert await owed(store, DUE - SECOND) == []
    assert await store.reminders_owed(DUE, 2) == tuple(Owed(account.id, first.id, one(uid), DUE) for uid in (1, 2))
    assert await owed(store) == [1, 2, 3]


async def test_what_rang_within_one_minute_is_owed_together(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    for uid, seconds in ((1, 0), (2, 30), (3, 61)):
        await store.enqueue([draft(first.id, told(uid), NOW + seconds * SECOND)])
    assert await owed(store) == [1, 2]
    assert await owed(store, DUE + TOGETHER) == [1, 2, 3]


async def test_it_rings_again_once_and_is_counted_no_second_time(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1, 2, 3))
    assert await again(store, first.id, 1, 3, 9) == [Reminder("INBOX", 7, (1, 3))]
    assert await again(store, first.id, 1, 3) == []
    assert await owed(store) == [2]
    assert await store.ring_again([], [(first.id, one(2))]) == ()
    assert await owed(store, DUE + DAY) == []
    (sent,) = await drain(store, DUE)
    assert sent.content == Reminder("INBOX", 7, (1, 3))
    assert await counts(store, first) == Counts(detected=3, accepted=3)


async def test_it_has_an_endpoint_of_its_own_where_one_is_given(store: Store, account: Account) -> None:
    endpoints = Endpoints(simplepush("https://a.example/"), reminder=webhook("https://b.example/"))
    first = await put(store, account, **TOLD | {"endpoints": endpoints})
    await rang(store, first.id, told(1))
    await again(store, first.id, 1)
    (lane,) = await store.lanes(DUE, 10)
    (leased,) = await store.lease(lane, DUE, DUE + HOUR, 10)
    assert leased.endpoint == endpoints.reminder


async def test_only_who_wants_it_is_owed_any(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD | {"preferences": Preferences(withdraw=True)})
    await rang(store, first.id, told(1))
    assert await owed(store, DUE + DAY) == []
    assert await again(store, first.id, 1) == []
    await store.remove(first.id)
    assert await again(store, first.id, 1) == []


async def test_another_time_moves_what_is_owed_and_none_ends_it(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1))
    await change(store, first, preferences=replace(REMIND, remind_after_seconds=600))
    assert await owed(store, DUE - timedelta(minutes=50)) == [1]
    await change(store, first, preferences=Preferences())
    await change(store, first, preferences=REMIND)
    assert await owed(store, DUE + DAY) == []


async def test_a_pause_ends_what_is_owed_and_what_waits(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1, 2))
    await again(store, first.id, 1)
    await change(store, first, paused=True)
    await change(store, first, paused=False)
    assert await owed(store, DUE + DAY) == []
    assert await drain(store, DUE) == []


async def test_what_is_read_is_owed_no_more_and_does_not_wait(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD | {"preferences": replace(REMIND, withdraw=True)})
    await rang(store, first.id, told(1, 2, 3))
    await again(store, first.id, 1, 2)
    (made,) = await store.withdraw([draft(first.id, Seen("INBOX", 7, (1, 3), 0), DUE)])
    assert made.content == Seen("INBOX", 7, (1, 3), 0), "the first ring of it was sent"
    assert [sent.content for sent in await drain(store, DUE)] == [Reminder("INBOX", 7, (2,)), made.content]
    assert await owed(store, DUE + DAY) == []
    await store.withdraw([draft(first.id, Seen("INBOX", 7, (2,), 0), DUE)])


async def test_when_all_that_waits_was_read_nothing_rings_again(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1))
    await again(store, first.id, 1)
    await store.withdraw([draft(first.id, Seen("INBOX", 7, (1,), 0), DUE)])
    assert [sent.content.type for sent in await drain(store, DUE)] == ["seen"]


async def test_what_may_not_ring_is_owed_when_it_may(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD | {"preferences": replace(REMIND, quiet_hours=NIGHT)})
    await rang(store, first.id, told(1))
    assert await again(store, first.id, 1) == []
    morning = NOW.replace(hour=7, minute=0, second=0, microsecond=0)
    assert await owed(store, morning - SECOND) == []
    assert await owed(store, morning) == [1]
    assert await again(store, first.id, 1, at=morning) == [Reminder("INBOX", 7, (1,))]


async def test_a_mute_ends_what_is_due_in_it(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1, 2))
    await change(store, first, preferences=replace(REMIND, muted_until=DUE + HOUR))
    assert await again(store, first.id, 1) == []
    assert await owed(store, DUE + DAY) == [2]
    await change(store, first, preferences=REMIND)
    await again(store, first.id, 2)
    await change(store, first, preferences=replace(REMIND, muted_until=DUE + HOUR))
    assert await drain(store, DUE) == [], "it waited still"
    assert (await store.deliveries(first.id))[0].outcome == "silenced"


async def test_what_waits_when_quiet_hours_begin_is_owed_at_their_end(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1))
    await again(store, first.id, 1)
    await change(store, first, preferences=replace(REMIND, quiet_hours=NIGHT))
    assert await drain(store, DUE) == []
    morning = NOW.replace(hour=7, minute=0, second=0, microsecond=0)
    assert await owed(store, morning - SECOND) == []
    assert await owed(store, morning) == [1]


async def test_a_digest_counts_it_as_a_ring(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD | {"preferences": replace(REMIND, digest_minutes=90)})
    await rang(store, first.id, told(1))
    assert await again(store, first.id, 1) == [], "it rang an hour ago"
    rings_at = NOW + timedelta(minutes=90)
    assert await again(store, first.id, 1, at=rings_at) == [Reminder("INBOX", 7, (1,))]
    await store.enqueue([draft(first.id, told(2), rings_at + SECOND)])
    assert await store.release(rings_at + timedelta(minutes=89)) == 0


async def test_what_was_held_is_owed_after_it_has_rung(store: Store, account: Account) -> None:
    night = replace(NIGHT, begin=time(3), end=time(6))
    first = await put(store, account, **TOLD | {"preferences": replace(REMIND, quiet_hours=night)})
    await store.enqueue([draft(first.id, told(1))])
    assert await owed(store, NOW + DAY) == []
    six = NOW.replace(hour=6, minute=0, second=0, microsecond=0)
    await store.release(six)
    assert await owed(store, six + HOUR - SECOND) == []
    assert await owed(store, six + HOUR) == [1]


async def test_what_is_held_before_it_was_sent_is_owed_after_it_has_rung(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await store.enqueue([draft(first.id, told(1))])
    await change(store, first, preferences=replace(REMIND, quiet_hours=replace(NIGHT, begin=time(3))))
    assert await drain(store, NOW) == []
    assert await owed(store, NOW + DAY) == []


async def test_a_ring_that_is_not_delivered_yet_comes_first(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await store.enqueue([draft(first.id, told(1))])
    assert await again(store, first.id, 1) == []
    assert await owed(store, DUE + UNDELIVERED_PAUSE - SECOND) == []
    assert await owed(store, DUE + UNDELIVERED_PAUSE) == [1]


async def test_what_nobody_could_be_asked_about_is_put_off(store: Store, account: Account) -> None:
    first = await put(store, account, **TOLD)
    await rang(store, first.id, told(1))
    for times in (1, 2):
        await store.put_off_reminders(await store.reminders_owed(DUE + DAY, 10), DUE + times * HOUR)
        assert await owed(store, DUE + times * HOUR - SECOND) == []
    assert await store.reminders_owed(DUE + 2 * HOUR, 10) == (Owed(account.id, first.id, one(1), DUE),)
    await store.put_off_reminders([Owed(account.id, first.id, one(9), DUE)], DUE)
    assert await owed(store, DUE) == []


async def test_what_rang_moves_with_its_mailbox(store: Store, account: Account) -> None:
    wish = replace(REMIND, withdraw=True)
    members = TOLD | {"preferences": wish, "selection": Personal(), "resolved": True, "mailboxes": ("Lists",)}
    first = await put(store, account, **members)
    await store.enqueue([draft(first.id, NewMail("Lists", 7, 1, None, told=(Told("Lists", 7, 1),)))])
    await store.renamed(account.id, "Lists", "Mail")
    assert await store.rung(account.id, "Lists") == {}
    assert await store.rung(account.id, "Mail") == {first.id: (Told("Mail", 7, 1),)}
    assert [found.message.mailbox for found in await store.reminders_owed(DUE, 10)] == ["Mail"]
