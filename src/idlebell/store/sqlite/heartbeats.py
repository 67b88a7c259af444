"""Heartbeats: whose is due, found along an index of those that take any."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, Notification
from idlebell.model.subscription import Subscription
from idlebell.store import changes
from idlebell.store.routes import microseconds
from idlebell.store.sqlite import rows
from idlebell.store.sqlite.database import Database

_BEATEN: Final = "UPDATE subscriptions SET beaten_us = ?, beat_us = ? WHERE id = ?"
_PUT_OFF: Final = "UPDATE subscriptions SET beat_us = ? WHERE id = ? AND beat_us IS NOT NULL"


class HeartbeatsPart:
    """Keeps the heartbeats of :class:`~idlebell.store.contract.Outbox`."""

    _database: Database

    async def heartbeats_due(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        select = self._database.rows.select
        found = await self._database.scan(lambda connection: select(connection, rows.BEATING, microseconds(now), limit))
        return tuple(found)

    async def beat(
        self, subscription: SubscriptionId, now: datetime, drafts: Sequence[Draft]
    ) -> tuple[Notification, ...]:
        def job(connection: sqlite3.Connection) -> tuple[Notification, ...]:
            stored = self._database.rows.one(connection, rows.BY_ID, subscription)
            beat_at = None if stored is None else changes.next_heartbeat(stored, now)
            if beat_at is None:
                return ()
            connection.execute(_BEATEN, (microseconds(now), microseconds(beat_at), subscription))
            return self._database.queues.enqueue_all(connection, drafts)

        return await self._database.write(job)

    async def put_off(self, subscriptions: Sequence[SubscriptionId], until: datetime) -> None:
        values = [(microseconds(until), one) for one in subscriptions]
        await self._database.write(lambda connection: connection.executemany(_PUT_OFF, values).rowcount)
