"""The events of one subscription, for a reader that may be slow, come back, or stay for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any, Final

import msgspec

from idlebell.gateway.callers import Caller
from idlebell.gateway.feeds import Event, Feed, Feeds
from idlebell.gateway.means import Means
from idlebell.gateway.standing import view
from idlebell.model.ids import SubscriptionId
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import Activity, Counts, Subscription
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import StoreFailed

HEARTBEAT_SECONDS: Final = 15.0
"""Proxies cut what is silent for a minute, some for half of one."""
READERS_OF_SUBSCRIPTION: Final = 4
READERS_OF_KEY: Final = 50
READERS: Final = 500
"""In all: each is a connection, of which a gateway has a few thousand."""
STAYS_SECONDS: Final = 3_600.0
"""Then the reader comes back, from where it was, and shows its token again."""


class Reading:
    """One reader's events, to be closed by whoever opened it."""

    def __init__(self, events: AsyncGenerator[Event | None], leave: Callable[[], None]) -> None:
        self._events = events
        self._leave: Callable[[], None] | None = leave

    def __aiter__(self) -> AsyncIterator[Event | None]:
        return self._events

    async def aclose(self) -> None:
        """Its place is free then. A second call does nothing."""
        leave, self._leave = self._leave, None
        await self._events.aclose()
        if leave is not None:
            leave()


class Events:
    def __init__(self, means: Means, feeds: Feeds) -> None:
        self._means = means
        self._feeds = feeds
        self._of_key: Counter[str] = Counter()
        self._closed = False

    def close(self) -> None:
        """All streams end; none begins any more."""
        self._closed = True
        self._feeds.end_all()

    async def open(self, subscription: str, caller: Caller, after: int | None) -> Reading:
        """What comes after the event ``after`` (None: from now on, and first how it stands); None in between: nothing has come
        for a while. It ends with the subscription, and with the caller's right to it. ProblemError where there is nothing to
        read."""
        found = await self._means.visible(subscription, caller)
        key = caller.api_key.id if caller.api_key is not None else None
        feed = self._feeds.open(found.id, found.account_id)
        full = feed is None or self._feeds.readers() >= READERS or self._closed
        if feed is None or full or (key is not None and self._of_key[key] >= READERS_OF_KEY):
            raise ProblemError(Problem("overloaded", "Too many event streams are open.", retry_after_seconds=60))
        if len(feed.readers) >= READERS_OF_SUBSCRIPTION:
            detail = f"{READERS_OF_SUBSCRIPTION} event streams of this subscription are open."
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=60))
        # It has its place from here on, whether or not it ever reads.
        reader = asyncio.Event()
        feed.readers.add(reader)
        if key is not None:
            self._of_key[key] += 1

        def leave() -> None:
            if key is not None:
                self._of_key[key] -= 1
            self._feeds.left(found.id, feed, reader)

        reading = Reading(self._read(found.id, feed, reader, caller, after), leave)
        try:
            await self._look(found.id, feed)
        except BaseException:
            await reading.aclose()
            raise
        if feed.follower is None:
            feed.follower = asyncio.create_task(self._follow(found.id, feed), name="events")
        return reading

    async def _read(
        self, subscription: SubscriptionId, feed: Feed, reader: asyncio.Event, caller: Caller, after: int | None
    ) -> AsyncGenerator[Event | None]:
        clock = self._means.clock
        leaves_at = clock.monotonic() + STAYS_SECONDS
        asked_at = clock.monotonic()
        place = feed.last_id if after is None else after
        if feed.after(place) is None:
            place = feed.last_id
            yield Event(place, "overrun", b"{}")
            after = None
        if after is None:
            yield Event(place, "state", msgspec.json.encode(feed.said))
        while clock.monotonic() < leaves_at:
            reader.clear()
            events = feed.after(place)
            if events is None:
                yield Event(feed.last_id, "overrun", b"{}")
                return
            for event in events:
                place = event.id
                yield event
            if feed.ended and place == feed.last_id:
                return
            if not await _within(reader, HEARTBEAT_SECONDS):
                yield None
            if clock.monotonic() - asked_at >= HEARTBEAT_SECONDS:
                asked_at = clock.monotonic()
                if not await self._still_sees(caller, subscription):
                    return

    async def _still_sees(self, caller: Caller, subscription: SubscriptionId) -> bool:
        """Its token may have been revoked meanwhile. Of one that is gone the follower tells."""
        means = self._means
        try:
            found = await means.store.get(subscription)
            if caller.api_key is not None:
                key = await means.store.api_key(caller.api_key.token_hash)
                if key is None or (key.expires_at is not None and key.expires_at <= means.clock.now()):
                    return False
        except StoreError as error:
            means.emit(StoreFailed(str(error)))
            return True
        return found is None or caller.sees(found)

    async def _follow(self, subscription: SubscriptionId, feed: Feed) -> None:
        """Tells of every change of its state while somebody listens."""
        status = self._means.status
        status.attend(feed.account, feed.nudged)
        try:
            while not feed.ended:
                feed.nudged.clear()
                try:
                    await self._look(subscription, feed)
                except StoreError as error:
                    self._means.emit(StoreFailed(str(error)))
                await _within(feed.nudged, HEARTBEAT_SECONDS)
        finally:
            status.leave(feed.account, feed.nudged)

    async def _look(self, subscription: SubscriptionId, feed: Feed) -> None:
        found = await self._means.store.get(subscription)
        told = _GONE if found is None else self._state(found)
        if feed.said is None or _without_time(feed.said) != told:
            before, feed.said = feed.said, {**told, "at": self._means.clock.now()}
            if before is not None:
                feed.publish("state", feed.said)
        if found is None or found.phase.over:
            feed.end()

    def _state(self, found: Subscription) -> dict[str, Any]:
        shown = view(found, self._means.status.of(found.account_id), Activity(Counts()), self._means.policy.demands)
        return {
            "state": shown.state,
            "mode": shown.mode,
            "mode_reason": shown.mode_reason,
            "problem": None if shown.problem is None else msgspec.to_builtins(shown.problem),
        }


_GONE: Final[Mapping[str, Any]] = {"state": "ended", "mode": None, "mode_reason": None, "problem": None}
"""Ended for good: nothing of it is kept."""


def _without_time(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if name != "at"}


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
