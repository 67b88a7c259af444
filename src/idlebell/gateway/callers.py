"""Who calls, and what the caller may see."""

from __future__ import annotations

import hmac
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from idlebell.gateway.limits import Quota
from idlebell.login.asker import Asker
from idlebell.model.invitation import Invitation
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import MAX_TOKENS, ApiKey, Subscription, has_shown_right
from idlebell.net.addresses import network_of

_NO_HASH = bytes(32)
Scope: TypeAlias = Literal["subscriptions", "metrics", "sources"]
"""What an API key is for. Each may be given to somebody else: who reads the metrics registers nothing. ``sources``: it may name
any user of a mail server that reports deliveries, whose right to that mailbox nobody else checks."""


@dataclass(frozen=True, slots=True)
class Caller:
    """``api_key``: the bearer token was one. ``token_hash``: it may be a subscription's own. ``address``: where the request
    came from, for limits. ``secure``: nobody on the way can read it (TLS, or loopback)."""

    api_key: ApiKey | None
    token_hash: bytes | None
    address: str
    secure: bool
    invitation: Invitation | None = None
    """It is one that is not over; used up it may be."""
    counted: MutableSequence[Quota] = field(default_factory=list, compare=False)
    """What this request has been counted for, for the face to tell."""

    def holds_token_of(self, subscription: Subscription | None) -> bool:
        """As many comparisons whatever there is to compare with, each in constant time (CWE-208)."""
        own = self.token_hash or _NO_HASH
        known = () if subscription is None else subscription.token_hashes
        held = False
        for index in range(MAX_TOKENS):
            equal = hmac.compare_digest(known[index] if index < len(known) else _NO_HASH, own)
            held |= equal and index < len(known)
        return held and self.token_hash is not None

    def sees(self, subscription: Subscription | None) -> bool:
        held = self.holds_token_of(subscription)
        if subscription is None:
            return False
        return held or (self.api_key is not None and subscription.owner == self.api_key.id)

    @property
    def source(self) -> str:
        """Whoever is counted as one: an API key, or a network."""
        return network_of(self.address) if self.api_key is None else self.api_key.id

    def asker(self, subscription: Subscription | None) -> Asker:
        """As budgets of guesses know this caller. ``subscription``: what the credentials are brought for."""
        owner = subscription is not None and has_shown_right(subscription) and self.sees(subscription)
        return Asker(self.source, known=self.api_key is not None, owner=owner)

    def needs_secrecy(self) -> None:
        """ProblemError ``needs-tls``: what this request carries must not be read on the way."""
        if not self.secure:
            raise ProblemError(Problem("needs-tls", "Credentials came over a connection that others can read."))
