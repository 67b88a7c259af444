"""What an app sends to a gateway and what it is answered. No secret is in a ``repr``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec


@dataclass(frozen=True, slots=True)
class Password:
    text: str = field(repr=False)

    def json(self) -> dict[str, str]:
        return {"type": "password", "password": self.text}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """OAuth 2: good for one session, so an app sends the next with each resupply."""

    text: str = field(repr=False)

    def json(self) -> dict[str, str]:
        return {"type": "oauth2", "access_token": self.text}


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """OAuth 2: with retention ``memory`` the gateway gets access tokens by itself. It must be the gateway's own: where refresh
    tokens rotate, only the last one works, and the gateway has it. ``access_token``: a first one, where there is one."""

    text: str = field(repr=False)
    token_url: str
    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)

    def json(self) -> dict[str, str]:
        optional = {"client_secret": self.client_secret, "access_token": self.access_token}
        return {
            "type": "oauth2",
            "refresh_token": self.text,
            "token_url": self.token_url,
            "client_id": self.client_id,
            **{name: value for name, value in optional.items() if value is not None},
        }


class Auth(Protocol):
    """:class:`Password`, :class:`AccessToken`, :class:`RefreshToken`, :class:`~idlebell.client.logins.SignedIn`."""

    def json(self) -> dict[str, str]:
        """As the API wants it."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """``host`` None: the gateway finds the server of the user name's domain. ``tls``: implicit, starttls or none."""

    host: str | None = None
    port: int | None = None
    tls: str | None = None

    def json(self) -> dict[str, Any]:
        members = {"host": self.host, "port": self.port, "tls": self.tls}
        return {name: value for name, value in members.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SimplePush:
    url: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        return {"type": "simplepush", "url": self.url}


@dataclass(frozen=True, slots=True)
class WebPush:
    """A subscription of a browser or of a UnifiedPush distributor. Keys in base64url. ``navigate``: an https URL; with it the
    browser may show a push by itself (Declarative Web Push), under ``title`` if that is given, and a tap leads there.
    ``application_server_key``: what was subscribed with, as ``vapid_key`` gave it then."""

    url: str = field(repr=False)
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)
    navigate: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    application_server_key: str | None = None

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "type": "webpush",
            "url": self.url,
            "keys": {"p256dh": self.p256dh, "auth": self.auth},
        }
        if self.navigate is not None:
            found["declarative"] = {"navigate": self.navigate} | ({} if self.title is None else {"title": self.title})
        if self.application_server_key is not None:
            found["application_server_key"] = self.application_server_key
        return found


@dataclass(frozen=True, slots=True)
class Webhook:
    """``secret``: ``whsec_`` and the base64 of 24 to 64 bytes."""

    url: str = field(repr=False)
    secret: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        return {"type": "webhook", "url": self.url, "secret": self.secret}


@dataclass(frozen=True, slots=True)
class Apprise:
    """``url``: a service as Apprise spells it, with one target."""

    url: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        return {"type": "apprise", "url": self.url}


@dataclass(frozen=True, slots=True)
class Fcm:
    """``token``: FCM's registration token of a device."""

    token: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        return {"type": "fcm", "token": self.token}


@dataclass(frozen=True, slots=True)
class Apns:
    """``token``: Apple's token of a device, in hexadecimal. ``sandbox``: of a build that is being developed."""

    token: str = field(repr=False)
    sandbox: bool = False

    def json(self) -> dict[str, Any]:
        return {"type": "apns", "token": self.token, "sandbox": self.sandbox}


@dataclass(frozen=True, slots=True)
class Mwi:
    """The lamp of a desk phone, for new mail alone. ``url``: ``sip:USER[:PASSWORD]@HOST[:PORT][;transport=udp|tcp|tls]``."""

    url: str = field(repr=False)

    def json(self) -> dict[str, Any]:
        return {"type": "mwi", "url": self.url}


Endpoint: TypeAlias = SimplePush | WebPush | Webhook | Apprise | Fcm | Apns | Mwi


@dataclass(frozen=True, slots=True)
class Handle:
    """What an app keeps of a subscription. ``token`` is its right to it: whoever has it may change and end it."""

    id: str
    token: str = field(repr=False)


class Problem(msgspec.Struct, frozen=True):
    type: str
    detail: str
    since: datetime


class Mailbox(msgspec.Struct, frozen=True):
    name: str
    uid_validity: int | None = None
    uid_next: int | None = None
    mode: str | None = None


class Bell(msgspec.Struct, frozen=True):
    """An endpoint that new mail may go to. ``used``: it goes there now. ``problem``: why it is passed over."""

    type: str
    host: str
    used: bool
    problem: Problem | None = None


class Endpoints(msgspec.Struct, frozen=True):
    """``new_mail``: in the order in which they are tried."""

    new_mail: tuple[Bell, ...] = ()


class Subscription(msgspec.Struct, frozen=True):
    """As the gateway shows it. Members that this version does not know are left out."""

    id: str
    state: str
    """``connecting watching reconnecting needs_credentials rejected paused expired ended``, or a later one."""
    created_at: datetime
    expires_at: datetime
    lease_seconds: int
    mode: str | None = None
    mode_reason: str | None = None
    mailboxes: tuple[Mailbox, ...] = ()
    payload: str = "alert"
    retention: str = "session"
    last_seen_alive_at: datetime | None = None
    next_check_at: datetime | None = None
    last_event_at: datetime | None = None
    unverified: tuple[str, ...] = ()
    """Roles whose endpoint has not shown yet whose it is: nothing but a ``verification`` is sent there."""
    endpoints: Endpoints = Endpoints()
    problem: Problem | None = None


class TestResult(msgspec.Struct, frozen=True):
    """``outcome``: accepted, retry, gone, too-large, refused or not-sent."""

    __test__: ClassVar[bool] = False
    outcome: str
    status: int | None
    took_ms: float
    detail: str
