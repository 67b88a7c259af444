"""The push kinds. A new one is a file with ``build``, ``read`` and ``BODY_LIMITS``, and a line here.

What every kind keeps: a retry of a notification has the same version, ``webhook-id``, Topic and body (of Web Push the
plaintext; its ciphertext has fresh keys), so that a receiver can drop what it has had. Only a body that the service found
too large is followed by a shorter one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    CanaryEndpoint,
    CommandEndpoint,
    Endpoint,
    FcmEndpoint,
    MwiEndpoint,
    SimplePushEndpoint,
    TerminalEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.notification import Notification
from idlebell.push import apns, apprise, canary, command, fcm, mwi, simplepush, terminal, webhook, webpush
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import (
    Answer,
    AnyAnswer,
    ApnsPush,
    AppriseAnswered,
    AppriseCall,
    CommandEnded,
    CommandRun,
    Exchange,
    FcmMessage,
    HttpRequest,
    Lines,
    LinesWritten,
    NoResponse,
    SipRequest,
    SipResponse,
    Tokens,
    TokensHeard,
)
from idlebell.push.outcome import Outcome

E_contra = TypeVar("E_contra", bound=Endpoint, contravariant=True)
X_co = TypeVar("X_co", bound=Exchange, covariant=True)
A_contra = TypeVar("A_contra", bound=AnyAnswer, contravariant=True)


class PushKind(Protocol[E_contra, X_co, A_contra]):
    """What a module of a kind offers: for its endpoints, an exchange, and what the answer to one means."""

    @property
    def BODY_LIMITS(self) -> tuple[int, ...]:  # noqa: N802 - a module's constant
        """Bounds of the JSON body in bytes, each tried when the one before was too large."""
        ...

    def build(self, notification: Notification, endpoint: E_contra, attempt: Attempt) -> X_co: ...

    def read(self, answer: A_contra, now: datetime) -> Outcome: ...


def _table(
    simple: PushKind[SimplePushEndpoint, HttpRequest, Answer],
    web: PushKind[WebPushEndpoint, HttpRequest, Answer],
    hook: PushKind[WebhookEndpoint, HttpRequest, Answer],
    many: PushKind[AppriseEndpoint, AppriseCall, AppriseAnswered | NoResponse],
    google: PushKind[FcmEndpoint, FcmMessage, Answer],
    apple: PushKind[ApnsEndpoint, ApnsPush, Answer],
    lamp: PushKind[MwiEndpoint, SipRequest, SipResponse | NoResponse],
    own: PushKind[CommandEndpoint, CommandRun, CommandEnded | NoResponse],
    here: PushKind[TerminalEndpoint, Lines, LinesWritten | NoResponse],
    round_trip: PushKind[CanaryEndpoint, Tokens, TokensHeard | NoResponse],
) -> Mapping[str, PushKind[Any, Exchange, Any]]:
    """Here the type checker sees that each module takes its own endpoints."""
    return MappingProxyType(
        {
            SimplePushEndpoint.kind: simple,
            WebPushEndpoint.kind: web,
            WebhookEndpoint.kind: hook,
            AppriseEndpoint.kind: many,
            FcmEndpoint.kind: google,
            ApnsEndpoint.kind: apple,
            MwiEndpoint.kind: lamp,
            CommandEndpoint.kind: own,
            TerminalEndpoint.kind: here,
            CanaryEndpoint.kind: round_trip,
        }
    )


KINDS: Final = _table(simplepush, webpush, webhook, apprise, fcm, apns, mwi, command, terminal, canary)


def build(notification: Notification, endpoint: Endpoint, attempt: Attempt) -> Exchange:
    return KINDS[endpoint.kind].build(notification, endpoint, attempt)


def read(endpoint: Endpoint, answer: AnyAnswer, now: datetime) -> Outcome:
    return KINDS[endpoint.kind].read(answer, now)


def body_limits(endpoint: Endpoint) -> tuple[int, ...]:
    return KINDS[endpoint.kind].BODY_LIMITS
