"""Reminders in the outbox's tables: what becomes of one when it is due, when it is sent, and when its messages are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, Notification, Reminder, Told
from idlebell.store import codec
from idlebell.store.owed import after_ringing, rings_at
from idlebell.store.reminders import Owed
from idlebell.store.routes import microseconds
from idlebell.store.sqlite import rungs, tallies
from idlebell.store.sqlite.database import Database

_RING_WAITS: Final = "SELECT 1 FROM outbox WHERE subscription = ? AND messages > 0 LIMIT 1"


class RemindersPart:
    """Keeps :class:`~idlebell.store.reminders.Reminders`."""

    _database: Database

    async def reminders_owed(self, now: datetime, limit: int) -> tuple[Owed, ...]:
        return self._database.read(lambda connection: rungs.owed(connection, now, limit))

    async def ring_again(
        self, drafts: Sequence[Draft], settled: Sequence[tuple[SubscriptionId, Told]]
    ) -> tuple[Notification, ...]:
        def job(connection: sqlite3.Connection) -> tuple[Notification, ...]:
            for subscription, one in settled:
                rungs.settle(connection, subscription, [one])
            committed: tuple[Notification, ...] = ()
            for draft in drafts:
                committed += self._ring_again(connection, draft)
            return committed

        return await self._database.write(job)

    async def put_off_reminders(self, owed: Sequence[Owed], until: datetime) -> None:
        await self._database.write(lambda connection: rungs.put_off(connection, owed, until))

    def _ring_again(self, connection: sqlite3.Connection, draft: Draft) -> tuple[Notification, ...]:
        content, one = draft.content, draft.subscription_id
        assert isinstance(content, Reminder)
        messages = rungs.settle(connection, one, content.messages)
        row = connection.execute("SELECT details FROM subscriptions WHERE id = ?", (one,)).fetchone()
        if not messages or row is None:
            return ()
        wish = codec.decode_wish(row[0])
        waits = connection.execute(_RING_WAITS, (one,)).fetchone() is not None
        lately = tallies.lately(connection, one)
        at = rings_at(wish, draft.at, lately, ring_waits=waits)
        if at is None:
            return ()
        if at > draft.at:
            rungs.schedule(connection, one, messages, microseconds(at))
            return ()
        tallies.paced(connection, one, after_ringing(wish, draft.at, lately))
        told = replace(content, uids=tuple(sorted(message.uid for message in messages)))
        return self._database.queues.enqueue_all(connection, [replace(draft, content=told)])
