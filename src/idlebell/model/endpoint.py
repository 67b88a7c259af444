"""Endpoints: where a notification goes, each kind a type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import ClassVar, TypeAlias
from urllib.parse import quote, urlsplit

from idlebell.model.apprise_service import Reaches, reaches
from idlebell.model.proof import PROVEN, UNPROVEN, Asked, Audience, Demand, Demands, Proof
from idlebell.model.secret import Secret


class Role(StrEnum):
    """What an endpoint is for; the members of ``endpoints`` in the interface."""

    NEW_MAIL = "new_mail"
    RECONNECT = "reconnect"
    HEARTBEAT = "heartbeat"
    EXPIRING = "expiring"


class PushUrl:
    """A push URL is a capability: who knows it can ring. Its ``repr`` shows the origin only, and where it is not HTTP's the
    scheme alone: what stands in the place of a host there may be a token (``tgram://TOKEN/CHAT``)."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    @property
    def scheme(self) -> str:
        """In lower case. Not as RFC 3986 reads it: some of Apprise's begin with a digit."""
        return self._value.partition(":")[0].lower()

    @property
    def host(self) -> str:
        """Of HTTP; else empty."""
        return (urlsplit(self._value).hostname or "") if self._is_http else ""

    @property
    def _is_http(self) -> bool:
        return self.scheme in ("http", "https")

    @property
    def port(self) -> int:
        parts = urlsplit(self._value)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def origin(self) -> str:
        """``scheme://host[:port]`` as RFC 6454 spells it: default ports left out. What VAPID's ``aud`` holds. Not of HTTP:
        the scheme."""
        if not self._is_http:
            return f"{self.scheme}:"
        parts = urlsplit(self._value)
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = {"https": 443, "http": 80}.get(parts.scheme)
        return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")

    @property
    def lane(self) -> str:
        """What one push service has in common. It may hold a secret: to be digested, never to be shown."""
        return self.origin if self._is_http else f"{self.scheme}://{self._value.partition('://')[2].partition('/')[0]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PushUrl) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"PushUrl({self.origin}/…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class SimplePushEndpoint:
    kind: ClassVar[str] = "simplepush"
    carries_body: ClassVar[bool] = False
    audience: ClassVar[Audience] = Audience.OWN
    url: PushUrl


@dataclass(frozen=True, slots=True)
class WebPushEndpoint:
    """RFC 8030, 8291. ``p256dh``: 65 bytes, an uncompressed P-256 point; ``auth``: 16 bytes."""

    kind: ClassVar[str] = "webpush"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.APP
    url: PushUrl
    p256dh: bytes
    auth: Secret
    proof: Proof = UNPROVEN


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Standard Webhooks. ``secret``: the 24 to 64 bytes behind ``whsec_``."""

    kind: ClassVar[str] = "webhook"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.SERVER
    url: PushUrl
    secret: Secret
    proof: Proof = UNPROVEN


@dataclass(frozen=True, slots=True)
class AppriseEndpoint:
    """A service that Apprise knows. All of ``url`` is a secret: tokens and passwords stand anywhere in it."""

    kind: ClassVar[str] = "apprise"
    carries_body: ClassVar[bool] = True
    url: PushUrl
    proof: Proof = UNPROVEN

    @property
    def audience(self) -> Audience:
        return Audience.APP if self.reaches is Reaches.APP else Audience.PERSON

    @property
    def reaches(self) -> Reaches:
        return reaches(self.url.scheme)


@dataclass(frozen=True, slots=True)
class FcmEndpoint:
    """A device of an app whose makers run this gateway with their key. ``token``: FCM's registration token."""

    kind: ClassVar[str] = "fcm"
    carries_body: ClassVar[bool] = True
    token: str = field(repr=False)

    @property
    def url(self) -> PushUrl:
        return PushUrl(f"fcm:{self.token}")


@dataclass(frozen=True, slots=True)
class ApnsEndpoint:
    """As :class:`FcmEndpoint`, at Apple. ``token``: hexadecimal; ``sandbox``: of a build that is being developed."""

    kind: ClassVar[str] = "apns"
    carries_body: ClassVar[bool] = True
    token: str = field(repr=False)
    sandbox: bool = False

    @property
    def url(self) -> PushUrl:
        return PushUrl(f"apns-sandbox:{self.token}" if self.sandbox else f"apns:{self.token}")


@dataclass(frozen=True, slots=True)
class CommandEndpoint:
    """A command of the operator's own, run by ``sh -c``. Only the configuration and the command line make one."""

    kind: ClassVar[str] = "command"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.OWN
    command: str = field(repr=False)

    @property
    def url(self) -> PushUrl:
        """What stands for it where endpoints are told apart: order, versions and lanes."""
        return PushUrl("exec:" + quote(self.command, safe=""))


@dataclass(frozen=True, slots=True)
class TerminalEndpoint:
    """A line on the terminal of ``idlebell watch``."""

    kind: ClassVar[str] = "terminal"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.OWN

    @property
    def url(self) -> PushUrl:
        return PushUrl("terminal:")


@dataclass(frozen=True, slots=True)
class CanaryEndpoint:
    """The gateway itself, that mailed the account. Only ``[canary]`` of the configuration makes one."""

    kind: ClassVar[str] = "canary"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.OWN

    @property
    def url(self) -> PushUrl:
        return PushUrl("canary:")


Endpoint: TypeAlias = (
    SimplePushEndpoint
    | WebPushEndpoint
    | WebhookEndpoint
    | AppriseEndpoint
    | FcmEndpoint
    | ApnsEndpoint
    | CommandEndpoint
    | TerminalEndpoint
    | CanaryEndpoint
)
Provable: TypeAlias = WebPushEndpoint | WebhookEndpoint | AppriseEndpoint
"""Kinds that keep how far their proof has come."""


def unproven(endpoint: Endpoint, demands: Demands) -> Provable | None:
    """The endpoint where it may not be used yet: something is demanded, and has not been shown."""
    if not isinstance(endpoint, Provable) or demands.of(endpoint.audience) is Demand.NONE:
        return None
    return None if endpoint.proof == PROVEN else endpoint


def asked_of(endpoint: Endpoint) -> Asked | None:
    """The code that was sent to it, until that is read back."""
    return endpoint.proof if isinstance(endpoint, Provable) and isinstance(endpoint.proof, Asked) else None


def same_endpoint(one: Endpoint, other: Endpoint) -> bool:
    """Whatever has been shown of either."""
    return _bare(one) == _bare(other)


def _bare(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, proof=UNPROVEN) if isinstance(endpoint, Provable) else endpoint


@dataclass(frozen=True, slots=True)
class Endpoints:
    """``new_mail`` None: the last one is gone and the subscription has ended."""

    new_mail: Endpoint | None
    reconnect: Endpoint | None = None
    heartbeat: Endpoint | None = None
    expiring: Endpoint | None = None

    def __iter__(self) -> Iterator[tuple[Role, Endpoint]]:
        for role in Role:
            endpoint: Endpoint | None = getattr(self, role.value)
            if endpoint is not None:
                yield role, endpoint

    def mapped(self, change: Callable[[Endpoint], Endpoint]) -> Endpoints:
        return replace(self, **{role.value: change(endpoint) for role, endpoint in self})

    def serving(self, role: Role) -> Endpoint | None:
        """Which endpoint takes notifications of this role: its own or, where that is left out, the one that the interface
        names as its stand-in."""
        own: Endpoint | None = getattr(self, role.value)
        if own is not None or role is Role.NEW_MAIL:
            return own
        if role is Role.EXPIRING and self.reconnect is not None:
            return self.reconnect
        if role is Role.HEARTBEAT:
            return self.new_mail if isinstance(self.new_mail, WebhookEndpoint) else None
        return self.new_mail if self.new_mail is not None and self.new_mail.carries_body else None
