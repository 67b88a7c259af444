"""What asking a webhook and asking by a code have in common: the notification, and writing down what came of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Final

from idlebell.model.ids import ID_ENTROPY_BYTES, SubscriptionId, notification_id
from idlebell.model.notification import Notification, Verification
from idlebell.model.subscription import Subscription
from idlebell.push.attempt import Entropy
from idlebell.store.contract import ConflictError, Subscriptions

TRIES: Final = 5
"""Of a compare-and-set that others are changing too."""


def verification(
    subscription: SubscriptionId, code: str, now: datetime, until: datetime, entropy: Entropy
) -> Notification:
    """It never was in the outbox. Its version is the time: it comes before anything else that the endpoint gets from this
    subscription."""
    one, version = notification_id(entropy(ID_ENTROPY_BYTES)), int(now.timestamp() * 1000)
    return Notification(one, subscription, Verification(code), version, now, until, 0)


async def store_changed(
    store: Subscriptions, subscription: SubscriptionId, change: Callable[[Subscription], Subscription]
) -> None:
    """Stores what ``change`` makes of it, reading again where somebody else was faster; given up where they always are."""
    for _ in range(TRIES):
        stored = await store.get(subscription)
        if stored is None or (changed := change(stored)) == stored:
            return
        with suppress(ConflictError):
            await store.put(changed)
            return
