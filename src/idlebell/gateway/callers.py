"""Who calls, and what the caller may see."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from idlebell.model.subscription import ApiKey, Subscription


@dataclass(frozen=True, slots=True)
class Caller:
    """``api_key``: the bearer token was one. ``token_hash``: it may be a subscription's own. ``address``: where the request
    came from, for limits. ``secure``: nobody on the way can read it (TLS, or loopback)."""

    api_key: ApiKey | None
    token_hash: bytes | None
    address: str
    secure: bool

    def holds_token_of(self, subscription: Subscription) -> bool:
        """Every hash is compared, and each in constant time (CWE-208)."""
        if self.token_hash is None:
            return False
        held = False
        for known in subscription.token_hashes:
            held |= hmac.compare_digest(known, self.token_hash)
        return held

    def sees(self, subscription: Subscription) -> bool:
        owned = self.api_key is not None and subscription.owner == self.api_key.id
        return self.holds_token_of(subscription) or owned
