"""How fast new mail may ring, and what waits behind a retry, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from contracts.store_steps import change, counts, drain, enqueue, lease, put
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import LossReason, NewMail, Reconnect, Seen, Told
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import Counts
from idlebell.store.contract import Dropped, Postponed, Settled, Store
from store_samples import DAY, HOUR, NOW, SECOND, draft, new_mail, simplepush, webhook

MINUTE = timedelta(minutes=1)
COALESCED = Preferences(coalesce_seconds=2.5)
FLOOD = Preferences(flood_per_minute=3)


async def told(store: Store, at: timedelta) -> list[int]:
    """How much each notification tells of that may be sent now."""
    await store.release(NOW + at)
    contents = [one.content for one in await drain(store, NOW + at)]
    return [one.count for one in contents if isinstance(one, NewMail)]


async def arrive(store: Store, to: str, at: timedelta, content: NewMail | None = None) -> None:
    await store.enqueue([draft(SubscriptionId(to), content or new_mail(), NOW + at)])


# windows


async def test_the_first_rings_at_once_and_what_follows_when_the_window_closes(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=COALESCED)
    rung = []
    for tenths in (0, 1, 20, 24, 25, 40, 50, 90):
        at = tenths * SECOND / 10
        await arrive(store, first.id, at)
        if found := await told(store, at):
            rung.append((tenths, found))
    assert rung == [(0, [1]), (25, [4]), (50, [2]), (90, [1])]
    assert await counts(store, first) == Counts(detected=8, accepted=8)


async def test_a_window_closes_by_itself(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=COALESCED)
    await arrive(store, first.id, 0 * SECOND)
    await arrive(store, first.id, SECOND)
    await drain(store, NOW)
    assert await store.next_due(NOW) == NOW + 2.5 * SECOND


async def test_a_window_that_is_taken_back_closes_at_once(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=COALESCED)
    for _ in range(3):
        await arrive(store, first.id, 0 * SECOND)
    assert await told(store, SECOND) == [1]
    await change(store, first, preferences=Preferences(coalesce_seconds=0))
    assert await told(store, SECOND) == [2]


# floods


async def test_a_flood_is_told_at_the_end_of_its_minute(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), preferences=FLOOD)
    rung = []
    for second in range(0, 240, 4):
        if second < 120:
            await arrive(store, first.id, second * SECOND)
        if found := await told(store, second * SECOND):
            rung.append((second, found))
    assert rung == [(0, [1]), (4, [1]), (8, [1]), (60, [13]), (120, [14])]
    assert await counts(store, first) == Counts(detected=30, accepted=30)


async def test_what_is_counted_at_once_rings_at_once(store: Store, account: Account) -> None:
    """As after a night without a session; what comes just behind it does not ring by itself."""
    first = await put(store, account, endpoints=Endpoints(webhook()), preferences=FLOOD)
    await arrive(store, first.id, 0 * SECOND, new_mail(600))
    assert await told(store, 0 * SECOND) == [600]
    await arrive(store, first.id, SECOND)
    assert await told(store, SECOND) == []
    assert await told(store, MINUTE) == [1]


async def test_a_vip_rings_through_a_flood(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), preferences=FLOOD)
    for _ in range(5):
        await arrive(store, first.id, 0 * SECOND)
    await arrive(store, first.id, SECOND, replace(new_mail(), vip=True))
    assert await told(store, SECOND) == [1, 1, 1, 1]
    assert (await counts(store, first)).pending == 2


# behind a retry


async def refuse(store: Store, at: timedelta, again: timedelta = HOUR) -> None:
    for one in await lease(store, NOW + at):
        await store.settle(one.notification.id, Postponed(NOW + at, NOW + at + again, 503))


async def test_what_comes_behind_a_retry_becomes_one(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    tried = await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    joined = [await enqueue(store, first, new_mail(2), NOW + second * SECOND) for second in (1, 2, 3)]
    assert len({one.id for one in joined}) == 1
    assert [one.version for one in joined] == sorted({one.version for one in joined})
    assert await counts(store, first) == Counts(detected=7, pending=7)

    again, merged = await drain(store, NOW + HOUR)

    assert (again.id, again.version, again.content, again.attempts) == (tried.id, tried.version, new_mail(), 1)
    assert (merged.id, merged.version, merged.content) == (joined[0].id, joined[-1].version, new_mail(6))
    assert merged.at == NOW + 3 * SECOND
    assert await counts(store, first) == Counts(detected=7, accepted=3, coalesced=4)


async def test_what_waited_already_becomes_one_when_the_attempt_fails(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    waiting = [await enqueue(store, first) for _ in range(4)]
    await refuse(store, 0 * SECOND)
    kept = await store.deliveries(first.id)
    into = [(one.notification, one.into) for one in kept if one.outcome == "merged"]
    assert into == [(waiting[2].id, waiting[3].id), (waiting[1].id, waiting[3].id)]

    again, merged = await drain(store, NOW + HOUR)

    assert (merged.id, merged.version, merged.content) == (waiting[3].id, waiting[3].version, new_mail(3))
    assert again.id == waiting[0].id
    assert await counts(store, first) == Counts(detected=4, accepted=2, coalesced=2)


async def test_where_versions_collapse_one_waits_behind_the_retry(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(simplepush(), simplepush("https://push.example.net/b")))
    await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    for second in (1, 2, 3):
        await enqueue(store, first, at=NOW + second * SECOND)
    (rung,) = await drain(store, NOW + HOUR)
    assert rung.content == new_mail(3)
    assert await counts(store, first) == Counts(detected=4, accepted=1, coalesced=3)


async def test_what_was_attempted_merges_with_nothing(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    for step in range(3):
        await enqueue(store, first, at=NOW + step * SECOND)
        await enqueue(store, first, at=NOW + step * SECOND)
        await refuse(store, step * SECOND, SECOND)
    sent = await drain(store, NOW + HOUR)
    assert [one.content for one in sent] == [new_mail(), new_mail(5)]


async def test_each_subscription_and_its_vips_stay_apart(store: Store, account: Account) -> None:
    """Whose endpoint is the same."""
    to = Endpoints(webhook())
    first, other = await put(store, account, 1, endpoints=to), await put(store, account, 2, endpoints=to)
    vip = replace(new_mail(), vip=True)
    await enqueue(store, first)
    await enqueue(store, first, Reconnect(LossReason.RESTART))
    await refuse(store, 0 * SECOND)
    for one, content in ((first, new_mail()), (other, new_mail()), (first, vip), (first, new_mail()), (other, vip)):
        await enqueue(store, one, content)
    sent = await drain(store, NOW + HOUR)
    counted = [
        (one.subscription_id, one.content.count, one.content.vip)
        for one in sent[2:]
        if isinstance(one.content, NewMail)
    ]
    assert counted == [(other.id, 1, False), (first.id, 1, True), (first.id, 2, False), (other.id, 1, True)]


async def test_what_was_read_elsewhere_leaves_what_it_came_to(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), preferences=Preferences(withdraw=True))
    await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    for uid in (11, 12, 13):
        await enqueue(store, first, replace(new_mail(), told=(Told("INBOX", 7, uid),)))
    assert await store.withdraw([draft(first.id, Seen("INBOX", 7, (11, 12), 0))]) == ()
    assert await counts(store, first) == Counts(detected=4, pending=2, withdrawn=2)
    await drain(store, NOW + HOUR)
    assert await counts(store, first) == Counts(detected=4, accepted=2, withdrawn=2)


async def test_what_is_given_up_is_refused_whole(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    await enqueue(store, first)
    await enqueue(store, first)
    (leased,) = await lease(store, NOW + HOUR)
    await store.settle(leased.notification.id, Settled(NOW + HOUR, 201))
    (leased,) = await lease(store, NOW + HOUR)
    await store.settle(leased.notification.id, Dropped(NOW + HOUR, "refused", 400))
    assert await counts(store, first) == Counts(detected=3, accepted=1, refused=2)


async def test_a_hold_that_rings_behind_a_retry_says_what_it_came_to(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()), preferences=COALESCED)
    await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    await arrive(store, first.id, SECOND)
    await store.release(NOW + 3 * SECOND)
    await arrive(store, first.id, 4 * SECOND)
    await store.release(NOW + 6 * SECOND)
    (merged, *_) = await store.deliveries(first.id)
    again, both = await drain(store, NOW + HOUR)
    assert (merged.outcome, merged.into, merged.version) == ("merged", both.id, 0)
    assert both.content == new_mail(2)
    assert again.content == new_mail()


async def test_a_verdict_names_what_its_message_came_to(store: Store, account: Account) -> None:
    first = await put(store, account, endpoints=Endpoints(webhook()))
    await enqueue(store, first)
    await refuse(store, 0 * SECOND)
    waits = await enqueue(store, first)
    (committed,) = await store.commit(account.id, "INBOX", None, Cursor(7, 9), [draft(first.id, at=NOW + SECOND)])
    assert committed.id == waits.id
    assert committed.expires_at == NOW + SECOND + DAY
    assert await store.waits(waits.id) is not None
