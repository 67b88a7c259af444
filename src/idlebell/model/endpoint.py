"""Endpoints: where a notification goes, each kind a type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar, TypeAlias
from urllib.parse import quote, urlsplit

from idlebell.model.apprise_service import Reaches, reaches
from idlebell.model.authority import bracketed
from idlebell.model.form import VALIDATED_WITHIN, Form
from idlebell.model.proof import CODE_LIVES, PROVEN, UNPROVEN, Asked, Audience, Demand, Demands, Proof
from idlebell.model.secret import Secret

ORIGINS_KEPT = 1_024
"""Of push services, read once: each is the origin of many endpoints. What stands behind it in a URL is never kept."""


class Role(StrEnum):
    """What an endpoint is for; the members of ``endpoints`` in the interface."""

    NEW_MAIL = "new_mail"
    RECONNECT = "reconnect"
    HEARTBEAT = "heartbeat"
    EXPIRING = "expiring"
    REMINDER = "reminder"


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
        return _host_of(self._head) if self._is_http else ""

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
        return _origin_of(self._head) if self._is_http else f"{self.scheme}:"

    @property
    def _head(self) -> str:
        """Scheme and authority (RFC 3986 section 3)."""
        found = _HEAD.match(self._value)
        return found[0] if found else ""

    @property
    def lane(self) -> str:
        """What one push service has in common. It may hold a secret: to be digested, never to be shown."""
        if self.scheme in ("sip", "sips"):  # each phone is its own
            return f"sip:{self._value.rpartition('@')[2].partition(';')[0].lower()}"
        return self.origin if self._is_http else f"{self.scheme}://{self._value.partition('://')[2].partition('/')[0]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PushUrl) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"PushUrl({self.origin}/…)"

    __str__ = __repr__


_HEAD = re.compile("[^/?#]*(?://[^/?#]*)?")


@lru_cache(ORIGINS_KEPT)
def _host_of(head: str) -> str:
    return urlsplit(head).hostname or ""


@lru_cache(ORIGINS_KEPT)
def _origin_of(head: str) -> str:
    parts = urlsplit(head)
    host = bracketed(parts.hostname or "")
    default = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + ("" if parts.port in (None, default) else f":{parts.port}")


@dataclass(frozen=True, slots=True)
class SimplePushEndpoint:
    kind: ClassVar[str] = "simplepush"
    carries_body: ClassVar[bool] = False
    audience: ClassVar[Audience] = Audience.OWN
    url: PushUrl


@dataclass(frozen=True, slots=True)
class Declarative:
    """What a browser needs to show a push by itself. ``navigate``: an https URL, where a tap leads; ``title``: above the text,
    in the place of the wording's."""

    navigate: str = field(repr=False)
    title: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class WebPushEndpoint:
    """RFC 8030, 8291. ``p256dh``: 65 bytes, an uncompressed P-256 point; ``auth``: 16 bytes. ``declarative`` None: pushes are
    for a worker or an app alone. ``application_server_key``: with which of our keys the app subscribed, in base64url; its push
    service takes pushes of that one only (RFC 8292 section 4). None: it was stored when there was but one. ``form`` None: it
    is sent the JSON of the interface."""

    kind: ClassVar[str] = "webpush"
    carries_body: ClassVar[bool] = True
    audience: ClassVar[Audience] = Audience.APP
    url: PushUrl
    p256dh: bytes
    auth: Secret
    proof: Proof = UNPROVEN
    declarative: Declarative | None = None
    application_server_key: str | None = None
    form: Form | None = None


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
class MwiEndpoint:
    """The lamp of a desk phone (RFC 3842). ``url``: a SIP URI, which may hold a password. It knows only how many messages are
    unread, so a newer count stands for the older ones; ``seen`` tells it the next."""

    kind: ClassVar[str] = "mwi"
    carries_body: ClassVar[bool] = False
    audience: ClassVar[Audience] = Audience.OWN
    url: PushUrl


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
    | MwiEndpoint
    | CommandEndpoint
    | TerminalEndpoint
    | CanaryEndpoint
)
Provable: TypeAlias = WebPushEndpoint | WebhookEndpoint | AppriseEndpoint
"""Kinds that keep how far their proof has come."""


def takes_unseen(endpoint: Endpoint | None) -> bool:
    """Does it show how many messages are unread, and that they were read?"""
    return endpoint is not None and (endpoint.carries_body or isinstance(endpoint, MwiEndpoint))


def demand_of(endpoint: Provable, demands: Demands) -> Demand:
    """Who registers in IMAP reads a code back, whatever the operator wants: both dialects have it so."""
    return Demand.CODE if form_of(endpoint) is not None else demands.of(endpoint.audience)


def code_lives(endpoint: Endpoint) -> timedelta:
    """How long a code that was sent to it can be read back."""
    return CODE_LIVES if form_of(endpoint) is None else VALIDATED_WITHIN


def form_of(endpoint: Endpoint | None) -> Form | None:
    return endpoint.form if isinstance(endpoint, WebPushEndpoint) else None


def unproven(endpoint: Endpoint, demands: Demands) -> Provable | None:
    """The endpoint where it may not be used yet: something is demanded, and has not been shown."""
    if not isinstance(endpoint, Provable) or demand_of(endpoint, demands) is Demand.NONE:
        return None
    return None if endpoint.proof == PROVEN else endpoint


def asked_of(endpoint: Endpoint) -> Asked | None:
    """The code that was sent to it, until that is read back."""
    return endpoint.proof if isinstance(endpoint, Provable) and isinstance(endpoint.proof, Asked) else None


def same_endpoint(one: Endpoint, other: Endpoint) -> bool:
    """Whatever has been shown of either, however it wants to be told, and whoever may tell it."""
    return _bare(one) == _bare(other)


def _bare(endpoint: Endpoint) -> Endpoint:
    if isinstance(endpoint, WebPushEndpoint):
        return replace(endpoint, proof=UNPROVEN, declarative=None, application_server_key=None, form=None)
    return replace(endpoint, proof=UNPROVEN) if isinstance(endpoint, Provable) else endpoint


@dataclass(frozen=True, slots=True)
class Failing:
    """An endpoint of the list of ``new_mail`` that has not taken what it was to take in time. ``place``: in the list.
    ``probe_at``: until when it is passed over; None: it is being tried again. ``probes``: how often it was. ``spent``: nothing
    is wrong with it, but it has had what it may have in a day."""

    place: int
    since: datetime
    probe_at: datetime | None
    probes: int = 0
    spent: bool = False


@dataclass(frozen=True, slots=True)
class Endpoints:
    """``new_mail`` None: the last one is gone and the subscription has ended. ``fallbacks``: those that take new mail, in this
    order, while all before them fail. ``failing``: which do, in order of their places."""

    new_mail: Endpoint | None
    reconnect: Endpoint | None = None
    heartbeat: Endpoint | None = None
    expiring: Endpoint | None = None
    reminder: Endpoint | None = None
    fallbacks: tuple[Endpoint, ...] = ()
    failing: tuple[Failing, ...] = ()

    def __iter__(self) -> Iterator[tuple[Role, Endpoint]]:
        for role in Role:
            endpoint: Endpoint | None = getattr(self, role.value)
            if endpoint is not None:
                yield role, endpoint
        for endpoint in self.fallbacks:
            yield Role.NEW_MAIL, endpoint

    @property
    def bells(self) -> tuple[Endpoint, ...]:
        """What may take new mail, in the order in which it is tried."""
        return () if self.new_mail is None else (self.new_mail, *self.fallbacks)

    def named(self, role: Role, endpoint: Endpoint) -> str:
        """As pointers name it: a list has places."""
        if role is not Role.NEW_MAIL or not self.fallbacks:
            return role.value
        return f"{role.value}/{self.bells.index(endpoint)}"

    @property
    def place(self) -> int:
        """Which of the bells takes it now: the first that does not fail, or is being tried again."""
        passed = {one.place for one in self.failing if one.probe_at is not None}
        return next((place for place in range(len(self.bells)) if place not in passed), len(self.bells) - 1)

    def serving(self, role: Role) -> Endpoint | None:
        """Which endpoint takes notifications of this role: its own or, where that is left out, the one that the interface
        names as its stand-in."""
        bell = self.bells[self.place] if self.bells else None
        if role is Role.NEW_MAIL:
            return bell
        own: Endpoint | None = getattr(self, role.value)
        if own is not None:
            return own
        if role is Role.EXPIRING and self.reconnect is not None:
            return self.reconnect
        if role is Role.REMINDER:
            return bell
        if role is Role.HEARTBEAT:
            return bell if isinstance(bell, WebhookEndpoint) else None
        return bell if bell is not None and bell.carries_body else None

    def mapped(self, change: Callable[[Endpoint], Endpoint]) -> Endpoints:
        """Each as ``change`` makes it; none may become another."""
        roles: dict[str, Any] = {role.value: getattr(self, role.value) for role in Role}
        found: dict[str, Any] = {name: None if own is None else change(own) for name, own in roles.items()}
        return replace(self, **found, fallbacks=tuple(change(own) for own in self.fallbacks))

    def without(self, gone: Callable[[Endpoint], bool]) -> Endpoints:
        """The next of the bells moves up where one is gone."""
        roles: dict[str, Any] = {role.value: getattr(self, role.value) for role in Role if role is not Role.NEW_MAIL}
        kept = [place for place, own in enumerate(self.bells) if not gone(own)]
        bells = [self.bells[place] for place in kept]
        failing = [replace(one, place=kept.index(one.place)) for one in self.failing if one.place in kept]
        return Endpoints(
            bells[0] if bells else None,
            **{name: None if own is None or gone(own) else own for name, own in roles.items()},
            fallbacks=tuple(bells[1:]),
            failing=tuple(one for one in failing if one.place < len(bells) - 1),
        )
