"""Heartbeats of the store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, Notification
from idlebell.model.subscription import Subscription
from idlebell.store.memory.outbox import MemoryOutbox


class MemoryBeats(MemoryOutbox):
    async def heartbeats_due(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        return tuple(self._subscriptions[one] for one in self._heartbeats.due(now, limit))

    async def beat(
        self, subscription: SubscriptionId, now: datetime, drafts: Sequence[Draft]
    ) -> tuple[Notification, ...]:
        stored = self._subscriptions.get(subscription)
        if stored is None or not self._heartbeats.beaten(stored, now):
            return ()
        return await self.enqueue(drafts)

    async def put_off(self, subscriptions: Sequence[SubscriptionId], until: datetime) -> None:
        self._heartbeats.put_off(subscriptions, until)
