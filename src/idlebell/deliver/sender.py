"""One notification to one endpoint: the requests that one attempt takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.retry import sentence, word
from idlebell.deliver.signing import Signing
from idlebell.model.endpoint import Endpoint
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Notification
from idlebell.net.clock import Clock
from idlebell.push import registry
from idlebell.push.attempt import Attempt, Entropy
from idlebell.push.exchange import AnyAnswer, Exchange, NoResponse, body_bytes, status_of
from idlebell.push.outcome import Accepted, Outcome, Refused, TooLarge
from idlebell.push.services import DOUBTFUL, service_name
from idlebell.push.vapid import VapidSigner
from idlebell.telemetry.facts import Emit, PushAttempted


@dataclass(frozen=True, slots=True)
class Sent:
    """How it ended. ``took_ms`` counts every request of the attempt."""

    outcome: Outcome
    answer: AnyAnswer
    took_ms: float


class Sender:
    def __init__(
        self,
        carriers: Carriers,
        emit: Emit,
        clock: Clock,
        entropy: Entropy,
        signing: Signing | None,
    ) -> None:
        self._carriers = carriers
        self._emit = emit
        self._clock = clock
        self._entropy = entropy
        self._signing = signing

    async def send(self, notification: Notification, endpoint: Endpoint, *, timeout_seconds: float) -> Sent:
        """Sends it. Answered with "too large" it is sent again at once, shorter, as long as there is less to say; answered
        with "who are you" (401, 403) it is sent once more with a new signature, and once with each other key of ours. Never
        raises for what the service does. StoreError where the keys cannot be read."""
        started = self._clock.monotonic()
        signers = None if self._signing is None or endpoint.kind != "webpush" else _Signers(self._signing, endpoint)
        requests = self._shorter(notification, endpoint, None if signers is None else await signers.first())
        request = next(requests)
        while True:
            answer, outcome = await self._exchange(notification, endpoint, request, timeout_seconds)
            sent = Sent(outcome, answer, (self._clock.monotonic() - started) * 1000)
            if isinstance(outcome, TooLarge):
                shorter = next(requests, None)
                if shorter is None:
                    return sent
                request = shorter
                continue
            if signers is None:
                return sent
            if not _doubts_signature(outcome):
                if isinstance(outcome, Accepted):
                    await signers.taken(notification.subscription_id)
                return sent
            signer = await signers.next()
            if signer is None:
                return sent
            requests = self._shorter(notification, endpoint, signer)
            request = next(requests)

    def _shorter(
        self, notification: Notification, endpoint: Endpoint, signer: VapidSigner | None
    ) -> Iterator[Exchange]:
        """The request, and after it each one whose body is really smaller."""
        smallest: int | None = None
        for limit in registry.body_limits(endpoint):
            attempt = Attempt(self._clock.now(), self._entropy, signer, limit)
            request = registry.build(notification, endpoint, attempt)
            size = body_bytes(request)
            if smallest is None or size < smallest:
                smallest = size
                yield request

    async def _exchange(
        self, notification: Notification, endpoint: Endpoint, request: Exchange, timeout_seconds: float
    ) -> tuple[AnyAnswer, Outcome]:
        started = self._clock.monotonic()
        answer = await self._carriers.carry(request, timeout_seconds=timeout_seconds)
        outcome = registry.read(endpoint, answer, self._clock.now())
        detail = sentence(outcome)
        if isinstance(answer, NoResponse):
            detail = f"{answer.reason}: {answer.detail}" if answer.detail else answer.reason
        self._emit(
            PushAttempted(
                notification.subscription_id,
                notification.id,
                endpoint.kind,
                notification.content.type,
                word(outcome),
                status_of(answer),
                (self._clock.monotonic() - started) * 1000,
                detail,
                notification.version,
                max(0.0, (self._clock.now() - notification.at).total_seconds() * 1000),
                service_name(endpoint.url.host),
                endpoint.url.host,
            )
        )
        return answer, outcome


class _Signers:
    """Who signs the requests of one attempt: the endpoint's, the same anew, then the others."""

    def __init__(self, signing: Signing, endpoint: Endpoint) -> None:
        self._signing = signing
        self._endpoint = endpoint
        self._own: VapidSigner
        self._left: list[VapidSigner] | None = None
        self._at_work: VapidSigner

    async def first(self) -> VapidSigner:
        self._own = self._at_work = await self._signing.of(self._endpoint)
        return self._own

    async def next(self) -> VapidSigner | None:
        if self._left is None:
            self._own.forget(self._endpoint.url.origin)
            self._left = list(await self._signing.others(self._own))
            return self._own
        if not self._left:
            return None
        self._at_work = self._left.pop(0)
        return self._at_work

    async def taken(self, subscription: SubscriptionId) -> None:
        if self._at_work is not self._own:
            await self._signing.found(subscription, self._endpoint, self._at_work)


def _doubts_signature(outcome: Outcome) -> bool:
    return isinstance(outcome, Refused) and outcome.status in DOUBTFUL
