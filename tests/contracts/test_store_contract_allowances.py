"""What was spent on a day, and what waits for the next one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from contracts.store_steps import counts, drain, enqueue, lease, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints, Failing
from idlebell.model.notification import NewMail, Reconnect, Reminder
from idlebell.store.contract import Deferred, Postponed, Settled, Store
from store_samples import DAY, HOUR, NOW, SECOND, new_mail, webhook


async def test_all_names_have_room_or_nothing_is_counted(store: Store) -> None:
    one, key = b"e" * 32, b"k" * 32
    assert [await store.spend({one: 2, key: 0}, 10) for _ in range(3)] == [True, True, False]
    assert await store.spend({one: 0}, 10)
    assert [await store.spent(name, 10) for name in (one, key, b"other")] == [3, 2, 0]
    assert not await store.spend({b"other": 5, key: 2}, 10)
    assert await store.spent(b"other", 10) == 0


async def test_a_new_day_begins_with_nothing_and_old_days_are_forgotten(store: Store) -> None:
    assert await store.spend({b"e": 1}, 10)
    assert await store.spend({b"e": 1}, 11)
    assert not await store.spend({b"e": 1}, 10), "a clock that is set back a little finds what it counted"
    assert await store.spend({b"e": 1}, 12)
    assert [await store.spent(b"e", day) for day in (10, 11, 12)] == [0, 1, 1]


async def test_deferred_mail_comes_as_one_when_its_time_has_come(store: Store, account: Account) -> None:
    one = await put(store, account)
    first = await enqueue(store, one, NewMail("INBOX", 1, 1, None))
    (leased,) = await lease(store)
    assert leased.notification.id == first.id
    await store.settle(first.id, Deferred(NOW, NOW + HOUR))
    assert await lease(store) == []
    assert await store.waits(first.id) == NOW + HOUR
    assert (await counts(store, one)).pending == 1

    # What comes meanwhile joins it when its turn has come.
    second = await enqueue(store, one, NewMail("INBOX", 1, 2, None), NOW + SECOND)
    (leased,) = await lease(store, NOW + SECOND)
    assert leased.notification.id == second.id
    await store.settle(second.id, Deferred(NOW + SECOND, NOW + HOUR))
    assert (await counts(store, one)).pending == 3
    assert await store.release(NOW + HOUR - SECOND) == 0
    assert await store.release(NOW + HOUR) == 1
    (sent,) = await drain(store, NOW + HOUR)
    assert isinstance(sent.content, NewMail)
    assert (sent.content.count, sent.expires_at >= NOW + HOUR + DAY - timedelta(minutes=1)) == (3, True)
    assert (await counts(store, one)).accepted == 3
    assert [delivery.outcome for delivery in await store.deliveries(one.id)] == ["accepted", "merged"]


async def test_what_is_no_mail_or_was_attempted_waits_as_it_is(store: Store, account: Account) -> None:
    one = await put(store, account)
    mail = await enqueue(store, one)
    await lease(store)
    await store.settle(mail.id, Postponed(NOW, NOW, 500))
    await lease(store)
    await store.settle(mail.id, Deferred(NOW, NOW + HOUR))
    assert await lease(store) == []
    (leased,) = await lease(store, NOW + HOUR)
    assert (leased.notification.id, leased.notification.version) == (mail.id, mail.version)
    assert not isinstance(leased.notification.content, Reconnect)


async def test_a_reminder_goes_to_the_next_endpoint_as_mail_does_where_it_rings_there(
    store: Store, account: Account
) -> None:
    first, second, third = (webhook(f"https://{letter}.example.net/") for letter in "abc")
    bells = Endpoints(first, fallbacks=(second,))
    one = await put(store, account, endpoints=bells)
    own = await put(store, account, 2, endpoints=replace(bells, reminder=third))
    reminders = [await enqueue(store, each, Reminder("INBOX", 1, (10,))) for each in (one, own)]
    assert sorted(each.endpoint.url.host[:1] for each in await lease(store)) == ["a", "c"]
    for each in reminders:
        await store.settle(each.id, Deferred(NOW, NOW + HOUR))
    (leased,) = await lease(store, NOW)
    assert (leased.notification.id, leased.endpoint.url.host[:1]) == (reminders[0].id, "b")
    assert [each.outcome for each in await store.deliveries(one.id)] == ["passed-on"]
    assert await store.deliveries(own.id) == ()


async def test_what_one_endpoint_may_not_have_today_the_next_one_gets(store: Store, account: Account) -> None:
    first, second = webhook("https://a.example.net/"), webhook("https://b.example.net/")
    one = await put(store, account, endpoints=Endpoints(first, fallbacks=(second,)))

    async def next_of(at: datetime) -> tuple[str, int]:
        (leased,) = await lease(store, at)
        assert isinstance(leased.notification.content, NewMail)
        return leased.endpoint.url.host[:1], leased.notification.content.count

    mails = [await enqueue(store, one, new_mail(count), NOW) for count in (1, 2)]
    assert await next_of(NOW) == ("a", 1)
    await store.settle(mails[0].id, Deferred(NOW, NOW + HOUR))
    assert await store.release(NOW) == 0
    assert await next_of(NOW) == ("b", 1)
    stored = await store.get(one.id)
    assert stored is not None
    assert stored.endpoints.failing == (Failing(0, NOW, NOW + HOUR, spent=True),)
    await store.settle(mails[0].id, Settled(NOW, 201))
    assert await next_of(NOW) == ("b", 2)

    # Nor may the last: it is held, and when the day begins the first is used again.
    await store.settle(mails[1].id, Deferred(NOW, NOW + HOUR))
    assert await lease(store, NOW) == []
    assert await store.next_due(NOW) == NOW + HOUR
    await store.release(NOW + HOUR)
    assert await next_of(NOW + HOUR) == ("a", 2)
    stored = await store.get(one.id)
    assert stored is not None
    assert stored.endpoints.failing == ()
    assert (await counts(store, one)).pending == 2
