"""What falls through to the next endpoint of ``new_mail``, in memory. ``save``: what waits for a subscription follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.store import falling
from idlebell.store.memory.waiting import Waiting, Waitings
from idlebell.store.routes import Fingerprint

Save = Callable[[Subscription], object]


class Falls:
    def __init__(
        self,
        outbox: Waitings,
        subscriptions: Mapping[SubscriptionId, Subscription],
        fingerprint: Fingerprint,
        save: Save,
    ) -> None:
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._fingerprint = fingerprint
        self._save = save

    def release(self, now: datetime, limit: int) -> int:
        """How many notifications fell through, and how many subscriptions try an earlier endpoint again."""
        for entry in self._outbox.by_id.values():
            if entry.route.patience_seconds and entry.falls_at is None:
                entry.falls_at = now + timedelta(seconds=entry.route.patience_seconds)
        due = [(at, one) for one in self._outbox.by_id.values() if (at := self.falls_at(one)) is not None and at <= now]
        due.sort(key=lambda found: (found[0], found[1].notification.version))
        for at, entry in due[:limit]:
            # One before it may have taken it along.
            if entry.falls_at == at and not self.fall(entry, now):
                entry.route, entry.falls_at = replace(entry.route, patience_seconds=0), None
        over = [(at, one) for one in self._subscriptions.values() if (at := falling.probe_at(one)) is not None]
        probed = sorted((at, one.id) for at, one in over if at <= now)[:limit]
        for _, one in probed:
            changed = falling.probed(self._subscriptions[one], now)
            assert changed is not None
            self._save(changed)
        return len(due[:limit]) + len(probed)

    def falls_at(self, entry: Waiting) -> datetime | None:
        return None if entry.leased_until is not None else entry.falls_at

    def fall(self, entry: Waiting, now: datetime) -> bool:
        """All that waits for its endpoint goes to the next. False: there is none."""
        one = self._subscriptions[entry.notification.subscription_id]
        changed = falling.fallen(one, falling.place_of(one.endpoints, self._fingerprint, entry.route.endpoint), now)
        if changed is not None:
            self._save(changed)
        return changed is not None

    def spent(self, entry: Waiting, now: datetime, until: datetime) -> bool:
        """As :meth:`fall`, until then."""
        one = self._subscriptions[entry.notification.subscription_id]
        place = falling.place_of(one.endpoints, self._fingerprint, entry.route.endpoint)
        changed = falling.spent(one, place, now, until)
        if changed is not None:
            self._save(changed)
        return changed is not None

    def failed(self, subscription: SubscriptionId, endpoint: bytes, now: datetime) -> None:
        """An attempt: enough where the endpoint is being tried again."""
        one = self._subscriptions[subscription]
        place = falling.place_of(one.endpoints, self._fingerprint, endpoint)
        if falling.probing(one, place) and (changed := falling.fallen(one, place, now)) is not None:
            self._save(changed)

    def worked(self, entry: Waiting) -> None:
        """It was accepted."""
        one = self._subscriptions[entry.notification.subscription_id]
        changed = falling.works(one, falling.place_of(one.endpoints, self._fingerprint, entry.route.endpoint))
        if entry.route.patience_seconds and changed is not None:
            self._save(changed)
