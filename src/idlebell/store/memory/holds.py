"""What is held of the store in memory: a part of :class:`~idlebell.store.memory.outbox.MemoryOutbox`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.store.delivered import merged_into
from idlebell.store.holds import Hold, joined
from idlebell.store.memory.trails import MemoryTrails
from idlebell.store.memory.waiting import Tally, Waiting
from idlebell.store.routes import EPOCH


class MemoryHolds(MemoryTrails):
    def __init__(self) -> None:
        super().__init__()
        self._tallies: dict[SubscriptionId, Tally] = {}
        self._holds_of: dict[SubscriptionId, Hold] = {}

    def _hold_again(self, entry: Waiting, hold: Hold, now: datetime) -> None:
        """``entry``, that was never sent, comes to what is held."""
        one = entry.notification.subscription_id
        before = self._holds_of.get(one)
        self._holds_of[one] = hold if before is None else joined(before, hold)
        if before is not None:
            kept = merged_into(before.id, entry.notification.id, entry.notification.version, entry.notification.at, now)
            self._keep_deliveries(one, [kept])

    def _hurry(self, subscription: SubscriptionId) -> None:
        """What is held is due, to be placed anew."""
        hold = self._holds_of.get(subscription)
        if hold is not None:
            self._holds_of[subscription] = replace(hold, due_at=EPOCH)

    def _give_up(self, subscription: SubscriptionId, outcome: str) -> None:
        """What is held, if anything is, counted as ``outcome``."""
        hold = self._holds_of.pop(subscription, None)
        if hold is not None:
            tally = self._tallies[subscription]
            setattr(tally, outcome, getattr(tally, outcome) + hold.content.count)
