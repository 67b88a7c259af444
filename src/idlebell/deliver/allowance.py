"""What reaches a person, or costs by the piece, has so many notifications a day: an endpoint, and an API key with all of its.

New mail and reminders above that go to the next endpoint of a list. Without one new mail is held until the next day begins
(UTC), where it comes as one notification with a count, and a reminder waits. Everything else - that credentials are needed,
that a lease ends - is sent all the same, and counted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import AppriseEndpoint, Endpoint
from idlebell.model.ids import ApiKeyId, SubscriptionId
from idlebell.model.notification import NewMail, Notification, Reminder
from idlebell.model.proof import Audience
from idlebell.model.subscription import Subscription
from idlebell.store.allowances import Allowances

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)


class AllowanceStore(Allowances, Protocol):
    """What of a store is needed."""

    def fingerprint(self, value: bytes) -> bytes: ...

    async def get(self, subscription: SubscriptionId) -> Subscription | None: ...


def is_limited(endpoint: Endpoint | None) -> bool:
    return isinstance(endpoint, AppriseEndpoint) and endpoint.audience is Audience.PERSON


def day_of(now: datetime) -> int:
    return (now - _EPOCH) // _DAY


def next_day(now: datetime) -> datetime:
    return _EPOCH + (day_of(now) + 1) * _DAY


class Allowance:
    def __init__(self, store: AllowanceStore, settings: DeliverySettings) -> None:
        self._store = store
        self._settings = settings

    async def wait_until(self, notification: Notification, endpoint: Endpoint, now: datetime) -> datetime | None:
        """Counts it, and None: it may be sent; else when it may be. A retry was counted before. StoreError is the caller's."""
        if not is_limited(endpoint) or notification.attempts:
            return None
        subscription = await self._store.get(notification.subscription_id)
        owner = None if subscription is None else subscription.owner
        bounded = isinstance(notification.content, NewMail | Reminder)
        limits = {self._of_endpoint(endpoint): self._settings.max_per_day if bounded else 0}
        if owner is not None:
            limits[self._of_key(owner)] = self._settings.max_per_day_of_key if bounded else 0
        return None if await self._store.spend(limits, day_of(now)) else next_day(now)

    async def spent(self, endpoint: Endpoint, now: datetime) -> int:
        """Of this day."""
        return await self._store.spent(self._of_endpoint(endpoint), day_of(now))

    def _of_endpoint(self, endpoint: Endpoint) -> bytes:
        url = endpoint.url.reveal().encode("utf-8", "surrogatepass")
        return self._store.fingerprint(b"allowance of endpoint\0" + url)

    def _of_key(self, owner: ApiKeyId) -> bytes:
        return self._store.fingerprint(b"allowance of key\0" + owner.encode("ascii"))
