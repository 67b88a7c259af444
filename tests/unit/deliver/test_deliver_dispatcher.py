"""The dispatcher in virtual time, with a real store and answers that the test gives."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import replace
from typing import Any

import pytest

from idlebell.deliver import dispatcher
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.deliver.retry import REFUSALS_MAX
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.ids import NotificationId
from idlebell.model.notification import LossReason, Reconnect
from idlebell.model.subscription import Phase, Subscription
from idlebell.push import registry
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.store.contract import Settlement, StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import (
    BreakerChanged,
    NotificationDropped,
    PushAttempted,
    StoreFailed,
    SubscriptionChanged,
    SupervisorCaught,
)
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import Scene, ScriptedHttp, hook, scene, simple, web


async def running(played: Scene) -> VirtualClock:
    played.dispatcher.start()
    clock = played.clock
    assert isinstance(clock, VirtualClock)
    await clock.advance(0)
    return clock


async def last_push(played: Scene, subscription: Subscription) -> tuple[int | None, str] | None:
    last = (await played.store.activity(subscription.id)).last_push
    return last and (last.status, last.outcome)


def hanging(*hosts: str) -> ScriptedHttp:
    """These never answer, and time out as the client would make them; others accept."""
    clock: list[VirtualClock] = []

    async def hang() -> Answer:
        await clock[0].sleep(15)
        return NoResponse("timeout")

    http = ScriptedHttp(lambda request: hang() if request.url.host in hosts else HttpResponse(201, {}))
    http.clock = clock  # type: ignore[attr-defined]
    return http


async def test_what_is_due_is_sent_and_settled() -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(simple())
    notification = await played.ring(subscription)
    await running(played)
    (request,) = played.http.requests
    assert request.body == b"version=%d" % notification.version
    assert await last_push(played, subscription) == (201, "accepted")
    assert (await played.store.counts())["pending_notifications"] == 0
    await played.dispatcher.stop()


async def test_each_attempt_is_kept_with_the_host_and_nothing_more_of_its_url() -> None:
    answers = iter([HttpResponse(503, {}), HttpResponse(201, {})])
    played = scene(VirtualClock(), ScriptedHttp(lambda request: next(answers)))
    subscription = await played.subscribe(web("https://push.example.net/secret"))
    notification = await played.ring(subscription)
    clock = await running(played)
    await clock.advance(5)
    kept = await played.store.deliveries(subscription.id)
    assert [(one.notification, one.outcome, one.status, one.host) for one in kept] == [
        (notification.id, "accepted", 201, "push.example.net"),
        (notification.id, "retry", 503, "push.example.net"),
    ]
    assert all(one.took_ms is not None for one in kept)
    assert kept[1].next_at is not None
    await played.dispatcher.stop()


async def test_what_is_not_sent_is_kept_as_that() -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(simple())
    await played.ring(subscription, left=-1)
    await running(played)
    (kept,) = await played.store.deliveries(subscription.id)
    assert (kept.outcome, kept.took_ms, kept.host) == ("expired", None, "")
    await played.dispatcher.stop()


async def test_a_nudge_wakes_it_at_once() -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(web())
    clock = await running(played)
    await played.ring(subscription)
    await clock.advance(0)
    assert len(played.http.requests) == 1
    await played.dispatcher.stop()


async def test_a_lost_nudge_costs_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(web())
    clock = await running(played)
    monkeypatch.setattr(Dispatcher, "nudge", lambda self: None)
    await played.ring(subscription)
    await clock.advance(4.9)
    assert played.http.requests == []
    await clock.advance(0.2)
    assert len(played.http.requests) == 1
    monkeypatch.undo()
    await played.dispatcher.stop()


async def test_an_idle_dispatcher_looks_at_the_outbox_every_few_seconds_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = scene(VirtualClock())
    looks = 0
    lanes = played.store.lanes

    async def counted(*arguments: Any) -> tuple[bytes, ...]:
        nonlocal looks
        looks += 1
        return await lanes(*arguments)

    monkeypatch.setattr(played.store, "lanes", counted)
    clock = await running(played)
    await clock.advance(100)
    assert 19 <= looks <= 22
    await played.dispatcher.stop()


async def test_a_failed_push_comes_again_with_the_same_version_after_growing_pauses() -> None:
    at: list[float] = []
    clock = VirtualClock()

    def respond(request: HttpRequest) -> Answer:
        at.append(clock.monotonic())
        return HttpResponse(500 if len(at) < 5 else 200, {})

    played = scene(clock, ScriptedHttp(respond))
    subscription = await played.subscribe(simple())
    await played.ring(subscription)
    await running(played)
    await clock.advance(60)
    assert len(at) == 5
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert all(later > 1.5 * earlier for earlier, later in itertools.pairwise(pauses))
    assert len({request.body for request in played.http.requests}) == 1
    assert await last_push(played, subscription) == (200, "accepted")
    await played.dispatcher.stop()


async def test_retry_after_is_waited_for() -> None:
    clock = VirtualClock()
    http = ScriptedHttp(lambda request: HttpResponse(503, {"retry-after": "120"}))
    played = scene(clock, http)
    await played.ring(await played.subscribe(simple()))
    await running(played)
    await clock.advance(119)
    assert len(http.requests) == 1
    await clock.advance(20)
    assert len(http.requests) == 2
    await played.dispatcher.stop()


async def test_a_service_that_asks_two_endpoints_for_a_pause_is_left_alone_for_others_too_but_for_a_minute_at_most() -> (
    None
):
    clock = VirtualClock()
    http = ScriptedHttp(
        lambda request: HttpResponse(429 if request.url.reveal()[-1] in "ab" else 201, {"retry-after": "3600"})
    )
    played = scene(clock, http)
    first, second, other = [await played.subscribe(simple(f"https://push.example.net/{name}")) for name in "abc"]
    elsewhere = await played.subscribe(simple("https://elsewhere.example.net/d"))
    await running(played)
    for subscription in (first, other, second, other, elsewhere):
        await played.ring(subscription)
        await clock.advance(1)
    # One that is told to wait may be alone with that.
    urls = [f"https://push.example.net/{name}" for name in "acbc"]
    assert http.urls() == [*urls, "https://elsewhere.example.net/d"]
    while len(http.requests) < 7:
        await clock.advance(20)
    assert http.urls()[5:] == [urls[0], urls[2]]
    await played.ring(other)
    await clock.advance(30)
    assert http.urls()[7:] == []
    await clock.advance(40)
    assert http.urls()[7:] == urls[1:2]
    await played.dispatcher.stop()


async def test_a_service_that_is_down_is_asked_seldom_and_all_that_waited_comes_when_it_is_back() -> None:
    clock = VirtualClock()
    down = True
    http = ScriptedHttp(lambda request: NoResponse("refused") if down else HttpResponse(201, {}))
    played = scene(clock, http)
    many = [await played.subscribe(simple(f"https://push.example.net/{number}")) for number in range(60)]
    for one in many:
        await played.ring(one)
    await running(played)
    await clock.advance(600)
    asked = len(http.requests)
    assert asked < 40
    assert played.dispatcher.lane_states()["closed"] == 0
    changes = [(one.state, one.host) for one in played.of(BreakerChanged)]  # type: ignore[attr-defined]
    assert set(changes) == {("open", "push.example.net")}
    down = False
    await clock.advance(62)
    assert played.dispatcher.lane_states() == {"closed": 1, "open": 0, "half_open": 0}
    assert played.of(BreakerChanged)[-1].state == "closed"  # type: ignore[attr-defined]
    never_tried = len(many) - len({one.url for one in http.requests[:asked]})
    assert len({one.url for one in http.requests[asked:]}) >= never_tried
    await clock.advance(3_600)
    assert (await played.store.counts())["pending_notifications"] == 0
    await played.dispatcher.stop()


async def test_what_is_over_is_not_sent() -> None:
    clock = VirtualClock()
    played = scene(clock)
    subscription = await played.subscribe(simple())
    await played.ring(subscription, left=10)
    await clock.advance(11)
    await running(played)
    assert played.http.requests == []
    assert await last_push(played, subscription) == (None, "expired")
    assert [fact.outcome for fact in played.of(NotificationDropped)] == ["expired"]  # type: ignore[attr-defined]
    await played.dispatcher.stop()


async def test_a_notification_that_never_gets_through_is_given_up_when_its_time_is_over() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: NoResponse("refused")))
    subscription = await played.subscribe(simple())
    await played.ring(subscription, left=100)
    await running(played)
    await clock.advance(200)
    assert await last_push(played, subscription) == (None, "expired")
    stored = await played.store.get(subscription.id)
    assert stored is not None
    assert stored.problem is not None
    assert stored.problem.code == "endpoint-failing"
    await played.dispatcher.stop()


async def test_a_gone_endpoint_ends_its_subscription_and_who_asked_is_told() -> None:
    played = scene(VirtualClock(), ScriptedHttp(lambda request: HttpResponse(410, {})))
    subscription = await played.subscribe(web())
    await played.ring(subscription)
    await running(played)
    assert [(one.id, one.phase) for one in played.ended] == [(subscription.id, Phase.ENDED)]
    assert [fact.change for fact in played.of(SubscriptionChanged)] == ["ended"]  # type: ignore[attr-defined]
    await played.dispatcher.stop()


async def test_a_gone_reconnect_endpoint_leaves_the_subscription_alive() -> None:
    http = ScriptedHttp(lambda request: HttpResponse(404 if request.url.reveal().endswith("b") else 200, {}))
    played = scene(VirtualClock(), http)
    subscription = await played.subscribe(simple(), simple("https://push.example.net/b"))
    await played.ring(subscription, Reconnect(LossReason.RESTART))
    await running(played)
    stored = await played.store.get(subscription.id)
    assert stored is not None
    assert (stored.phase, stored.endpoints.reconnect) == (Phase.ACTIVE, None)
    assert played.ended == []
    await played.dispatcher.stop()


async def test_services_that_hang_delay_no_other() -> None:
    """Two hundred that never answer are asked first; one that works has its push in the same instant."""
    hosts = [f"hang{number}.example.net" for number in range(200)]
    http, clock = hanging(*hosts), VirtualClock()
    http.clock.append(clock)  # type: ignore[attr-defined]
    played = scene(clock, http)
    healthy = await played.subscribe(web("https://healthy.example.net/w"))
    await played.ring(healthy)
    await running(played)
    for host in hosts:
        await played.ring(await played.subscribe(simple(f"https://{host}/")))
    for number in range(40):
        await played.ring(await played.subscribe(simple(f"https://{hosts[0]}/{number}")))
    await clock.advance(1)
    in_flight = len(http.requests) - 1
    assert in_flight == DeliverySettings().in_flight // 2
    await played.ring(healthy)
    await clock.advance(0)
    assert http.urls().count("https://healthy.example.net/w") == 2

    await clock.advance(15 * len(hosts) / in_flight)
    await played.ring(await played.subscribe(web("https://new.example.net/w")))
    await clock.advance(15)
    assert "https://new.example.net/w" in http.urls(), (
        "one that nobody has asked yet is asked before those that were silent"
    )
    stopping = asyncio.create_task(played.dispatcher.stop())
    await clock.advance(15)
    await stopping


async def test_each_service_has_at_most_its_bound_in_flight() -> None:
    clock = VirtualClock()
    most = now = 0

    async def slowly() -> Answer:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await clock.sleep(1)
        now -= 1
        return HttpResponse(201, {})

    http = ScriptedHttp(lambda request: slowly())
    played = scene(clock, http)
    for number in range(20):
        await played.ring(await played.subscribe(simple(f"https://push.example.net/{number}")))
    await running(played)
    assert most == 2
    await clock.advance(30)
    assert (most, len(http.requests)) == (4, 20)
    await played.dispatcher.stop()


async def test_more_lanes_than_one_round_takes_are_all_served() -> None:
    clock = VirtualClock()
    played = scene(clock)
    for number in range(150):
        await played.ring(await played.subscribe(simple(f"https://push{number}.example.net/")))
    await running(played)
    await clock.advance(1)
    assert len(set(played.http.urls())) == 150
    await played.dispatcher.stop()


class FailingStore(MemoryStore):
    """Fails each named method as often as told."""

    def __init__(self) -> None:
        super().__init__(os.urandom)
        self.failing: dict[str, int] = {}

    def _fail(self, name: str) -> None:
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise StoreError(f"{name}: disk full")

    async def release_leases(self) -> None:
        self._fail("release_leases")
        await super().release_leases()

    async def lanes(self, *arguments: Any) -> tuple[bytes, ...]:
        self._fail("lanes")
        return await super().lanes(*arguments)

    async def lease(self, *arguments: Any) -> Any:
        self._fail("lease")
        return await super().lease(*arguments)

    async def settle(self, *arguments: Any) -> bool:
        self._fail("settle")
        return await super().settle(*arguments)

    async def get(self, *arguments: Any) -> Any:
        self._fail("get")
        return await super().get(*arguments)


@pytest.mark.parametrize("method", ["release_leases", "lanes", "lease", "settle"])
async def test_a_failing_store_delays_and_kills_nothing(method: str) -> None:
    store = FailingStore()
    store.failing[method] = 3
    clock = VirtualClock()
    played = scene(clock, store=store)
    subscription = await played.subscribe(simple())
    await played.ring(subscription)
    await running(played)
    for _ in range(20):
        played.dispatcher.nudge()
        await clock.advance(1)
    assert len(played.http.requests) == 1
    assert await last_push(played, subscription) == (201, "accepted")
    assert played.of(StoreFailed) == [StoreFailed(f"{method}: disk full")] * 3
    await played.dispatcher.stop()


async def test_what_the_store_cannot_settle_for_longer_than_its_lease_is_not_sent_twice() -> None:
    store = FailingStore()
    store.failing["settle"] = 60
    clock = VirtualClock()
    played = scene(clock, store=store)
    subscription = await played.subscribe(simple())
    await played.ring(subscription)
    await running(played)
    await clock.advance(1_000)
    assert len(played.http.requests) == 1
    assert await last_push(played, subscription) == (201, "accepted")
    await played.dispatcher.stop()


async def test_a_store_that_fails_after_the_end_of_an_endpoint_is_only_reported() -> None:
    store = FailingStore()
    played = scene(VirtualClock(), ScriptedHttp(lambda request: HttpResponse(410, {})), store=store)
    await played.ring(await played.subscribe(simple()))
    store.failing["get"] = 1
    await running(played)
    assert played.of(StoreFailed) == [StoreFailed("get: disk full")]
    assert played.ended == []
    await played.dispatcher.stop()


async def test_a_store_that_fails_while_an_endpoint_is_verified_postpones() -> None:
    store = FailingStore()
    http = ScriptedHttp(lambda request: HttpResponse(200, {}, request.body))
    played = scene(VirtualClock(), http, store=store)
    await played.ring(await played.subscribe(hook(verified=False)))
    store.failing["get"] = 1
    clock = await running(played)
    assert played.of(StoreFailed) == [StoreFailed("get: disk full")]
    await clock.advance(60)
    assert (await store.counts())["pending_notifications"] == 0
    await played.dispatcher.stop()


async def test_a_bug_in_one_push_is_caught_and_that_push_postponed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    played = scene(clock)
    subscription = await played.subscribe(simple())
    build = registry.build
    bugs = iter([True])

    def broken(*arguments: Any) -> HttpRequest:
        if next(bugs, False):
            raise KeyError("secret")
        return build(*arguments)

    monkeypatch.setattr(registry, "build", broken)
    await played.ring(subscription)
    await running(played)
    (caught,) = played.of(SupervisorCaught)
    assert caught.part == "dispatcher"  # type: ignore[attr-defined]
    assert "secret" not in caught.error  # type: ignore[attr-defined]
    await clock.advance(5)
    assert await last_push(played, subscription) == (201, "accepted")
    await played.dispatcher.stop()


async def test_a_bug_in_a_round_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(simple())
    bugs = iter([True])
    lanes = played.store.lanes

    async def broken(*arguments: Any) -> tuple[bytes, ...]:
        if next(bugs, False):
            raise KeyError("secret")
        return await lanes(*arguments)

    monkeypatch.setattr(played.store, "lanes", broken)
    await played.ring(subscription)
    clock = await running(played)
    await clock.advance(2)
    assert len(played.of(SupervisorCaught)) == 1
    assert len(played.http.requests) == 1
    await played.dispatcher.stop()


async def test_a_key_that_others_accept_and_one_endpoint_never_does_makes_that_endpoint_gone() -> None:
    clock = VirtualClock()
    http = ScriptedHttp(lambda request: HttpResponse(403 if request.url.reveal().endswith("stale") else 201, {}))
    played = scene(clock, http)
    good = await played.subscribe(web("https://push.example.net/good"))
    stale = await played.subscribe(web("https://push.example.net/stale"))
    await running(played)
    await played.ring(good)
    for _ in range(REFUSALS_MAX - 1):
        await played.ring(stale)
        await clock.advance(1)
    assert played.ended == []
    await played.ring(stale)
    await clock.advance(1)
    assert [one.id for one in played.ended] == [stale.id]
    await played.dispatcher.stop()


async def test_one_acceptance_forgives_all_refusals_and_memory_of_them_is_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dispatcher, "ENDPOINTS_KEPT", 8)
    status = 403
    played = scene(VirtualClock(), ScriptedHttp(lambda request: HttpResponse(status, {})))
    subscription = await played.subscribe(web())
    clock = await running(played)
    await played.ring(subscription)
    await clock.advance(1)
    assert list(played.dispatcher._refusals.values()) == [1]
    status = 201
    await played.ring(subscription)
    await clock.advance(1)
    assert list(played.dispatcher._refusals.values()) == []
    status = 403
    for number in range(11):
        await played.ring(await played.subscribe(web(f"https://push.example.net/{number}")))
        await clock.advance(1)
    assert len(played.dispatcher._refusals) == 8
    await played.dispatcher.stop()


# Stopping


async def test_stop_lets_what_is_in_flight_end() -> None:
    clock = VirtualClock()

    async def slowly() -> Answer:
        await clock.sleep(10)
        return HttpResponse(201, {})

    played = scene(clock, ScriptedHttp(lambda request: slowly()))
    subscription = await played.subscribe(simple())
    await played.ring(subscription)
    await running(played)
    stopping = asyncio.create_task(played.dispatcher.stop())
    await clock.advance(10)
    await stopping
    assert await last_push(played, subscription) == (201, "accepted")


async def test_stop_waits_15_seconds_and_what_is_cut_off_stays_in_the_outbox() -> None:
    clock = VirtualClock()

    async def never() -> Answer:
        await clock.sleep(10**6)
        return HttpResponse(201, {})

    played = scene(clock, ScriptedHttp(lambda request: never()))
    await played.ring(await played.subscribe(simple()))
    await running(played)
    stopping = asyncio.create_task(played.dispatcher.stop())
    await clock.advance(14.9)
    assert not stopping.done()
    await clock.advance(0.2)
    await stopping
    assert (await played.store.counts())["pending_notifications"] == 1
    successor = scene(clock, store=played.store)
    successor.dispatcher.start()
    await clock.advance(1)
    assert [r.body for r in successor.http.requests] == [r.body for r in played.http.requests]
    await successor.dispatcher.stop()


async def test_nothing_new_begins_after_stop() -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(simple())
    clock = await running(played)
    await played.dispatcher.stop()
    await played.ring(subscription)
    await clock.advance(60)
    assert played.http.requests == []


async def test_stop_before_start_is_nothing() -> None:
    await scene(VirtualClock()).dispatcher.stop()


# Tests that a user asks for


@pytest.mark.parametrize(
    ("answer", "outcome", "status", "dropped"),
    [
        (HttpResponse(201, {}), "accepted", 201, None),
        (HttpResponse(500, {}), "retry", 500, "expired"),
        (HttpResponse(400, {}), "refused", 400, "refused"),
        (HttpResponse(413, {}), "too-large", 413, "refused"),
        (HttpResponse(410, {}), "gone", 410, "refused"),
        (NoResponse("dns"), "retry", None, "expired"),
    ],
)
async def test_a_test_is_sent_once_and_tells_what_came_of_it(
    answer: Answer, outcome: str, status: int | None, dropped: str | None
) -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: answer))
    subscription = await played.subscribe(web())
    await running(played)
    result = await played.dispatcher.send_test(subscription)
    assert (result.outcome, result.status) == (outcome, status)
    assert result.detail.endswith(".")
    await clock.advance(600)
    assert len(played.http.requests) == 1
    assert [fact.outcome for fact in played.of(NotificationDropped)] == ([dropped] if dropped else [])  # type: ignore[attr-defined]
    assert (await played.store.counts())["pending_notifications"] == 0
    assert [one.id for one in played.ended] == ([subscription.id] if status == 410 else [])
    await played.dispatcher.stop()


async def test_a_test_has_a_version_of_its_own_between_those_of_mail() -> None:
    played = scene(VirtualClock())
    subscription = await played.subscribe(simple())
    before = await played.ring(subscription)
    await played.dispatcher.send_test(subscription)
    after = await played.ring(subscription)
    version = int(played.http.requests[0].body.removeprefix(b"version="))
    assert before.version < version < after.version


async def test_mail_that_comes_during_a_test_is_sent_after_it() -> None:
    clock = VirtualClock()

    async def slowly() -> Answer:
        await clock.sleep(5)
        return HttpResponse(201, {})

    http = ScriptedHttp(lambda request: slowly())
    played = scene(clock, http)
    subscription = await played.subscribe(hook())
    await running(played)
    testing = asyncio.create_task(played.dispatcher.send_test(subscription))
    await clock.advance(1)
    await played.ring(subscription)
    await clock.advance(5)
    assert (await testing).outcome == "accepted"
    await clock.advance(6)
    assert [b'"type":"test"' in request.body for request in http.requests] == [True, False]
    await played.dispatcher.stop()


async def test_a_crash_in_a_test_sends_nothing_late() -> None:
    clock = VirtualClock()
    played = scene(clock)
    subscription = await played.subscribe(simple())
    played.http.respond = lambda request: asyncio.get_running_loop().create_future()
    testing = asyncio.create_task(played.dispatcher.send_test(subscription))
    await clock.advance(1)
    testing.cancel()
    await asyncio.gather(testing, return_exceptions=True)
    await running(played)
    await clock.advance(600)
    assert len(played.http.requests) == 1
    await played.dispatcher.stop()


async def test_what_cannot_be_tested_says_why() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=DeliverySettings(direct=0))
    subscription = await played.subscribe(simple())
    assert "Too many" in (await played.dispatcher.send_test(subscription)).detail
    played = scene(clock)
    subscription = await played.subscribe(simple())
    ended = replace(subscription, endpoints=replace(subscription.endpoints, new_mail=None))
    assert "no new_mail endpoint" in (await played.dispatcher.send_test(ended)).detail
    paused = await played.store.put(replace(subscription, paused=True))
    result = await played.dispatcher.send_test(paused)
    assert (result.outcome, result.detail) == ("not-sent", "The subscription is paused.")
    await played.store.remove(subscription.id)
    assert "takes no notifications" in (await played.dispatcher.send_test(subscription)).detail


async def test_tests_that_begin_together_keep_to_their_bound() -> None:
    async def in_turn() -> Answer:
        await asyncio.sleep(0)
        return HttpResponse(201, {})

    http = ScriptedHttp(lambda request: in_turn())
    played = scene(VirtualClock(), http, DeliverySettings(direct=2))
    subscription = await played.subscribe(hook())
    results = await asyncio.gather(*(played.dispatcher.send_test(subscription) for _ in range(5)))
    assert [one.outcome for one in results] == ["accepted", "accepted", "not-sent", "not-sent", "not-sent"]
    assert (await played.dispatcher.send_test(subscription)).outcome == "accepted"


async def test_what_a_bug_keeps_from_being_settled_is_told_and_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    played = scene(clock)
    await played.ring(await played.subscribe(hook()))
    settle, bugs = played.store.settle, iter([True])

    async def broken(notification: NotificationId, settlement: Settlement) -> bool:
        if next(bugs, False):
            raise AssertionError("a bug")
        return await settle(notification, settlement)

    monkeypatch.setattr(played.store, "settle", broken)
    await running(played)
    assert [fact.part for fact in played.of(SupervisorCaught)] == ["dispatcher"]
    await clock.advance(130)
    assert len({request.body for request in played.http.requests}) == 1
    assert len(played.http.requests) == 2
    assert (await played.store.counts())["pending_notifications"] == 0
    await played.dispatcher.stop()


async def test_every_attempt_is_a_fact_without_url_or_secret() -> None:
    played = scene(VirtualClock())
    await played.ring(await played.subscribe(simple("https://push.example.net/token-nobody-may-see")))
    await running(played)
    (fact,) = played.of(PushAttempted)
    assert "token-nobody-may-see" not in repr(fact)
    await played.dispatcher.stop()
