"""What waits in the outbox of the store in memory, and when its turn comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.ids import AccountId, NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.subscription import LastPush
from idlebell.rules.pace import NEVER, Lately
from idlebell.store.ahead import Ahead
from idlebell.store.routes import Route
from idlebell.store.taking import in_turn, looked_at

_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(slots=True, eq=False)
class Waiting:
    notification: Notification
    route: Route
    due_at: datetime
    leased_until: datetime | None = None
    falls_at: datetime | None = None
    """When the next endpoint is tried, where there is one."""
    joined: int = 0
    """Of its messages, how many came to it behind a retry."""

    @property
    def tried(self) -> bool:
        """It was sent, or may have been."""
        return self.notification.attempts > 0 or self.leased_until is not None

    @property
    def messages(self) -> int:
        content = self.notification.content
        return content.count if isinstance(content, NewMail) else 0

    def lapse(self) -> bool:
        """Its lease has come to nothing, if it has one: it may have been sent, so it counts as attempted once."""
        leased, self.leased_until = self.leased_until is not None, None
        if leased and not self.notification.attempts:
            self.notification = replace(self.notification, attempts=1)
        return leased

    @property
    def named(self) -> tuple[NotificationId, int, str, datetime]:
        """As a delivery is."""
        one = self.notification
        return one.id, one.version, one.content.type, one.at


@dataclass(slots=True)
class Tally:
    """What has happened to a subscription's notifications; what is pending is counted where it waits."""

    detected: int = 0
    accepted: int = 0
    coalesced: int = 0
    expired: int = 0
    refused: int = 0
    silenced: int = 0
    withdrawn: int = 0
    last_push: LastPush | None = None
    last_event_at: datetime | None = None
    lately: Lately = NEVER

    def saw(self, messages: int, at: datetime) -> None:
        self.detected += messages
        self.last_event_at = max(at, self.last_event_at or at)


class Waitings:
    def __init__(self, account_of: Callable[[SubscriptionId], AccountId]) -> None:
        self._account_of = account_of
        self.by_id: dict[NotificationId, Waiting] = {}
        self.queues: dict[bytes, list[Waiting]] = {}
        """By endpoint, in order of version; none is empty."""
        self._served_at: dict[bytes, datetime] = {}

    def add(self, entry: Waiting) -> None:
        self.by_id[entry.notification.id] = entry
        self.queues.setdefault(entry.route.endpoint, []).append(entry)

    def remove(self, entry: Waiting) -> None:
        del self.by_id[entry.notification.id]
        queue = self.queues[entry.route.endpoint]
        queue.remove(entry)
        if not queue:
            del self.queues[entry.route.endpoint]
            self._served_at.pop(entry.route.endpoint, None)

    def served(self, endpoint: bytes, at: datetime) -> bool:
        """It stands behind those that were not. True: more waits for it."""
        if endpoint not in self.queues:
            return False
        self._served_at[endpoint] = at
        return True

    def retry_now(self, endpoint: bytes, at: datetime) -> None:
        """The endpoint works: what it was to be tried with again later is due."""
        for entry in self.queue(endpoint):
            if entry.notification.attempts and entry.leased_until is None:
                entry.due_at = min(entry.due_at, at)

    def ready_at(self, endpoint: bytes) -> datetime:
        """When something of an endpoint's queue can be leased. One of it is in flight at a time; the order is kept; a retry
        that waits holds up what came after it, so that a failing endpoint is not called more often because more mail comes."""
        queue = self.queues[endpoint]
        until = leased_until(queue)
        if until is not None:
            return until
        if not queue[0].route.collapses:
            return max(queue[0].due_at, self._served_at.get(endpoint, queue[0].due_at))
        attempted = [entry.due_at for entry in queue if entry.notification.attempts]
        due_at = max([min(entry.due_at for entry in queue), *attempted])
        return max(due_at, self._served_at.get(endpoint, due_at))

    def free(self, draft: Draft, to: Route, ahead: Ahead) -> bool:
        """Can it be sent at once, out of nobody's turn? Then it has a place."""
        offer = ahead.offer
        if offer is None or not offer.suits(draft, to.patience_seconds):
            return False
        waits = to.endpoint in self.queues or bool(self.ready(to.lane, offer.now))
        return not waits and ahead.reserve(to.lane)

    def lanes(self, now: datetime) -> list[bytes]:
        """With something that is ready, longest waiting first."""
        earliest: dict[bytes, datetime] = {}
        for endpoint, queue in self.queues.items():
            lane, ready = queue[0].route.lane, self.ready_at(endpoint)
            if ready <= now:
                earliest[lane] = min(ready, earliest.get(lane, ready))
        return sorted(earliest, key=lambda lane: (earliest[lane], lane))

    def ready(self, lane: bytes, now: datetime) -> list[bytes]:
        """Its endpoints that are, longest waiting first."""
        own = [endpoint for endpoint, queue in self.queues.items() if queue[0].route.lane == lane]
        ready = sorted((self.ready_at(endpoint), endpoint) for endpoint in own)
        return [endpoint for at, endpoint in ready if at <= now]

    def in_turn(self, lane: bytes, now: datetime, limit: int) -> list[bytes]:
        """Up to ``limit`` of :meth:`ready`: of each account one before there are two of any."""
        return in_turn(self.ready(lane, now)[: looked_at(limit)], self._account, limit)

    def took_turn(self, endpoint: bytes, at: datetime) -> None:
        """Something of it is leased: all else of its account and lane stands behind what waits for others."""
        account = self._account(endpoint)
        ready = {one: self.ready_at(one) for one in self.ready(self.queues[endpoint][0].route.lane, at)}
        own = {one for one in ready if self._account(one) == account and leased_until(self.queues[one]) is None}
        first = min((ready[one] for one in own), default=at)
        behind = at - _MICROSECOND  # and before what was just served itself: endpoints of one account take turns too
        if any(self._account(one) != account and ready[one] > first for one in ready):
            self._served_at |= {one: behind for one in own if ready[one] < behind}

    def tried(self, lanes: Iterable[bytes]) -> set[bytes]:
        """Those of them where something waits that was tried."""
        tried = {one.route.lane for one in self.by_id.values() if one.notification.attempts}
        return tried.intersection(lanes)

    def _account(self, endpoint: bytes) -> AccountId:
        return self._account_of(self.queues[endpoint][0].notification.subscription_id)

    def due(self, now: datetime) -> list[datetime]:
        """Of each endpoint with something that is not leased."""
        ready = [(self.ready_at(endpoint), leased_until(queue)) for endpoint, queue in self.queues.items()]
        return [at for at, leased in ready if leased is None or at <= now]

    def overdue(self, now: datetime) -> list[Notification]:
        """What is of no use any more and not leased."""
        free = [one.notification for one in self.by_id.values() if one.leased_until is None]
        return sorted((one for one in free if one.expires_at <= now), key=lambda one: one.expires_at)

    def queue(self, endpoint: bytes) -> tuple[Waiting, ...]:
        return tuple(self.queues.get(endpoint, ()))

    def later(self, entry: Waiting) -> None:
        """It has a newer version."""
        queue = self.queues[entry.route.endpoint]
        queue.remove(entry)
        queue.append(entry)

    def of_subscription(self, subscription: SubscriptionId) -> list[Waiting]:
        """Oldest first."""
        found = (one for one in self.by_id.values() if one.notification.subscription_id == subscription)
        return sorted(found, key=lambda one: one.notification.version)


def leased_until(queue: Iterable[Waiting]) -> datetime | None:
    return max((entry.leased_until for entry in queue if entry.leased_until is not None), default=None)
