"""Heartbeats: an app that asked for them can tell a quiet mailbox from a dead chain.

One is sent only while the account is really watched. While it is not, none is, and the next is sent soon after it is again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, Heartbeat
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.store.contract import Outbox, StoreError
from idlebell.telemetry.facts import Emit, StoreFailed, SupervisorCaught, where_raised

EVERY_SECONDS: Final = 5.0
"""A heartbeat may be this late; the shortest rhythm is a minute."""
AT_ONCE: Final = 200
"""In one step of the store."""
AGAIN_SHARE: Final = 60
AGAIN_SECONDS_MAX: Final = 60.0
"""Where the account is not watched, it is looked at again after this share of the rhythm, and at the latest after this: soon
for the app, and not all too often for the store when the outage of a provider concerns a hundred thousand."""


class Heartbeats:
    """``watched``: are all mailboxes of the subscription being watched? ``on_sent``: something is due in the outbox."""

    def __init__(
        self,
        store: Outbox,
        emit: Emit,
        clock: Clock,
        watched: Callable[[Subscription], bool],
        on_sent: Callable[[], None],
    ) -> None:
        self._store = store
        self._emit = emit
        self._clock = clock
        self._watched = watched
        self._on_sent = on_sent
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="heartbeats")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def beat(self) -> None:
        """All that are due, each once. StoreError where the store cannot."""
        now = self._clock.now()
        # What was dealt with is due later, so each step finds others.
        while due := await self._store.heartbeats_due(now, AT_ONCE):
            watched = [one for one in due if self._watched(one)]
            # Together they share a commit.
            await asyncio.gather(*(self._store.beat(one.id, now, [_draft(one, now)]) for one in watched))
            if watched:
                self._on_sent()
            await self._put_off([one for one in due if one not in watched], now)
            if len(due) < AT_ONCE:
                break

    async def _put_off(self, unwatched: list[Subscription], now: datetime) -> None:
        together: defaultdict[float, list[SubscriptionId]] = defaultdict(list)
        for one in unwatched:
            together[_again_seconds(one)].append(one.id)
        for seconds, ids in together.items():
            await self._store.put_off(ids, now + timedelta(seconds=seconds))

    async def _run(self) -> None:
        """A supervisor: whatever goes wrong is met again in the next round."""
        while True:
            try:
                await self.beat()
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
            except Exception as error:
                self._emit(SupervisorCaught("heartbeats", where_raised(error)))
            await self._clock.sleep(EVERY_SECONDS)


def _draft(subscription: Subscription, now: datetime) -> Draft:
    """Of no use any more when the next one is due."""
    return Draft(subscription.id, Heartbeat(), at=now, due_at=now, expires_at=now + _rhythm(subscription))


def _rhythm(subscription: Subscription) -> timedelta:
    assert subscription.heartbeat_seconds is not None
    return timedelta(seconds=subscription.heartbeat_seconds)


def _again_seconds(subscription: Subscription) -> float:
    share = _rhythm(subscription).total_seconds() / AGAIN_SHARE
    return min(max(share, EVERY_SECONDS), AGAIN_SECONDS_MAX)
