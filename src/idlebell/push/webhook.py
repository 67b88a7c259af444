"""Webhooks as Standard Webhooks 1.0.0 has them: a signed POST of JSON.

A retry has the same ``webhook-id`` and body; ``webhook-timestamp`` is the attempt's, and the signature covers it.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Sequence
from datetime import datetime

from idlebell.model.endpoint import WebhookEndpoint
from idlebell.model.notification import Notification
from idlebell.push.answers import refused, silence, try_later
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, AnyAnswer, HttpRequest, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, TooLarge
from idlebell.push.payload import fit

BODY_LIMITS: tuple[int, ...] = (20_000, 4_000, 0)
"""Standard Webhooks asks for less than 20 kB; what a small receiver takes; no message at all."""


def build(notification: Notification, endpoint: WebhookEndpoint, attempt: Attempt) -> HttpRequest:
    body = fit(notification, BODY_LIMITS[0] if attempt.limit_bytes is None else attempt.limit_bytes)
    timestamp = int(attempt.now.timestamp())
    return HttpRequest(
        "POST",
        endpoint.url,
        (
            ("Content-Type", "application/json"),
            ("webhook-id", notification.id),
            ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", sign(notification.id, timestamp, body, (endpoint.secret.reveal(),))),
        ),
        body,
    )


def read(answer: Answer, now: datetime) -> Outcome:
    """Standard Webhooks: 2xx is success, 410 ends it, anything else is tried again - a 404 or 401 too, for a receiver's
    deployment goes through such states. A redirect is a fault that stays."""
    if isinstance(answer, NoResponse):
        return silence(answer)
    status = answer.status
    if 200 <= status <= 299:
        return Accepted(status)
    if status == 410:
        return Gone(status)
    if status == 413:
        return TooLarge(status)
    if status < 400:
        return refused(answer)
    return try_later(answer, now, slow_down=status in (429, 503))


def sign(message_id: str, timestamp: int, body: bytes, secrets: Sequence[bytes]) -> str:
    """``webhook-signature``: one ``v1`` signature for each secret, so that a receiver knows it by the old or the new one
    while they change."""
    signed = b"%s.%d.%s" % (message_id.encode("ascii"), timestamp, body)
    return " ".join(
        "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode("ascii") for secret in secrets
    )


def verifies(message_id: str, timestamp: int, body: bytes, signature: str, secret: bytes) -> bool:
    """The receiver's side: is one of the signatures in the header by this secret?"""
    expected = sign(message_id, timestamp, body, (secret,)).encode("ascii")
    offered = signature.encode("utf-8", "surrogateescape").split(b" ")
    return any(hmac.compare_digest(expected, one) for one in offered)


def answers_challenge(answer: AnyAnswer, code: str) -> bool:
    """Has the receiver of a ``verification`` shown that it wants our notifications: a 2xx whose body is
    ``{"code": the same}``?"""
    if not isinstance(answer, HttpResponse) or not 200 <= answer.status <= 299:
        return False
    try:
        answered = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    given = answered.get("code") if isinstance(answered, dict) else None
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), code.encode("utf-8"))
