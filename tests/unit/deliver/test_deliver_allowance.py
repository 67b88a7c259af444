"""So many a day to a person; the rest comes as one with a count when the next day begins."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from idlebell.deliver.allowance import Allowance, day_of, is_limited, next_day
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import AppriseEndpoint, PushUrl
from idlebell.model.ids import ApiKeyId, NotificationId, SubscriptionId
from idlebell.model.notification import LossReason, NewMail, Notification, Reconnect, Reminder
from idlebell.model.proof import Demand, Demands
from idlebell.push.exchange import AppriseAnswered, AppriseCall
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, scene, simple, web

SMS = AppriseEndpoint(PushUrl("twilio://sid:token@15550000000/15551234567"))
NTFY = AppriseEndpoint(PushUrl("ntfys://h/alice"))
NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
FREE = Demands(person=Demand.NONE)


def mail(count: int = 1) -> NewMail:
    return NewMail("INBOX", 1, count, None)


def limited(clock: VirtualClock, calls: list[AppriseCall], most: int = 2, of_key: int = 0) -> Scene:
    async def carry(exchange: AppriseCall, /, *, timeout_seconds: float) -> AppriseAnswered:
        calls.append(exchange)
        return AppriseAnswered(True, 200)

    made = scene(clock, None, DeliverySettings(max_per_day=most, max_per_day_of_key=of_key, demands=FREE))
    made.dispatcher._sender._carriers.add(AppriseCall, carry)
    return made


async def settled(made: Scene, subscription: SubscriptionId, **wanted: int) -> None:
    async with asyncio.timeout(10):
        while True:
            counts = (await made.store.activity(subscription)).counts
            if all(getattr(counts, name) == number for name, number in wanted.items()):
                return
            await asyncio.sleep(0)


def test_days_begin_at_midnight_of_utc() -> None:
    assert next_day(NOW) == datetime(2026, 11, 23, tzinfo=UTC)
    assert next_day(datetime(2026, 11, 23, tzinfo=UTC)) == datetime(2026, 11, 24, tzinfo=UTC)
    assert day_of(NOW) + 1 == day_of(next_day(NOW))
    assert [is_limited(one) for one in (SMS, NTFY, simple(), None)] == [True, False, False, False]
    assert is_limited(AppriseEndpoint(PushUrl("mailtos://a:b@c"))), "mail reaches a person"


async def test_above_it_mail_waits_for_the_next_day_and_comes_as_one() -> None:
    clock, calls = VirtualClock(), []
    made = limited(clock, calls)
    subscription = await made.subscribe(SMS)
    made.dispatcher.start()
    for number in range(1, 6):
        await made.ring(subscription, mail())
        sent = min(number, 2)
        await settled(made, subscription.id, accepted=sent, pending=number - sent)
    assert len(calls) == 2
    assert await made.dispatcher.spent(SMS) == 2
    found = await made.dispatcher.send_test(subscription)
    assert (found.outcome, found.detail) == ("not-sent", "The endpoint has had its 2 notifications of this day.")
    found = await made.dispatcher.send_test(await made.subscribe(NTFY))
    assert (found.outcome, found.status, calls.pop().title) == ("accepted", 200, "Idlebell")

    # That credentials are needed is told all the same.
    await made.ring(subscription, Reconnect(LossReason.REJECTED))
    while len(calls) < 3:
        await asyncio.sleep(0)

    clock.suspend((next_day(clock.now()) - clock.now()).total_seconds() + 1)
    made.dispatcher.nudge()
    await settled(made, subscription.id, accepted=5, pending=0)
    assert len(calls) == 4
    assert "3 new messages" in calls[3].body
    assert await made.dispatcher.spent(SMS) == 1
    await made.dispatcher.stop()


async def test_above_it_mail_goes_to_the_next_endpoint_of_the_list() -> None:
    clock, calls = VirtualClock(), []
    made = limited(clock, calls)
    one = await made.subscribe(SMS)
    subscription = await made.store.put(replace(one, endpoints=replace(one.endpoints, fallbacks=(web(),))))
    made.dispatcher.start()
    for number in range(1, 6):
        await made.ring(subscription, mail())
        await settled(made, subscription.id, accepted=number, pending=0)
    assert (len(calls), len(made.http.urls())) == (2, 3)

    clock.suspend((next_day(clock.now()) - clock.now()).total_seconds() + 1)
    await made.ring(subscription, mail())
    await settled(made, subscription.id, accepted=6, pending=0)
    assert (len(calls), len(made.http.urls())) == (3, 3)
    await made.dispatcher.stop()


async def test_a_reminder_is_bounded_as_mail_is() -> None:
    clock, calls = VirtualClock(), []
    made = limited(clock, calls, most=1)
    subscription = await made.subscribe(SMS)
    made.dispatcher.start()
    await made.ring(subscription, mail())
    await settled(made, subscription.id, accepted=1)
    reminder = await made.ring(subscription, Reminder("INBOX", 1, (1,)))
    async with asyncio.timeout(10):
        while await made.store.waits(reminder.id) != next_day(clock.now()):
            await asyncio.sleep(0)
    assert len(calls) == 1
    await made.dispatcher.stop()


async def test_keys_have_a_bound_of_their_own_and_retries_are_counted_once() -> None:
    clock, calls = VirtualClock(), []
    made = limited(clock, calls)
    key = ApiKeyId("key_a")
    ids = []
    for own in (key, key, None):
        subscription = await made.subscribe(SMS)
        ids.append((await made.store.put(replace(subscription, owner=own))).id)
    allowance = Allowance(made.store, DeliverySettings(max_per_day=0, max_per_day_of_key=2))
    endpoints = [AppriseEndpoint(PushUrl(f"twilio://sid:token@15550000000/1555123456{n}")) for n in range(3)]

    async def waits(number: int, attempts: int = 0) -> bool:
        note = Notification(NotificationId("ntf_a"), ids[number], mail(), 7, NOW, NOW + timedelta(days=1), attempts)
        return await allowance.wait_until(note, endpoints[number], NOW) is not None

    assert [await waits(0), await waits(0, 1), await waits(1), await waits(1), await waits(0)] == [
        False, False, False, True, True,
    ]  # fmt: skip
    assert not await waits(2), "of no key"
    assert not await waits(0, 1), "a retry was counted before"
