"""Does a webhook want our notifications? It is asked once, with a code that only its receiver can repeat.

Whoever registers a stranger's URL so gets that stranger a few small signed requests an hour, and nothing else.
"""

from __future__ import annotations

import base64
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from idlebell.deliver.proving import store_changed, verification
from idlebell.deliver.retry import sentence
from idlebell.deliver.sender import Sender, Sent
from idlebell.deliver.settings import ENDPOINTS_KEPT, DeliverySettings
from idlebell.model.endpoint import Endpoint, PushUrl, WebhookEndpoint, same_endpoint
from idlebell.model.ids import SubscriptionId
from idlebell.model.proof import PROVEN
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.push.attempt import Entropy
from idlebell.push.outcome import Accepted
from idlebell.push.webhook import answers_challenge
from idlebell.store.contract import Subscriptions

CODE_ENTROPY_BYTES = 24


class Challenge(StrEnum):
    VERIFIED = "verified"
    UNANSWERED = "unanswered"
    """No 2xx with the code in time."""
    TOO_SOON = "too-soon"
    """It was asked as often as it may be within the hour, and did not answer then: it is not asked now."""


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """``next_in_seconds``: how long until it may be asked again, 0 where that is now. ``detail``: to whoever owns the
    endpoint, what came instead of the code; empty where it is verified."""

    challenge: Challenge
    next_in_seconds: float = 0.0
    detail: str = ""

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
        self._asked: OrderedDict[PushUrl, deque[tuple[float, str]]] = OrderedDict()

    async def verify(self, subscription: SubscriptionId, endpoint: WebhookEndpoint, source: str) -> VerifyResult:
        """Sends the challenge and checks the answer, while ``source`` waits for it. Stores nothing."""
        return await self._ask(subscription, endpoint, source)

    async def verify_stored(self, subscription: SubscriptionId, endpoint: WebhookEndpoint) -> VerifyResult:
        """As :meth:`verify` for what nobody waits for, so at most once an hour; an endpoint that has answered is stored as
        verified."""
        result = await self._ask(subscription, endpoint, None)
        if result.verified:
            await self._store_verified(subscription, endpoint)
        return result

    async def _ask(self, subscription: SubscriptionId, endpoint: WebhookEndpoint, source: str | None) -> VerifyResult:
        """``source``: who waits for it, if anybody does."""
        if (wait := self._wait_seconds(endpoint, source)) > 0:
            return VerifyResult(Challenge.TOO_SOON, wait, "It was asked as often as it may be within an hour.")
        self._note(endpoint, source or "")
        now = self._clock.now()
        code = base64.urlsafe_b64encode(self._entropy(CODE_ENTROPY_BYTES)).decode("ascii")
        until = now + timedelta(seconds=self._settings.verification_timeout_seconds)
        challenge = verification(subscription, code, now, until, self._entropy)
        sent = await self._sender.send(challenge, endpoint, timeout_seconds=self._settings.verification_timeout_seconds)
        if not answers_challenge(sent.answer, code):
            return VerifyResult(Challenge.UNANSWERED, self._wait_seconds(endpoint, source), _instead(sent))
        self._asked.pop(endpoint.url, None)
        return VerifyResult(Challenge.VERIFIED)

    def _wait_seconds(self, endpoint: WebhookEndpoint, source: str | None) -> float:
        asked = self._asked.get(endpoint.url, ())
        if source is None:
            return self._until_fewer([at for at, _ in asked], 1)
        own = [at for at, who in asked if who == source]
        return max(
            self._until_fewer(own, self._settings.verifications_waited_for),
            self._until_fewer([at for at, _ in asked], self._settings.verifications_of_url),
        )

    def _until_fewer(self, asked: Sequence[float], most: int) -> float:
        """How long until it is fewer than so many within the hour."""
        if len(asked) < most:
            return 0.0
        return max(0.0, asked[-most] + self._settings.verification_every_seconds - self._clock.monotonic())

    def _note(self, endpoint: WebhookEndpoint, source: str) -> None:
        kept: deque[tuple[float, str]] = deque(maxlen=self._settings.verifications_of_url)
        self._asked.setdefault(endpoint.url, kept).append((self._clock.monotonic(), source))
        self._asked.move_to_end(endpoint.url)
        if len(self._asked) > ENDPOINTS_KEPT:
            self._asked.popitem(last=False)

    async def _store_verified(self, subscription: SubscriptionId, endpoint: WebhookEndpoint) -> None:
        def proven(stored: Subscription) -> Subscription:
            endpoints = stored.endpoints.mapped(lambda own: _proven(own) if same_endpoint(own, endpoint) else own)
            return replace(stored, endpoints=endpoints)

        await store_changed(self._store, subscription, proven)


def _instead(sent: Sent) -> str:
    if isinstance(sent.outcome, Accepted):
        return f"It answered {sent.outcome.status} without the code."
    return sentence(sent.outcome)


def _proven(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, proof=PROVEN) if isinstance(endpoint, WebhookEndpoint) else endpoint
