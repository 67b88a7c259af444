"""New mail that rings later, or never, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from contracts.store_steps import GONE, OVER, change, counts, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.notification import Heartbeat, LossReason, NewMail, Reconnect
from idlebell.model.preferences import NO_PREFERENCES, Preferences, QuietHours, Then
from idlebell.model.subscription import Counts, Phase
from idlebell.store.contract import EndpointGone, Postponed, Settled, Store
from store_samples import DAY, HOUR, LEASE, NOW, SECOND, draft, new_mail, webhook

MINUTE = timedelta(minutes=1)
# NOW is 04:00:00 UTC, a Sunday.
NIGHT = QuietHours("UTC", frozenset(range(7)), time(22), time(7), Then.COUNT)
MORNING = NOW.replace(hour=7, minute=0, second=0, microsecond=0)
QUIET = Preferences(quiet_hours=NIGHT)
DROPPING = Preferences(quiet_hours=replace(NIGHT, then=Then.DROP))
DIGEST = Preferences(digest_minutes=30)


async def arrive(store: Store, to: str, content: NewMail | None = None, at: timedelta = timedelta(0)) -> int:
    """How many notifications were made of it."""
    return len(await store.enqueue([draft(to, content or new_mail(), NOW + at)]))  # type: ignore[arg-type]


async def test_quiet_hours_hold_and_their_end_rings_once_with_the_count(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    assert await arrive(store, first.id) == 0
    assert await arrive(store, first.id, new_mail(2), HOUR) == 0
    assert await store.next_due(NOW) == MORNING
    assert await drain(store, MORNING - SECOND) == []
    assert await counts(store, first) == Counts(detected=3, pending=3)

    assert await store.release(MORNING) == 1
    (rung,) = await drain(store, MORNING)

    assert rung.content == new_mail(3)
    assert rung.at == NOW + HOUR
    assert rung.expires_at == MORNING + DAY, "a long night does not make it expire"
    assert await counts(store, first) == Counts(detected=3, accepted=3)
    assert await store.release(MORNING + DAY) == 0


async def test_what_is_held_is_committed_with_the_cursor(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    assert await store.commit(account.id, "INBOX", None, Cursor(7, 9), [draft(first.id)]) == ()
    assert (await counts(store, first)).pending == 1
    assert (await store.counts())["pending_notifications"] == 1


async def test_a_take_releases_what_is_due(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    taken = await store.take(MORNING, MORNING + LEASE, 10, lambda lanes, _: dict.fromkeys(lanes, 1))
    assert [one.notification.content for one in taken.leased] == [new_mail()]


async def test_what_rings_in_the_morning_has_a_version_of_its_own(store: Store, account: Account) -> None:
    to = Endpoints(webhook())
    first = await put(store, account, 1, preferences=QUIET, endpoints=to)
    other = await put(store, account, 2, endpoints=to)
    await arrive(store, first.id)
    between = await enqueue(store, other, at=NOW + HOUR)
    await store.release(MORNING)
    mine, yours = sorted(await drain(store, MORNING), key=lambda one: one.version)
    assert (mine.id, yours.version) == (between.id, between.version + 1)


async def test_what_is_held_holds_up_nothing_else(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET, endpoints=Endpoints(webhook()))
    await arrive(store, first.id)
    beat = await enqueue(store, first, Heartbeat())
    assert await drain(store, NOW) == [beat]


async def test_vip_mail_rings_through_and_leaves_what_is_held(store: Store, account: Account) -> None:
    muted = replace(QUIET, muted_until=NOW + DAY, digest_minutes=60)
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    await change(store, first, preferences=muted)
    vip = replace(new_mail(), vip=True)
    assert await arrive(store, first.id, vip, SECOND) == 1
    assert [one.content for one in await drain(store, NOW + SECOND)] == [vip]
    assert await counts(store, first) == Counts(detected=2, accepted=1, pending=1)


async def test_quiet_hours_that_drop_silence(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=DROPPING)
    assert await arrive(store, first.id, new_mail(2)) == 0
    assert await store.next_due(NOW) is None
    assert await counts(store, first) == Counts(detected=2, silenced=2)


async def test_mail_in_a_mute_is_not_announced_after_it(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=Preferences(muted_until=NOW + HOUR))
    await arrive(store, first.id)
    assert await arrive(store, first.id, new_mail(2), HOUR) == 1
    (rung,) = await drain(store, NOW + HOUR)
    assert rung.content == new_mail(2)
    assert await counts(store, first) == Counts(detected=3, accepted=2, silenced=1)


async def test_a_digest_rings_at_most_once_in_its_time(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=DIGEST)
    rung = []
    for minute in range(0, 120, 5):
        await arrive(store, first.id, at=minute * MINUTE)
        await store.release(NOW + minute * MINUTE)
        rung += [(minute, one.content.count) for one in await drain(store, NOW + minute * MINUTE)]  # type: ignore[union-attr]
    assert rung == [(0, 1), (30, 6), (60, 6), (90, 6)]
    assert (await counts(store, first)).pending == 5


async def test_mailboxes_meet_in_one_digest(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=DIGEST)
    await arrive(store, first.id)
    for name in ("INBOX", "Work", "INBOX"):
        await arrive(store, first.id, NewMail(name, 7, 1, None), MINUTE)
    await store.release(NOW + HOUR)
    content = (await drain(store, NOW + HOUR))[-1].content
    assert content == NewMail(None, None, 3, None, mailboxes=(("INBOX", 2), ("Work", 1)))


async def test_quiet_hours_that_are_taken_back_let_ring_at_once(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    await change(store, first, preferences=NO_PREFERENCES)
    due = await store.next_due(NOW)
    assert due is not None
    assert due <= NOW
    await store.release(NOW)
    assert [one.content for one in await drain(store, NOW)] == [new_mail()]


async def test_quiet_hours_that_are_moved_move_what_is_held(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    await change(store, first, preferences=Preferences(quiet_hours=replace(NIGHT, end=time(5))))
    await store.release(NOW)
    assert await store.next_due(NOW) == MORNING - 2 * HOUR
    assert await drain(store, NOW) == []


@pytest.mark.parametrize("wish", [DROPPING, Preferences(muted_until=NOW + DAY)])
async def test_what_is_held_is_silenced_by_a_wish_for_silence(
    store: Store, account: Account, wish: Preferences
) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id, new_mail(2))
    await change(store, first, preferences=wish)
    await store.release(NOW)
    assert await counts(store, first) == Counts(detected=2, silenced=2)
    assert await store.next_due(NOW) is None


async def test_a_pause_drops_what_is_held(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    paused = await change(store, first, paused=True)
    assert await counts(store, first) == Counts(detected=1, expired=1)
    await change(store, paused, paused=False)
    assert await store.next_due(NOW) is None


@pytest.mark.parametrize("phase", OVER)
async def test_a_subscription_that_is_over_holds_nothing(store: Store, account: Account, phase: Phase) -> None:
    first = await put(store, account, preferences=QUIET)
    await arrive(store, first.id)
    await change(store, first, phase=phase, over_since=NOW)
    assert await counts(store, first) == Counts(detected=1, expired=1)
    await store.remove(first.id)
    assert await store.release(NOW + DAY) == 0


async def test_an_endpoint_that_is_gone_takes_along_what_is_held(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, preferences=QUIET)
    await arrive(store, first.id)
    await store.settle(one.id, EndpointGone(NOW, 410, GONE))
    assert await counts(store, first) == Counts(detected=2, refused=2)


async def test_what_waits_unsent_when_quiet_begins_is_held(store: Store, account: Account) -> None:
    first = await put(store, account)
    await enqueue(store, first, new_mail(2))
    await change(store, first, preferences=QUIET)
    await arrive(store, first.id, at=SECOND)
    assert await lease(store, NOW + SECOND) == []
    assert await counts(store, first) == Counts(detected=3, pending=3)
    await store.release(MORNING)
    assert [one.content for one in await drain(store, MORNING)] == [new_mail(3)]


async def test_what_was_sent_before_quiet_began_is_tried_on(store: Store, account: Account) -> None:
    """It may have arrived: another notification of the same messages would ring twice."""
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, preferences=QUIET)
    await store.settle(one.id, Postponed(NOW, NOW + SECOND, 503))
    assert [leased.notification.id for leased in await lease(store, NOW + SECOND)] == [one.id]


async def test_a_mute_ends_what_is_tried_again(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, preferences=Preferences(muted_until=NOW + HOUR))
    await store.settle(one.id, Postponed(NOW, NOW + SECOND, 503))
    assert await lease(store, NOW + SECOND) == []
    assert await counts(store, first) == Counts(detected=1, silenced=1)


async def test_what_was_accepted_is_settled_whatever_is_wished_meanwhile(store: Store, account: Account) -> None:
    first = await put(store, account)
    one = await enqueue(store, first)
    await lease(store)
    await change(store, first, preferences=Preferences(muted_until=NOW + HOUR))
    await store.settle(one.id, Settled(NOW, 200))
    assert await counts(store, first) == Counts(detected=1, accepted=1)


async def test_only_new_mail_waits_for_the_morning(store: Store, account: Account) -> None:
    await put(store, account, preferences=replace(QUIET, muted_until=NOW + DAY, digest_minutes=60))
    await told(store, account)
    assert [one.content for one in await drain(store, NOW)] == [Reconnect(LossReason.CONNECTION_LOST)]


async def test_holds_are_released_in_steps_the_earliest_first(store: Store, account: Account) -> None:
    for number in (1, 2, 3):
        one = await put(store, account, number, preferences=DIGEST)
        await arrive(store, one.id, at=-number * MINUTE)
        await arrive(store, one.id)
    await drain(store, NOW)
    assert [await store.release(NOW + HOUR, 2) for _ in range(3)] == [2, 1, 0]


async def test_what_is_held_is_there_after_a_restart(store: Store, account: Account) -> None:
    first = await put(store, account, preferences=DIGEST, endpoints=Endpoints(webhook()))
    await arrive(store, first.id)
    await arrive(store, first.id, at=SECOND)
    await store.release_leases()
    await store.release(NOW + HOUR)
    assert [one.content for one in await drain(store, NOW + HOUR)] == [new_mail(), new_mail()]


async def test_what_came_while_the_clock_was_ahead_rings_once_nothing_holds_it_any_more(
    store: Store, account: Account
) -> None:
    first = await put(store, account, preferences=QUIET)
    assert await arrive(store, first.id, at=3 * DAY) == 0  # then the clock is set back
    assert await store.release(NOW) == 0

    await change(store, first, preferences=NO_PREFERENCES)

    assert await store.release(NOW) == 1
    assert [one.content for one in await drain(store, NOW)] == [new_mail()]
    assert await counts(store, first) == Counts(detected=1, accepted=1)
