"""What falls through to the next endpoint of ``new_mail``, in memory. ``save``: what waits for a subscription follows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.model.trail import PASSINGS_KEPT, Delivery
from idlebell.store import falling
from idlebell.store.delivered import passed_on
from idlebell.store.memory.waiting import Waiting, Waitings
from idlebell.store.routes import Fingerprint

Save = Callable[[Subscription], object]
Keep = Callable[[SubscriptionId, Sequence[Delivery]], None]


class Falls:
    def __init__(
        self,
        outbox: Waitings,
        subscriptions: Mapping[SubscriptionId, Subscription],
        fingerprint: Fingerprint,
        save: Save,
        keep: Keep,
    ) -> None:
        self._outbox = outbox
        self._subscriptions = subscriptions
        self._fingerprint = fingerprint
        self._save = save
        self._keep = keep

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
        place = falling.place_of(one.endpoints, self._fingerprint, entry.route.endpoint)
        return self._pass_on(entry, one, falling.fallen(one, place, now), now)

    def spent(self, entry: Waiting, now: datetime, until: datetime) -> bool:
        """As :meth:`fall`, until then."""
        one = self._subscriptions[entry.notification.subscription_id]
        place = falling.place_of(one.endpoints, self._fingerprint, entry.route.endpoint)
        return self._pass_on(entry, one, falling.spent(one, place, now, until), now)

    def _pass_on(self, entry: Waiting, one: Subscription, changed: Subscription | None, now: datetime) -> bool:
        if changed is None:
            return False
        endpoint = one.endpoints.serving(entry.notification.content.role)
        host = "" if endpoint is None else endpoint.url.host
        own = [each for each in self._outbox.of_subscription(one.id) if each.route.endpoint == entry.route.endpoint]
        going = [each for each in reversed(own) if each.leased_until is None]
        named = [each.named for each in going if falling.goes_on(each.notification.content.role)][:PASSINGS_KEPT]
        self._save(changed)
        if named:
            self._keep(one.id, [passed_on(*each, now, host) for each in named])
        return True

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
