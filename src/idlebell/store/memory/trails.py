"""What is kept of verdicts and deliveries, in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Told
from idlebell.model.trail import DELIVERIES_KEPT, KEPT_FOR, VERDICTS_KEPT, Delivery, KeptVerdict
from idlebell.store import trail_codec
from idlebell.store.contract import TRAILS_AT_ONCE


class MemoryTrails:
    """Keeps :class:`~idlebell.store.contract.Trails`. The rings are those of the database, so that both keep the same."""

    def __init__(self) -> None:
        super().__init__()
        self._verdicts: dict[SubscriptionId, tuple[datetime, bytes]] = {}
        self._deliveries: dict[SubscriptionId, tuple[datetime, bytes]] = {}

    async def verdicts(self, subscription: SubscriptionId) -> tuple[KeptVerdict, ...]:
        _, ring = self._verdicts.get(subscription, (None, b""))
        return trail_codec.opened(ring, trail_codec.decode_verdict(subscription))

    async def deliveries(self, subscription: SubscriptionId) -> tuple[Delivery, ...]:
        _, ring = self._deliveries.get(subscription, (None, b""))
        return trail_codec.opened(ring, trail_codec.decode_delivery)

    async def forget_trails(self, now: datetime, limit: int = TRAILS_AT_ONCE) -> int:
        forgotten = 0
        for rings in (self._verdicts, self._deliveries):
            old = [one for one, (at, _) in rings.items() if at.date() < (now - KEPT_FOR).date()][:limit]
            for one in old:
                del rings[one]
            forgotten += len(old)
        return forgotten

    # inside

    def _keep_verdicts(self, known: Iterable[SubscriptionId], verdicts: Sequence[KeptVerdict]) -> None:
        for one in known:
            own = [verdict for verdict in verdicts if verdict.subscription_id == one][: -VERDICTS_KEPT - 1 : -1]
            if own:
                lines = map(trail_codec.encode_verdict, own)
                _add(self._verdicts, one, lines, own[0].at, VERDICTS_KEPT)

    def _keep_deliveries(self, subscription: SubscriptionId, deliveries: Sequence[Delivery]) -> None:
        """``deliveries``: newest first."""
        lines = map(trail_codec.encode_delivery, deliveries[:DELIVERIES_KEPT])
        _add(self._deliveries, subscription, lines, deliveries[0].at, DELIVERIES_KEPT)

    def _keep_withdrawn(self, subscription: SubscriptionId, gone: frozenset[Told]) -> None:
        if subscription in self._verdicts:
            at, ring = self._verdicts[subscription]
            self._verdicts[subscription] = at, trail_codec.withdrawn(ring, subscription, gone)

    def _forget_trails_of(self, subscription: SubscriptionId) -> None:
        self._verdicts.pop(subscription, None)
        self._deliveries.pop(subscription, None)


def _add(
    rings: dict[SubscriptionId, tuple[datetime, bytes]],
    subscription: SubscriptionId,
    newest_first: Iterable[bytes],
    at: datetime,
    kept: int,
) -> None:
    _, ring = rings.get(subscription, (None, b""))
    rings[subscription] = (at, trail_codec.joined(ring, newest_first, kept, at - KEPT_FOR))
