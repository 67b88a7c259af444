"""What happens to subscriptions, for whoever listens. Nothing is kept of one that nobody listens to.

In: facts, of which those about a subscription with a feed become events. Out: a ring of events with serial numbers, read from a
place in it. A feed outlives its last reader for a while, so that one who comes back misses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import Fact, NotificationDropped, PushAttempted, ReconnectAsked, SubscriptionChanged

EVENTS_KEPT: Final = 256
"""Of a subscription (interface section 4). A reader that is further behind is cut off."""
KEPT_SECONDS: Final = 300.0
"""After the last reader has gone: a page that is loaded anew, a train in a tunnel."""
FEEDS: Final = 500
"""In all, an event being some 300 bytes: 40 MB where every ring is full."""


@dataclass(frozen=True, slots=True)
class Event:
    id: int
    type: str
    data: bytes


class Feed:
    """Of one subscription. Serial numbers grow from one feed of it to the next, for they begin with the time."""

    __slots__ = ("_events", "_first", "account", "ended", "follower", "left_at", "nudged", "readers", "said")

    def __init__(self, account: AccountId, now: datetime) -> None:
        self.account = account
        self._first = int(now.timestamp() * 1000)
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self.readers: set[asyncio.Event] = set()
        self.nudged = asyncio.Event()
        """Something may have changed: its state is to be looked at."""
        self.said: Mapping[str, Any] | None = None
        """The state as it was told last."""
        self.follower: asyncio.Task[None] | None = None
        """Looks at its state while somebody reads."""
        self.ended = False
        self.left_at = 0.0
        """When the last reader went, or one was about to come, by the monotonic clock."""

    @property
    def last_id(self) -> int:
        return self._events[-1].id if self._events else self._first

    def publish(self, kind: str, data: Mapping[str, Any]) -> None:
        self._events.append(Event(self.last_id + 1, kind, msgspec.json.encode(data)))
        self.wake()

    def end(self) -> None:
        self.ended = True
        self.wake()

    def wake(self) -> None:
        for reader in self.readers:
            reader.set()

    def after(self, place: int) -> list[Event] | None:
        """What came after ``place``; None: some of it is not there any more, or the place is none of this feed."""
        oldest = self._events[0].id - 1 if self._events else self._first
        if not oldest <= place <= self.last_id:
            return None
        return [event for event in self._events if event.id > place]


class Feeds:
    """A sink of facts: for all who have no feed one look into a dict."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._feeds: dict[SubscriptionId, Feed] = {}

    def __len__(self) -> int:
        return len(self._feeds)

    def readers(self) -> int:
        return sum(len(feed.readers) for feed in self._feeds.values())

    def __call__(self, fact: Fact) -> None:
        if not self._feeds:
            return
        match fact:
            case PushAttempted() if (feed := self._feeds.get(fact.subscription)) is not None:
                feed.publish("notification", self._attempted(fact))
            case NotificationDropped(outcome="expired") if (feed := self._feeds.get(fact.subscription)) is not None:
                told = {"notification": fact.notification, "outcome": fact.outcome, "at": self._clock.now()}
                feed.publish("notification", told)
            case SubscriptionChanged() if (feed := self._feeds.get(fact.subscription)) is not None:
                feed.nudged.set()
            case ReconnectAsked():
                for feed in self._feeds.values():
                    if feed.account == fact.account:
                        feed.nudged.set()
            case _:
                pass

    def _attempted(self, fact: PushAttempted) -> dict[str, Any]:
        return {
            "notification": fact.notification,
            "version": fact.version,
            "type": fact.type,
            "outcome": fact.outcome,
            "status": fact.status,
            "took_ms": round(fact.took_ms, 1),
            "since_ms": round(fact.since_ms, 1),
            "at": self._clock.now(),
        }

    def open(self, subscription: SubscriptionId, account: AccountId) -> Feed | None:
        """The one there is, or a new one; None: there are too many."""
        self._forget()
        feed = self._feeds.get(subscription)
        if feed is None or feed.ended:
            if feed is None and len(self._feeds) >= FEEDS:
                return None
            feed = self._feeds[subscription] = Feed(account, self._clock.now())
        feed.left_at = self._clock.monotonic()  # its reader is yet to come, and must not find it forgotten
        return feed

    def left(self, subscription: SubscriptionId, feed: Feed, reader: asyncio.Event) -> None:
        feed.readers.discard(reader)
        if not feed.readers:
            feed.left_at = self._clock.monotonic()
            if feed.follower is not None:
                feed.follower.cancel()
                feed.follower = None
            if feed.ended and self._feeds.get(subscription) is feed:
                del self._feeds[subscription]

    def end_all(self) -> None:
        for feed in self._feeds.values():
            feed.end()

    def _forget(self) -> None:
        """Those whose readers have stayed away."""
        oldest = self._clock.monotonic() - KEPT_SECONDS
        for one in [one for one, feed in self._feeds.items() if not feed.readers and feed.left_at < oldest]:
            del self._feeds[one]
