"""The part of the store's contract that knows which messages are to ring again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, Notification, Told


class Owed(NamedTuple):
    """``message`` rang and is to ring again if it is unread still; ``since``: when it was to for the first time, or anew."""

    account: AccountId
    subscription: SubscriptionId
    message: Told
    since: datetime


class Reminders(Protocol):
    """Of subscriptions that want it, each message that rang and is recorded (:meth:`~.contract.Outbox.rung`) is owed a reminder
    so long after it rang (:func:`~.owed.due_at`): what is held, after it rang at last. A change of that time moves those that
    are owed along; with none they are owed no more, nor after a pause or the end of the subscription."""

    async def reminders_owed(self, now: datetime, limit: int) -> tuple[Owed, ...]:
        """Those that are due, longest due first."""
        ...

    async def ring_again(
        self, drafts: Sequence[Draft], settled: Sequence[tuple[SubscriptionId, Told]]
    ) -> tuple[Notification, ...]:
        """Each draft tells one subscription of messages that are unread (:class:`~idlebell.model.notification.Reminder`): of
        those that are still owed one it is told, once, and they are owed none any more, nor are ``settled``. What may not ring
        now (:func:`~idlebell.rules.schedule.place`) is due when it may, or is owed no more; it rings for a digest like new
        mail. While a ring of the subscription waits to be delivered, its reminders are due later."""
        ...

    async def put_off_reminders(self, owed: Sequence[Owed], until: datetime) -> None:
        """Nobody could say whether they were read: they are due at ``until``, and owed since when they were."""
        ...
