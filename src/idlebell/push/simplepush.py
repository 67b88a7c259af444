"""SimplePush: a PUT that says "something newer than N". No body of ours, no encryption; the URL is the capability."""

from __future__ import annotations

from datetime import datetime

from idlebell.model.endpoint import SimplePushEndpoint
from idlebell.model.notification import Notification
from idlebell.push.answers import refused, silence, transient
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, HttpRequest, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome

BODY_LIMITS: tuple[int, ...] = (0,)
"""There is nothing to cut."""


def build(notification: Notification, endpoint: SimplePushEndpoint, attempt: Attempt) -> HttpRequest:
    return HttpRequest(
        "PUT",
        endpoint.url,
        (("Content-Type", "application/x-www-form-urlencoded"),),
        b"version=%d" % notification.version,
    )


def read(answer: Answer, now: datetime) -> Outcome:
    if isinstance(answer, NoResponse):
        return silence(answer)
    if 200 <= answer.status <= 299:
        return Accepted(answer.status)
    if answer.status in (404, 410):
        return Gone(answer.status)
    return transient(answer, now) or refused(answer)
