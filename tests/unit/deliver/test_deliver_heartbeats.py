"""Heartbeats go out by time alone, and only for what is really watched."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from idlebell.deliver import heartbeats
from idlebell.deliver.heartbeats import AGAIN_SECONDS_MAX, EVERY_SECONDS, Heartbeats
from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import StoreFailed, SupervisorCaught
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, hook, scene

HOUR = 3600


class Beating:
    """``unwatched``: subscriptions whose account has no session."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.scene: Scene = scene(self.clock)
        self.unwatched: set[SubscriptionId] = set()
        self.heartbeats = Heartbeats(
            self.scene.store,
            self.scene.facts.append,
            self.clock,
            lambda one: one.id not in self.unwatched,
            self.scene.dispatcher.nudge,
        )
        self.scene.dispatcher.start()
        self.heartbeats.start()

    async def subscribe(self, seconds: int = HOUR, url: str = "https://hook.example.net/h") -> Subscription:
        made = await self.scene.subscribe(hook(url))
        return await self.scene.store.put(replace(made, heartbeat_seconds=seconds))

    @property
    def sent(self) -> int:
        return len(self.scene.http.requests)


@pytest.fixture
async def beating() -> AsyncIterator[Beating]:
    one = Beating()
    yield one
    await one.heartbeats.stop()
    await one.scene.dispatcher.stop()


async def test_the_first_is_sent_at_once_and_the_others_in_their_rhythm(beating: Beating) -> None:
    subscription = await beating.subscribe()
    await beating.clock.advance(EVERY_SECONDS)
    (request,) = beating.scene.http.requests
    body = json.loads(request.body)
    assert (body["type"], body["subscription"]) == ("heartbeat", subscription.id)
    await beating.clock.advance(HOUR - 2 * EVERY_SECONDS)
    assert beating.sent == 1
    await beating.clock.advance(2 * EVERY_SECONDS)
    assert beating.sent == 2


async def test_who_did_not_ask_for_any_gets_none(beating: Beating) -> None:
    await beating.scene.subscribe(hook())
    await beating.clock.advance(3 * HOUR)
    assert beating.sent == 0


async def test_none_is_sent_while_nothing_is_watched_and_one_soon_after(beating: Beating) -> None:
    subscription = await beating.subscribe()
    await beating.clock.advance(EVERY_SECONDS)
    beating.unwatched.add(subscription.id)
    await beating.clock.advance(5 * HOUR)
    assert beating.sent == 1
    beating.unwatched.clear()
    await beating.clock.advance(AGAIN_SECONDS_MAX + EVERY_SECONDS)
    assert beating.sent == 2, "one for all that were not sent"
    await beating.clock.advance(HOUR - 2 * EVERY_SECONDS)
    assert beating.sent == 2


async def test_the_shorter_the_rhythm_the_sooner_it_is_looked_at_again(beating: Beating) -> None:
    subscription = await beating.subscribe(60)
    beating.unwatched.add(subscription.id)
    await beating.clock.advance(HOUR)
    beating.unwatched.clear()
    await beating.clock.advance(2 * EVERY_SECONDS)
    assert beating.sent == 1


async def test_a_process_that_stood_still_sends_one_and_no_burst(beating: Beating) -> None:
    await beating.subscribe(60)
    await beating.clock.advance(EVERY_SECONDS)
    beating.clock.stop(HOUR)
    await beating.clock.advance(2 * EVERY_SECONDS)
    assert beating.sent == 2


async def test_many_that_are_not_watched_do_not_hold_up_one_that_is(
    beating: Beating, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeats, "AT_ONCE", 2)
    for number in range(5):
        dead = await beating.subscribe(url=f"https://hook.example.net/{number}")
        beating.unwatched.add(dead.id)
    await beating.subscribe(url="https://hook.example.net/live")
    await beating.clock.advance(EVERY_SECONDS)
    assert beating.scene.http.urls() == ["https://hook.example.net/live"]


async def test_one_that_is_late_by_a_whole_rhythm_is_dropped(beating: Beating) -> None:
    subscription = await beating.subscribe()
    due = beating.clock.now()
    await beating.heartbeats.beat()
    (lane,) = await beating.scene.store.lanes(due, 10)
    (leased,) = await beating.scene.store.lease(lane, due, due, 10)
    assert leased.notification.subscription_id == subscription.id
    assert (leased.notification.expires_at - due).total_seconds() == HOUR


async def test_it_survives_a_failing_store_and_a_bug(beating: Beating, monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[Exception] = [StoreError("disk full"), ZeroDivisionError("secret")]

    async def due(now: object, limit: int) -> tuple[Subscription, ...]:
        if errors:
            raise errors.pop(0)
        return ()

    monkeypatch.setattr(beating.scene.store, "heartbeats_due", due)
    await beating.clock.advance(3 * EVERY_SECONDS)
    assert beating.scene.of(StoreFailed) == [StoreFailed("disk full")]
    (caught,) = beating.scene.of(SupervisorCaught)
    assert caught.part == "heartbeats"
    assert "secret" not in caught.error


async def test_stopping_what_was_never_started_is_nothing() -> None:
    idle = scene(VirtualClock())
    await Heartbeats(idle.store, idle.facts.append, idle.clock, lambda _: True, lambda: None).stop()
