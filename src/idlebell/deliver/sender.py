"""One notification to one endpoint: the requests that one attempt takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.retry import sentence, word
from idlebell.model.endpoint import Endpoint
from idlebell.model.notification import Notification
from idlebell.net.clock import Clock
from idlebell.push import registry
from idlebell.push.attempt import Attempt, Entropy
from idlebell.push.exchange import AnyAnswer, Exchange, NoResponse, body_bytes, status_of
from idlebell.push.outcome import Outcome, Refused, TooLarge
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
        signer: VapidSigner | None,
    ) -> None:
        self._carriers = carriers
        self._emit = emit
        self._clock = clock
        self._entropy = entropy
        self._signer = signer

    async def send(self, notification: Notification, endpoint: Endpoint, *, timeout_seconds: float) -> Sent:
        """Sends it. Answered with "too large" it is sent again at once, shorter, as long as there is less to say; answered
        with "who are you" (401, 403) it is sent once more with a new signature. Never raises for what the service does."""
        started = self._clock.monotonic()
        requests = self._shorter(notification, endpoint)
        request = next(requests)
        signed_anew = False
        while True:
            answer, outcome = await self._exchange(notification, endpoint, request, timeout_seconds)
            sent = Sent(outcome, answer, (self._clock.monotonic() - started) * 1000)
            if isinstance(outcome, TooLarge):
                shorter = next(requests, None)
                if shorter is None:
                    return sent
                request = shorter
            elif self._signer is not None and _doubts_signature(endpoint, outcome) and not signed_anew:
                signed_anew = True
                self._signer.forget(endpoint.url.origin)
                requests = self._shorter(notification, endpoint)
                request = next(requests)
            else:
                return sent

    def _shorter(self, notification: Notification, endpoint: Endpoint) -> Iterator[Exchange]:
        """The request, and after it each one whose body is really smaller."""
        smallest: int | None = None
        for limit in registry.body_limits(endpoint):
            attempt = Attempt(self._clock.now(), self._entropy, self._signer, limit)
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
            )
        )
        return answer, outcome


def _doubts_signature(endpoint: Endpoint, outcome: Outcome) -> bool:
    return endpoint.kind == "webpush" and isinstance(outcome, Refused) and outcome.status in DOUBTFUL
