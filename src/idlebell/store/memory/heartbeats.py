"""When each subscription's next heartbeat is due, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.store import changes


class Heartbeats:
    def __init__(self) -> None:
        self._beaten: dict[SubscriptionId, datetime] = {}
        self._due: dict[SubscriptionId, datetime] = {}

    def reckon(self, subscription: Subscription) -> None:
        """It is stored anew."""
        due = changes.next_heartbeat(subscription, self._beaten.get(subscription.id))
        if due is None:
            self._due.pop(subscription.id, None)
        else:
            self._due[subscription.id] = due

    def due(self, now: datetime, limit: int) -> list[SubscriptionId]:
        found = sorted((at, one) for one, at in self._due.items() if at <= now)
        return [one for _, one in found[:limit]]

    def beaten(self, subscription: Subscription, at: datetime) -> bool:
        """False: it takes none."""
        if subscription.id not in self._due:
            return False
        self._beaten[subscription.id] = at
        self.reckon(subscription)
        return True

    def put_off(self, subscriptions: Sequence[SubscriptionId], until: datetime) -> None:
        for one in subscriptions:
            if one in self._due:
                self._due[one] = until

    def forget(self, subscription: SubscriptionId) -> None:
        self._beaten.pop(subscription, None)
        self._due.pop(subscription, None)
