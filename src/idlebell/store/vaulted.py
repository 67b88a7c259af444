"""The part of the store's contract that holds credentials, which it cannot read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from idlebell.model.ids import SubscriptionId
from idlebell.model.vaulted import Vaulted


class VaultedSets(Protocol):
    """One set a subscription. It goes with its subscription, and when that is over."""

    async def vaulted(self) -> tuple[Vaulted, ...]:
        """All that are kept, by subscription."""
        ...

    async def keep_vaulted(self, one: Vaulted) -> None:
        """In place of the set that its subscription has. Of one that is over or gone nothing is kept."""
        ...

    async def forget_vaulted(self, subscriptions: Collection[SubscriptionId]) -> None: ...

    async def reseal_vaulted(self, sets: Sequence[Vaulted], forget: Collection[SubscriptionId]) -> None:
        """All of it in one step: after a crash all are sealed as they were or as they are to be."""
        ...
