"""A set of credentials as it lies in the vault."""

from __future__ import annotations

from dataclasses import dataclass, field

from idlebell.model.ids import AccountId, SubscriptionId


@dataclass(frozen=True, slots=True)
class Vaulted:
    """``content`` is sealed by a data key of its own, and ``key`` is that data key, sealed by the vault's: who changes the
    vault's key changes ``key`` alone."""

    subscription: SubscriptionId
    account: AccountId
    key: bytes = field(repr=False)
    content: bytes = field(repr=False)
