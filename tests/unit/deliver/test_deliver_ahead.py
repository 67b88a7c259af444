"""What is leased by the commit that records it: begun at once, and never beyond what its lane bears."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

from idlebell.model.cursor import Cursor
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.subscription import Subscription
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse
from idlebell.store.memory import MemoryStore
from idlebell.store.taking import Taken
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, ScriptedHttp, scene, simple


class CountingStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__(os.urandom)
        self.rounds = 0

    async def take(self, *arguments: Any) -> Taken:
        self.rounds += 1
        return await super().take(*arguments)


async def arrive(played: Scene, subscription: Subscription) -> Notification:
    """As a watcher has it."""
    expected, now = await played.store.cursor(subscription.account_id, "INBOX"), played.clock.now()
    new = Cursor(1, 1 if expected is None else expected.uid_next + 1)
    draft = Draft(subscription.id, NewMail("INBOX", 1, 1, None), now, now, now + timedelta(days=1))
    (one,) = await played.store.commit(subscription.account_id, "INBOX", expected, new, [draft])
    return one


async def begun(played: Scene, many: int) -> list[Subscription]:
    """Delivery has begun, and the service of so many subscriptions is known."""
    subscriptions = [await played.subscribe(simple(f"https://push.example.net/{number}")) for number in range(many)]
    played.dispatcher.start()
    assert isinstance(played.clock, VirtualClock)
    await played.clock.advance(0)
    await arrive(played, subscriptions[0])
    await played.clock.advance(1)
    assert len(played.http.requests) == 1
    return subscriptions


async def test_mail_for_a_service_that_is_known_takes_no_round() -> None:
    store = CountingStore()
    clock = VirtualClock()
    played = scene(clock, store=store)
    (subscription,) = await begun(played, 1)
    rounds = store.rounds
    await arrive(played, subscription)
    await clock.advance(0)
    assert (len(played.http.requests), store.rounds) == (2, rounds)
    assert (await store.activity(subscription.id)).counts.accepted == 2
    await played.dispatcher.stop()


async def test_a_service_gets_no_more_at_once_than_it_bears() -> None:
    busy = 0
    most = 0
    go = asyncio.Event()
    go.set()

    async def respond(_: HttpRequest) -> Answer:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await go.wait()
        busy -= 1
        return HttpResponse(201, {})

    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(respond))
    subscriptions = await begun(played, 10)
    go.clear()
    for subscription in subscriptions:
        await arrive(played, subscription)
    await clock.advance(0)
    assert busy == most == played.dispatcher.in_flight() == 4
    go.set()
    await clock.advance(1)
    assert len(played.http.requests) == 11
    await played.dispatcher.stop()


async def test_what_comes_once_it_has_stopped_is_for_whoever_starts_next() -> None:
    clock = VirtualClock()
    played = scene(clock)
    (subscription,) = await begun(played, 1)
    await played.dispatcher.stop()
    one = await arrive(played, subscription)
    await clock.advance(1)
    assert len(played.http.requests) == 1
    (lane,) = await played.store.lanes(clock.now(), 1)
    (leased,) = await played.store.lease(lane, clock.now(), clock.now() + timedelta(seconds=1), 1)
    assert leased.notification == one
