"""What time alone brings about: leases end, which is told before; a ``reconnect`` that nobody answered is repeated; what was
kept of messages is forgotten, keys that nobody needs any more, and what was removed is gone from the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from idlebell.deliver.old_keys import drop_needless
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.store.contract import (
    EXPIRED_AT_ONCE,
    OVERDUE_AT_ONCE,
    TRAILS_AT_ONCE,
    Outbox,
    StoreError,
    Subscriptions,
    Trails,
)
from idlebell.store.keys import Keys
from idlebell.store.scrubbing import Scrubbing
from idlebell.telemetry.facts import (
    Emit,
    Noted,
    NotificationDropped,
    StoreFailed,
    SubscriptionChanged,
    SupervisorCaught,
    where_raised,
)

EVERY_SECONDS = 30.0
"""Between two looks. No lease begins and ends between them: the shortest is a minute."""
LEASES_PAUSE_SECONDS = 1.0
"""Between two looks at leases that end one after another: a lease may live this much longer than it says."""
TOLD_AT_ONCE = 100
"""In one step of the store."""
OVERDUE_PAUSE_SECONDS = 0.1
"""Between two steps: a backlog of a hundred thousand ends in a minute, and mail comes through meanwhile."""
TOLD_PAUSE_SECONDS = 1.0
"""Between two steps, so that thousands of reminders after an outage do not come at once, nor all apps whose leases began
together renew them together."""
KEYS_EVERY_SECONDS = 3_600.0
"""Who needs an old key stands in every subscription, sealed."""


class PrunedStore(Subscriptions, Outbox, Trails, Keys, Scrubbing, Protocol):
    """What there is to prune."""


def _nothing() -> None:
    return None


async def _no_book() -> None:
    return None


class Pruner:
    """``on_expired`` is told of subscriptions whose lease is over: their accounts may not be wanted any more.
    ``on_told`` that something is due in the outbox. ``book`` writes down what was done, where it is time."""

    def __init__(
        self,
        store: PrunedStore,
        emit: Emit,
        clock: Clock,
        on_expired: Callable[[tuple[Subscription, ...]], None],
        on_told: Callable[[], None] = _nothing,
        book: Callable[[], Awaitable[None]] = _no_book,
    ) -> None:
        self._store = store
        self._emit = emit
        self._clock = clock
        self._on_expired = on_expired
        self._on_told = on_told
        self._book = book
        self._keys_at = float("-inf")
        self._loops: tuple[asyncio.Task[None], ...] = ()

    def start(self) -> None:
        self._loops = (
            asyncio.create_task(self._supervised(self._end_on_time), name="pruner of leases"),
            asyncio.create_task(self._supervised(self._tidy), name="pruner"),
        )

    async def stop(self) -> None:
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def prune(self) -> None:
        """Once. StoreError where the store cannot."""
        await self._end()
        await self._tidy()

    async def _end(self) -> None:
        while expired := await self._store.expire(self._clock.now()):
            for subscription in expired:
                self._emit(SubscriptionChanged(subscription.id, subscription.account_id, "expired"))
            self._on_expired(expired)
            if len(expired) < EXPIRED_AT_ONCE:
                break

    async def _end_on_time(self) -> float:
        """Ends leases; returned is how long until the next one ends."""
        await self._end()
        ends = await self._store.next_lapse()
        if ends is None:
            return EVERY_SECONDS
        return max(LEASES_PAUSE_SECONDS, min((ends - self._clock.now()).total_seconds(), EVERY_SECONDS))

    async def _tidy(self) -> float:
        """All that may take its time; no lease waits for it."""
        await self._give_up()
        await self._tell(self._store.warn)
        await self._tell(self._store.remind)
        while await self._store.forget_trails(self._clock.now()) >= TRAILS_AT_ONCE:
            await self._clock.sleep(TOLD_PAUSE_SECONDS)
        if self._clock.monotonic() - self._keys_at >= KEYS_EVERY_SECONDS:
            for key in await drop_needless(self._store, self._clock.now()):
                self._emit(Noted(f"The old application server key {key} is forgotten: nobody needs it."))
            self._keys_at = self._clock.monotonic()
        await self._book()
        await self._store.scrub()  # where somebody stood in the way, the next time
        return EVERY_SECONDS

    async def _give_up(self) -> None:
        """What was not sent while it was of use."""
        while given_up := await self._store.overdue(self._clock.now()):
            for subscription, notification in given_up:
                self._emit(NotificationDropped(subscription, notification, "expired"))
            if len(given_up) < OVERDUE_AT_ONCE:
                break
            await self._clock.sleep(OVERDUE_PAUSE_SECONDS)

    async def _tell(self, step: Callable[[datetime, int], Awaitable[int]]) -> None:
        while (told := await step(self._clock.now(), TOLD_AT_ONCE)) > 0:
            self._on_told()
            if told < TOLD_AT_ONCE:
                break
            await self._clock.sleep(TOLD_PAUSE_SECONDS)

    async def _supervised(self, step: Callable[[], Awaitable[float]]) -> None:
        """Again and again, after as many seconds as ``step`` says."""
        while True:
            seconds = EVERY_SECONDS
            try:
                seconds = await step()
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
            except Exception as error:
                self._emit(SupervisorCaught("pruner", where_raised(error)))
            await self._clock.sleep(seconds)
