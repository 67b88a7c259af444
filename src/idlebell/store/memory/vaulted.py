"""Sealed credentials, in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from idlebell.model.ids import SubscriptionId
from idlebell.model.subscription import Subscription
from idlebell.model.vaulted import Vaulted


class MemoryVaultedSets:
    """Keeps :class:`~idlebell.store.vaulted.VaultedSets`."""

    _subscriptions: dict[SubscriptionId, Subscription]

    def __init__(self) -> None:
        super().__init__()
        self._vaulted: dict[SubscriptionId, Vaulted] = {}

    async def vaulted(self) -> tuple[Vaulted, ...]:
        self._vaulted = {one: found for one, found in self._vaulted.items() if self._lives(one)}
        return tuple(self._vaulted[one] for one in sorted(self._vaulted))

    async def keep_vaulted(self, one: Vaulted) -> None:
        if self._lives(one.subscription):
            self._vaulted[one.subscription] = one

    async def forget_vaulted(self, subscriptions: Collection[SubscriptionId]) -> None:
        for one in subscriptions:
            self._vaulted.pop(one, None)

    async def reseal_vaulted(self, sets: Sequence[Vaulted], forget: Collection[SubscriptionId]) -> None:
        for one in sets:
            await self.keep_vaulted(one)
        await self.forget_vaulted(forget)

    def _lives(self, subscription: SubscriptionId) -> bool:
        found = self._subscriptions.get(subscription)
        return found is not None and not found.phase.over
