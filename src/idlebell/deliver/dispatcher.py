"""Leases what is due, sends it, settles it.

A lane is the origin of a push service. Each has a bound of pushes in flight, learnt from how it answers, and a circuit
breaker, so that a service that hangs or asks for patience delays no other; :mod:`idlebell.deliver.lanes` shares them out. A
nudge says that something may be due; that it is lost costs seconds, because the outbox is looked at without one too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from idlebell.deliver.allowance import Allowance, is_limited
from idlebell.deliver.breaker import Breaker, State, reply_of
from idlebell.deliver.carriers import Carriers
from idlebell.deliver.codes import Codes
from idlebell.deliver.lanes import Heard, Lanes
from idlebell.deliver.retry import decide, decide_test, sentence, wait_unverified, word
from idlebell.deliver.sender import Sender, Sent
from idlebell.deliver.settings import (
    ENDPOINTS_KEPT,
    LANES_AT_ONCE,
    STORE_PAUSE_SECONDS_MAX,
    STORE_PAUSE_SECONDS_MIN,
    DeliverySettings,
)
from idlebell.deliver.signing import Signing
from idlebell.deliver.verification import Verifier, VerifyResult
from idlebell.model.endpoint import Endpoint, Provable, PushUrl, Role, WebhookEndpoint, unproven
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, Leased, Test
from idlebell.model.subscription import Phase, Subscription
from idlebell.net.clock import Clock
from idlebell.push.answers import silence_of
from idlebell.push.attempt import Entropy
from idlebell.push.exchange import status_of
from idlebell.push.outcome import Accepted, Outcome, Refused, Retry
from idlebell.push.services import DOUBTFUL
from idlebell.push.vapid import VapidSigner
from idlebell.store.ahead import Offer
from idlebell.store.contract import Deferred, Dropped, EndpointGone, Settlement, Store, StoreError, Tried
from idlebell.telemetry.facts import (
    BreakerChanged,
    Emit,
    NotificationDropped,
    StoreFailed,
    SubscriptionChanged,
    SupervisorCaught,
    where_raised,
)


@dataclass(frozen=True, slots=True)
class TestResult:
    """``outcome``: accepted, retry, gone, too-large, refused, or ``not-sent`` where nothing was sent and ``detail`` says
    why."""

    outcome: str
    status: int | None
    took_ms: float
    detail: str


def _nothing(subscription: Subscription) -> None:
    return None


class Dispatcher:
    """One for a process. ``signer`` None: Web Push goes out without VAPID. ``on_ended`` is told of a subscription whose last
    ``new_mail`` endpoint is gone: its account may not be wanted any more."""

    def __init__(
        self,
        store: Store,
        carriers: Carriers,
        emit: Emit,
        clock: Clock,
        entropy: Entropy,
        signer: VapidSigner | None = None,
        settings: DeliverySettings | None = None,
        on_ended: Callable[[Subscription], None] = _nothing,
    ) -> None:
        self._store = store
        self._emit = emit
        self._clock = clock
        self._entropy = entropy
        self._settings = settings or DeliverySettings()
        self._on_ended = on_ended
        signing = None if signer is None else Signing(store, signer, clock)
        self._sender = Sender(carriers, emit, clock, entropy, signing)
        self._verifier = Verifier(store, self._sender, clock, entropy, self._settings)
        self._codes = Codes(store, self._sender, clock, entropy, emit, self._settings)
        self._allowance = Allowance(store, self._settings)
        self._lanes = Lanes(self._settings)
        self._refusals: OrderedDict[PushUrl, int] = OrderedDict()
        self._in_flight: dict[NotificationId, asyncio.Task[None]] = {}
        self._direct = 0
        self._left = False  # more was due in the last round than it took
        self._ended = 0  # pushes
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to deliver, first of all what a predecessor held a lease on."""
        self._loop = asyncio.create_task(self._run(), name="dispatcher")

    def nudge(self) -> None:
        """Something may be due. Never blocks, never fails."""
        self._wake.set()

    async def stop(self) -> None:
        """Takes nothing new and gives what is in flight ``drain_seconds`` to end. What is cut off then stays in the outbox
        and is sent again, with the same version, by whoever starts next."""
        self._stopping = True
        self._store.hand_to(None)
        self.nudge()
        await self._first(self._drained(), self._clock.sleep(self._settings.drain_seconds))
        left = [task for task in (self._loop, *self._in_flight.values()) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self._codes.stop()

    async def send_test(self, subscription: Subscription) -> TestResult:
        """Sends a ``test`` to the ``new_mail`` endpoint, now and once.

        It goes through the outbox for its version alone: enqueued so that no lane takes it while it is sent from here, and
        useless by the time it would be due, so that a crash in between sends nothing late. StoreError is the caller's.
        """
        endpoint = subscription.endpoints.serving(Role.NEW_MAIL)
        if endpoint is None:
            return TestResult("not-sent", None, 0.0, "The subscription has no new_mail endpoint any more.")
        if unproven(endpoint, self._settings.demands) is not None:
            return TestResult("not-sent", None, 0.0, "The endpoint has not answered its verification.")
        if self._direct >= self._settings.direct:
            return TestResult("not-sent", None, 0.0, "Too many tests at once; try again in a moment.")
        self._direct += 1
        try:
            return await self._send_test(subscription, endpoint)
        finally:
            self._direct -= 1

    async def _send_test(self, subscription: Subscription, endpoint: Endpoint) -> TestResult:
        now = self._clock.now()
        if (most := self._settings.max_per_day) and is_limited(endpoint) and await self.spent(endpoint) >= most:
            return TestResult("not-sent", None, 0.0, f"The endpoint has had its {most} notifications of this day.")
        until = now + timedelta(seconds=self._settings.lease_seconds)
        enqueued = await self._store.enqueue([Draft(subscription.id, Test(), at=now, due_at=until, expires_at=until)])
        if not enqueued:
            why = "is paused" if subscription.paused else "takes no notifications now"
            return TestResult("not-sent", None, 0.0, f"The subscription {why}.")
        (notification,) = enqueued
        await self._allowance.wait_until(notification, endpoint, now)
        sent = await self._sender.send(notification, endpoint, timeout_seconds=self._settings.timeout_seconds)
        settlement = _tried(decide_test(sent.outcome, self._clock.now()), sent, endpoint)
        await self._store.settle(notification.id, settlement)
        await self._tell(notification.subscription_id, notification.id, settlement)
        self.nudge()  # what came in meanwhile waited behind it
        return TestResult(word(sent.outcome), status_of(sent.answer), sent.took_ms, sentence(sent.outcome))

    async def verify_webhook(
        self, subscription: SubscriptionId, endpoint: WebhookEndpoint, source: str
    ) -> VerifyResult:
        """Asks a webhook whether it wants our notifications: at registration, before it is stored. The caller stores it as
        proven where the result is. ``source`` tells apart whoever registers: each has tries of its own. Takes at most
        ``verification_timeout_seconds`` for each request."""
        return await self._verifier.verify(subscription, endpoint, source)

    def lane_states(self) -> dict[str, int]:
        """Push services by the state of their breaker."""
        return self._lanes.states(self._clock.monotonic())

    async def spent(self, endpoint: Endpoint) -> int:
        """What an endpoint that has so many a day has had of this one."""
        return await self._allowance.spent(endpoint, self._clock.now())

    def in_flight(self) -> int:
        return len(self._in_flight)

    async def ask_codes(self, subscription: Subscription) -> Subscription:
        """As it is stored then: see :meth:`~idlebell.deliver.codes.Codes.ask`."""
        return await self._codes.ask(subscription)

    # The round

    async def _run(self) -> None:
        failures = 0
        released = False
        while not self._stopping:
            self._wake.clear()
            try:
                if not released:
                    await self._store.release_leases()
                    await self._codes.resume()
                    released = True
                    self._store.hand_to(self)
                pause = await self._round()
                failures = 0
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
                pause, failures = _store_pause(failures), failures + 1
            except Exception as error:
                self._emit(SupervisorCaught("dispatcher", where_raised(error)))
                pause, failures = _store_pause(failures), failures + 1
            if not self._stopping:
                await self._woken(pause)
                if failures:
                    # Nudges come with every mail; they shall not turn a failing store into a busy loop.
                    await self._clock.sleep(STORE_PAUSE_SECONDS_MIN)

    async def _round(self) -> float:
        """Leases what the bounds allow, starts sending it, and returns after how many seconds to look again."""
        now, clock = self._clock.now(), self._clock.monotonic()
        limit = LANES_AT_ONCE + self._lanes.blocked(clock)
        until = now + timedelta(seconds=self._settings.lease_seconds)
        ended = self._ended
        taken = await self._store.take(now, until, limit, self._lanes.sharing(clock).shares)
        self._left = taken.left
        for leased in taken.leased:
            self._begin(leased)
        if taken.left and (self._ended != ended or (taken.lanes == limit and taken.leased)):
            return 0.0  # there is room that the store was not told of
        if taken.next_due is None:
            return self._settings.idle_seconds
        after = self._clock.now()
        if taken.next_due > after:
            return min((taken.next_due - after).total_seconds(), self._settings.idle_seconds)
        # Due, and not taken: either it became due since we looked, or its lane can take nothing now.
        return 0.0 if taken.next_due > now else self._settings.blocked_seconds

    def _begin(self, leased: Leased) -> None:
        notification = leased.notification
        if notification.id in self._in_flight:
            return  # its lease ran out while the store failed to settle it: that goes on, and ends this lease too
        self._lanes.started(leased.lane)
        self._in_flight[notification.id] = asyncio.create_task(self._deliver(leased), name=f"push {notification.id}")

    # What is leased by the commit that records it (:class:`~idlebell.store.ahead.Taker`)

    def offer(self) -> Offer | None:
        now = self._clock.now()
        until = now + timedelta(seconds=self._settings.lease_seconds)
        return Offer(now, until, partial(self._lanes.reserve, self._clock.monotonic()))

    def begin(self, leased: Leased) -> None:
        self._lanes.returned(leased.lane)
        if not self._stopping:  # whoever starts next sends it
            self._begin(leased)

    def give_back(self, lane: bytes) -> None:
        self._lanes.returned(lane)

    def left(self) -> None:
        self.nudge()

    # One notification

    async def _deliver(self, leased: Leased) -> None:
        notification = leased.notification
        more = True
        try:
            settlement = await self._answered(leased)
            more = await self._settle(notification.id, settlement)
            await self._tell(notification.subscription_id, notification.id, settlement)
        except Exception as error:
            # A bug: what is not settled is attempted again when its lease has lapsed.
            self._emit(SupervisorCaught("dispatcher", where_raised(error)))
        finally:
            del self._in_flight[notification.id]
            self._lanes.settled()
            self._made_room(more=more)

    async def _answered(self, leased: Leased) -> Settlement:
        """What came of it. The service is free for the next one then, which is looked for at once, so that what is leased
        shares the commit of what is settled."""
        try:
            return await self._attempt(leased)
        except Exception as error:
            # A bug, or a store that failed underneath. The notification is not lost, and not tried in a loop either.
            if isinstance(error, StoreError):
                self._emit(StoreFailed(str(error)))
            else:
                self._emit(SupervisorCaught("dispatcher", where_raised(error)))
            failed = Retry("The gateway could not send it.")
            return decide(failed, leased.notification, self._clock.now(), self._entropy)
        finally:
            self._lanes.settling(leased.lane)
            self._made_room(more=False)

    def _made_room(self, *, more: bool) -> None:
        """``more`` may wait that could not be taken before."""
        self._ended += 1
        if more or self._left:
            self.nudge()

    async def _attempt(self, leased: Leased) -> Settlement:
        notification, endpoint = leased.notification, leased.endpoint
        now = self._clock.now()
        if notification.expires_at <= now:
            return Dropped(now, "expired", None)
        waits = unproven(endpoint, self._settings.demands)
        if waits is not None:
            seconds = await self._seconds_to_proof(notification.subscription_id, waits)
            if seconds is not None:
                now = self._clock.now()
                return wait_unverified(notification, now, now + timedelta(seconds=seconds))
        until = await self._allowance.wait_until(notification, endpoint, now)
        if until is not None:
            return Deferred(now, until)
        begun_at = self._clock.monotonic()
        sent = await self._sender.send(notification, endpoint, timeout_seconds=self._settings.timeout_seconds)
        self._learn(leased, sent, begun_at)
        settlement = decide(
            sent.outcome,
            notification,
            self._clock.now(),
            self._entropy,
            refusals=self._count_refusals(endpoint, sent.outcome),
            key_works=self._lanes.accepts(leased.lane),
        )
        return _tried(settlement, sent, endpoint)

    async def _seconds_to_proof(self, subscription: SubscriptionId, endpoint: Provable) -> float | None:
        """None: it has just been proven."""
        if not isinstance(endpoint, WebhookEndpoint):
            return await self._codes.wait_seconds(subscription, endpoint)
        result = await self._verifier.verify_stored(subscription, endpoint)
        return None if result.verified else result.next_in_seconds

    def _learn(self, leased: Leased, sent: Sent, begun_at: float) -> None:
        outcome = sent.outcome
        breaker = self._lanes.heard(
            leased.lane,
            Heard(
                reply_of(sent.answer, outcome),
                hash(leased.endpoint.url),
                begun_at,
                self._clock.monotonic(),
                accepted=isinstance(outcome, Accepted),
                asked_seconds=(outcome.after_seconds or 0.0) if isinstance(outcome, Retry) else 0.0,
                share=int.from_bytes(self._entropy(4), "big") / 2**32,
            ),
        )
        if breaker is not None:
            self._emit(_breaker_changed(leased.endpoint.url.host, breaker, sent))

    def _count_refusals(self, endpoint: Endpoint, outcome: Outcome) -> int:
        """How often in a row, this time included, the endpoint refused our key."""
        if isinstance(outcome, Accepted):
            self._refusals.pop(endpoint.url, None)
        if not (isinstance(outcome, Refused) and outcome.status in DOUBTFUL):
            return 0
        count = self._refusals[endpoint.url] = self._refusals.get(endpoint.url, 0) + 1
        self._refusals.move_to_end(endpoint.url)
        if len(self._refusals) > ENDPOINTS_KEPT:
            self._refusals.popitem(last=False)
        return count

    async def _settle(self, notification: NotificationId, settlement: Settlement) -> bool:
        """Until the store has it: what was accepted and not settled would be sent a second time. True: more may wait for the
        endpoint."""
        failures = 0
        while True:
            try:
                return await self._store.settle(notification, settlement)
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
                await self._clock.sleep(_store_pause(failures))
                failures += 1

    async def _tell(self, subscription: SubscriptionId, notification: NotificationId, settlement: Settlement) -> None:
        """Says what a settlement has ended."""
        if isinstance(settlement, Dropped):
            self._emit(NotificationDropped(subscription, notification, settlement.outcome))
        elif isinstance(settlement, EndpointGone):
            self._emit(NotificationDropped(subscription, notification, "refused"))
            try:
                stored = await self._store.get(subscription)
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
                return
            if stored is not None and stored.phase is Phase.ENDED:
                self._emit(SubscriptionChanged(stored.id, stored.account_id, "ended"))
                self._on_ended(stored)

    # Waiting

    async def _drained(self) -> None:
        """The loop first: the round it is in may still begin something."""
        if self._loop is not None:
            await asyncio.wait({self._loop})
        while self._in_flight:
            await asyncio.wait(set(self._in_flight.values()))

    async def _woken(self, seconds: float) -> None:
        """Until a nudge, or the time is over."""
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        timer.add_done_callback(self._time_is_over)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _time_is_over(self, timer: asyncio.Future[None]) -> None:
        if not timer.cancelled():
            self._wake.set()

    async def _first(self, *waits: Coroutine[Any, Any, object]) -> None:
        """Until the first of them is over; the others are given up."""
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()


def _tried(settlement: Settlement, sent: Sent, endpoint: Endpoint) -> Settlement:
    return replace(settlement, tried=Tried(sent.took_ms, endpoint.url.host, silence_of(sent.answer)))


def _breaker_changed(host: str, breaker: Breaker, sent: Sent) -> BreakerChanged:
    pause = breaker.until - breaker.since if breaker.state is State.OPEN else 0.0
    return BreakerChanged(host, breaker.state, pause, sentence(sent.outcome))


def _store_pause(failures: int) -> float:
    return min(STORE_PAUSE_SECONDS_MIN * 2.0 ** min(failures, 16), STORE_PAUSE_SECONDS_MAX)
