"""Reminders in the store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification, Reminder, Told
from idlebell.store.memory.waiting import Tally
from idlebell.store.memory.withdrawals import MemoryWithdrawals
from idlebell.store.owed import after_ringing, rings_at
from idlebell.store.reminders import Owed


class MemoryReminders(MemoryWithdrawals):
    """Keeps :class:`~idlebell.store.reminders.Reminders`."""

    async def reminders_owed(self, now: datetime, limit: int) -> tuple[Owed, ...]:
        return tuple(
            Owed(self._subscriptions[one].account_id, one, message, since)
            for one, message, since in self._rungs.owed(now, limit)
        )

    async def ring_again(
        self, drafts: Sequence[Draft], settled: Sequence[tuple[SubscriptionId, Told]]
    ) -> tuple[Notification, ...]:
        for subscription, one in settled:
            self._rungs.settle(subscription, [one])
        committed: tuple[Notification, ...] = ()
        for draft in drafts:
            committed += await self._ring_again(draft)
        return committed

    async def put_off_reminders(self, owed: Sequence[Owed], until: datetime) -> None:
        for one in owed:
            self._rungs.put_off(one.subscription, one.message, until)

    async def _ring_again(self, draft: Draft) -> tuple[Notification, ...]:
        content, one = draft.content, draft.subscription_id
        assert isinstance(content, Reminder)
        messages = self._rungs.settle(one, content.messages)
        if not messages:
            return ()
        wish, tally = self._subscriptions[one].preferences, self._tallies.setdefault(one, Tally())
        waits = any(isinstance(its.notification.content, NewMail) for its in self._outbox.of_subscription(one))
        at = rings_at(wish, draft.at, tally.lately, ring_waits=waits)
        if at is None:
            return ()
        if at > draft.at:
            self._rungs.schedule(one, messages, at)
            return ()
        tally.lately = after_ringing(wish, draft.at, tally.lately)
        told = replace(content, uids=tuple(sorted(message.uid for message in messages)))
        return await self.enqueue([replace(draft, content=told)])
