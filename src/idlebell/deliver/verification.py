"""Does a webhook want our notifications? It is asked once, with a code that only its receiver can repeat.

Whoever registers a stranger's URL so gets that stranger one small signed request an hour, and nothing else.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from idlebell.deliver.proving import store_changed, verification
from idlebell.deliver.sender import Sender
from idlebell.deliver.settings import ENDPOINTS_KEPT, DeliverySettings
from idlebell.model.endpoint import Endpoint, PushUrl, WebhookEndpoint, same_endpoint
from idlebell.model.ids import SubscriptionId
from idlebell.model.proof import PROVEN
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.push.attempt import Entropy
from idlebell.push.webhook import answers_challenge
from idlebell.store.contract import Subscriptions

CODE_ENTROPY_BYTES = 24


class Challenge(StrEnum):
    VERIFIED = "verified"
    UNANSWERED = "unanswered"
    """No 2xx with the code in time."""
    TOO_SOON = "too-soon"
    """It was asked within the hour, and did not answer then: it is not asked now."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """``next_in_seconds``: how long until it may be asked again, 0 where it is verified."""

    challenge: Challenge
    next_in_seconds: float = 0.0

    @property
    def verified(self) -> bool:
        return self.challenge is Challenge.VERIFIED


class Verifier:
    def __init__(
        self, store: Subscriptions, sender: Sender, clock: Clock, entropy: Entropy, settings: DeliverySettings
    ) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock
        self._entropy = entropy
        self._settings = settings
        self._asked: OrderedDict[PushUrl, float] = OrderedDict()

    async def verify(self, subscription: SubscriptionId, endpoint: WebhookEndpoint) -> VerifyResult:
        """Sends the challenge and checks the answer. Stores nothing."""
        wait = self._asked.get(endpoint.url, float("-inf")) + self._settings.verification_every_seconds
        wait -= self._clock.monotonic()
        if wait > 0:
            return VerifyResult(Challenge.TOO_SOON, wait)
        self._asked[endpoint.url] = self._clock.monotonic()
        self._asked.move_to_end(endpoint.url)
        if len(self._asked) > ENDPOINTS_KEPT:
            self._asked.popitem(last=False)
        now = self._clock.now()
        code = base64.urlsafe_b64encode(self._entropy(CODE_ENTROPY_BYTES)).decode("ascii")
        until = now + timedelta(seconds=self._settings.verification_timeout_seconds)
        challenge = verification(subscription, code, now, until, self._entropy)
        sent = await self._sender.send(challenge, endpoint, timeout_seconds=self._settings.verification_timeout_seconds)
        if not answers_challenge(sent.answer, code):
            return VerifyResult(Challenge.UNANSWERED, self._settings.verification_every_seconds)
        self._asked.pop(endpoint.url, None)
        return VerifyResult(Challenge.VERIFIED)

    async def verify_stored(self, subscription: SubscriptionId, endpoint: WebhookEndpoint) -> VerifyResult:
        """As :meth:`verify`; an endpoint that has answered is stored as verified."""
        result = await self.verify(subscription, endpoint)
        if result.verified:
            await self._store_verified(subscription, endpoint)
        return result

    async def _store_verified(self, subscription: SubscriptionId, endpoint: WebhookEndpoint) -> None:
        def proven(stored: Subscription) -> Subscription:
            endpoints = stored.endpoints.mapped(lambda own: _proven(own) if same_endpoint(own, endpoint) else own)
            return replace(stored, endpoints=endpoints)

        await store_changed(self._store, subscription, proven)


def _proven(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, proof=PROVEN) if isinstance(endpoint, WebhookEndpoint) else endpoint
