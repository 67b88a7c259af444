"""Endpoints as apps hand them in, each kind a shape. No ``repr`` shows a URL, a token or a secret."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from idlebell.gateway.shape import Shape
from idlebell.model.secret import Secret


class SimplePushShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="simplepush"):
    url: str

    def __repr__(self) -> str:
        return "SimplePushShape(…)"


class WebPushKeys(Shape, frozen=True, kw_only=True):
    """base64url as browsers give it, with or without padding; the standard alphabet is taken too."""

    p256dh: str
    auth: Secret


class DeclarativeShape(Shape, frozen=True, kw_only=True):
    """What a browser shows where no worker does: ``navigate``, an https URL, where a tap leads; ``title``, 1 to 80 characters,
    in the place of ours."""

    navigate: str
    title: str | None = None

    def __repr__(self) -> str:
        return "DeclarativeShape(…)"


class WebPushShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="webpush"):
    """With ``url``, or as a browser spells its subscription (Push API, ``PushSubscription.toJSON``): ``endpoint``, and an
    ``expirationTime`` that nothing follows from, since a push service tells itself when it is over. ``application_server_key``:
    which key of this gateway's the app subscribed with, as ``GET /v1/vapid`` told it then; left out: the current one, unless
    the endpoint is known."""

    url: str | None = None
    endpoint: str | None = None
    expiration_time: float | None = msgspec.field(name="expirationTime", default=None)
    keys: WebPushKeys
    declarative: DeclarativeShape | None = None
    application_server_key: str | None = None

    def __repr__(self) -> str:
        return "WebPushShape(…)"


class WebhookShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="webhook"):
    url: str
    secret: Secret
    """``whsec_`` and the base64 of 24 to 64 bytes (Standard Webhooks)."""

    def __repr__(self) -> str:
        return "WebhookShape(…)"


class AppriseShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="apprise"):
    """``url``: as Apprise spells a service. It is a secret, and shown nowhere."""

    url: str

    def __repr__(self) -> str:
        return "AppriseShape(…)"


class FcmShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="fcm"):
    """``token``: FCM's registration token of a device."""

    token: str

    def __repr__(self) -> str:
        return "FcmShape(…)"


class ApnsShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="apns"):
    """``token``: Apple's token of a device, in hexadecimal. ``sandbox``: of a build that is being developed."""

    token: str
    sandbox: bool = False

    def __repr__(self) -> str:
        return "ApnsShape(…)"


class MwiShape(Shape, frozen=True, kw_only=True, tag_field="type", tag="mwi"):
    """``url``: ``sip:USER[:PASSWORD]@HOST[:PORT][;transport=udp|tcp|tls]``. It is a secret where it holds a password."""

    url: str

    def __repr__(self) -> str:
        return "MwiShape(…)"


EndpointShape: TypeAlias = (
    SimplePushShape | WebPushShape | WebhookShape | AppriseShape | FcmShape | ApnsShape | MwiShape
)


class EndpointsShape(Shape, frozen=True, kw_only=True):
    new_mail: EndpointShape | list[EndpointShape]
    """A list: each is tried while those before it fail."""
    reconnect: EndpointShape | None = None
    heartbeat: EndpointShape | None = None
    expiring: EndpointShape | None = None
    reminder: EndpointShape | None = None
