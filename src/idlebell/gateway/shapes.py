"""What faces hand in and get back. The JSON of the REST API has these very shapes.

Passwords, tokens and endpoint secrets are decoded into a Secret (pass :func:`dec_hook` to msgspec): no ``repr`` shows one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import msgspec

from idlebell.gateway.endpoint_shapes import EndpointsShape
from idlebell.gateway.shape import Shape
from idlebell.model.secret import Secret
from idlebell.model.subscription import ALSO

WAIT_SECONDS_MAX = 30
WAIT_SECONDS_DEFAULT = 10
FILTER_TEST_MESSAGES = 50
FILTER_TEST_MESSAGES_MAX = 100
UID_MAX = 2**32 - 1
"""RFC 9051 section 2.3.1.1."""


def dec_hook(kind: type, value: Any) -> Any:
    """For ``msgspec.json.Decoder`` and ``msgspec.convert``: a string becomes a Secret."""
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError("Expected a string")  # msgspec makes a ValidationError of it, with the path


def schema_hook(kind: type) -> dict[str, Any]:
    """For ``msgspec.json.schema``: a Secret is written, never read."""
    if kind is Secret:
        return {"type": "string", "format": "password", "writeOnly": True}
    raise NotImplementedError(f"no schema for {kind.__name__}")


# what comes in


class PasswordAuth(Shape, frozen=True, kw_only=True, tag_field="type", tag="password"):
    password: Secret


class OAuth2Auth(Shape, frozen=True, kw_only=True, tag_field="type", tag="oauth2"):
    """An access token, or a refresh token with what it takes to use it, or both."""

    access_token: Secret | None = None
    refresh_token: Secret | None = None
    token_url: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None


class SignInAuth(Shape, frozen=True, kw_only=True, tag_field="type", tag="sign_in"):
    """What a provider sent a browser back with, and the token of the sign-in that the browser began. Good once, for the server
    and user name that it was begun for."""

    sign_in: Secret
    state: str
    code: Secret
    iss: str | None = None


class ScramRelayAuth(Shape, frozen=True, kw_only=True, tag_field="type", tag="scram-relay"):
    """The app answers the server's challenge itself, at POST /v1/logins: the gateway sees neither password nor keys. Retention
    ``session``."""

    mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-1"]
    client_first: str


Auth: TypeAlias = PasswordAuth | OAuth2Auth | SignInAuth | ScramRelayAuth


class ImapShape(Shape, frozen=True, kw_only=True):
    """``host`` None: to be discovered. ``port`` None: the default of ``tls``."""

    host: str | None = None
    port: int | None = None
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    username: str
    auth: Auth | None = None
    """None where a repeat is proven by the subscription's own token."""


_NAMED = msgspec.Meta(extra_json_schema={"enum": ["personal", "subscribed"]})
_SUBTREE = msgspec.Meta(
    extra_json_schema={
        "properties": {"subtree": {"type": "string"}},
        "required": ["subtree"],
        "additionalProperties": False,
    }
)
_ALSO = msgspec.Meta(extra_json_schema={"enum": sorted(ALSO)})
MailboxesShape: TypeAlias = list[str] | Annotated[str, _NAMED] | Annotated[dict[str, Any], _SUBTREE]


class SubscriptionRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/subscriptions. None: the member is absent; in a repeat it keeps what it is. ``heartbeat_seconds`` None is
    none, as are None of ``filter`` and of what follows it: those are read by :mod:`idlebell.gateway.preferences`."""

    imap: ImapShape | None = None
    link: Secret | None = None
    source: str | None = None
    user: str | None = None
    endpoints: EndpointsShape
    mailboxes: MailboxesShape | None = None
    filter: Any = msgspec.UNSET
    payload: Literal["alert", "summary", "content"] | None = None
    retention: Literal["session", "keys", "memory", "vault"] | None = None
    lease_seconds: int | None = None
    also: list[Annotated[str, _ALSO]] | None = None
    heartbeat_seconds: int | msgspec.UnsetType | None = msgspec.UNSET
    vip: Any = msgspec.UNSET
    muted_until: Any = msgspec.UNSET
    quiet_hours: Any = msgspec.UNSET
    digest_minutes: Any = msgspec.UNSET
    coalesce_seconds: Any = msgspec.UNSET
    flood_per_minute: Any = msgspec.UNSET
    fall_through_seconds: Any = msgspec.UNSET
    hushed: Any = msgspec.UNSET
    withdraw: Any = msgspec.UNSET
    remind_after: Any = msgspec.UNSET
    content_limit_bytes: Any = msgspec.UNSET
    tls_pin_sha256: Any = msgspec.UNSET
    wait_seconds: float = WAIT_SECONDS_DEFAULT


class CredentialsRequest(Shape, frozen=True, kw_only=True):
    """PUT /v1/subscriptions/{id}/credentials."""

    auth: Auth
    wait_seconds: float = WAIT_SECONDS_DEFAULT


class FilterTestRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}/filters/test. ``filter`` None: all rings. ``mailbox`` None: the subscription's first."""

    filter: Any
    limit: Annotated[int, msgspec.Meta(ge=1, le=FILTER_TEST_MESSAGES_MAX)] = FILTER_TEST_MESSAGES
    mailbox: str | None = None


class DiscoverRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/discover. In a body, for an address in a URL ends up in logs."""

    address: str


class SignInRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/sign-ins. ``retention``: what the credentials are to be kept as; with ``session`` no right is asked for that
    outlives the session."""

    host: str
    username: str
    retention: Literal["session", "memory", "vault"] = "session"


class HushRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}/hush: one of them. ``sender``: an address, or what a From field says. Or a message, by the
    last three: its list, or else its sender."""

    sender: str | None = None
    list_id: str | None = None
    mailbox: str | None = None
    uid_validity: Annotated[int, msgspec.Meta(ge=1, le=UID_MAX)] | None = None
    uid: Annotated[int, msgspec.Meta(ge=1, le=UID_MAX)] | None = None


class VerifyRequest(Shape, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}/verify. ``code``: as it was sent to the endpoint; None: send a new one."""

    code: Secret | None = None


# what goes out


class MailboxStateView(Shape, frozen=True, kw_only=True):
    name: str
    uid_validity: int | None
    uid_next: int | None
    mode: str | None


class LastPushView(Shape, frozen=True, kw_only=True):
    at: datetime
    version: int
    status: int | None
    outcome: str


class CountsView(Shape, frozen=True, kw_only=True):
    """In messages."""

    detected: int
    accepted: int
    coalesced: int
    expired: int
    refused: int
    pending: int
    silenced: int
    withdrawn: int


class ProblemView(Shape, frozen=True, kw_only=True):
    type: str
    detail: str
    since: datetime


class CertificateView(Shape, frozen=True, kw_only=True):
    """Of the mail server, as the latest session saw it. ``spki_sha256``: what ``tls_pin_sha256`` is compared with, base64. The
    rest is null where no session has been opened since the gateway began. ``expires_soon``: within 14 days, or over."""

    spki_sha256: str
    subject: str | None = None
    issuer: str | None = None
    not_after: datetime | None = None
    expires_soon: bool | None = None


class AlertView(Shape, frozen=True, kw_only=True):
    """What the mail server wants its user to read (RFC 9051 section 7.1: ALERT), cleaned and cut."""

    text: str
    at: datetime


class AllowanceView(Shape, frozen=True, kw_only=True):
    """Of ``new_mail``, where it reaches a person: how many it has had of this day (UTC), and how many it may have; 0: any
    number."""

    max_per_day: int
    today: int


State: TypeAlias = Literal[
    "connecting", "watching", "reconnecting", "needs_credentials", "rejected", "paused", "expired", "ended"
]


class SubtreeView(Shape, frozen=True, kw_only=True):
    subtree: str


class QuietHoursView(Shape, frozen=True, kw_only=True):
    tz: str
    days: tuple[str, ...]
    begin: str = msgspec.field(name="from")
    end: str = msgspec.field(name="to")
    then: str


class HushedView(Shape, frozen=True, kw_only=True):
    """One of both."""

    sender: str | None = None
    list_id: str | None = None


class EndpointView(Shape, frozen=True, kw_only=True):
    """``used``: new mail goes there now. ``application_server_key``: of a Web Push, which key signs what it is sent."""

    type: str
    host: str
    application_server_key: str | None
    used: bool
    problem: ProblemView | None


class EndpointsView(Shape, frozen=True, kw_only=True):
    """In the order in which they are tried."""

    new_mail: tuple[EndpointView, ...]


class SubscriptionView(Shape, frozen=True, kw_only=True):
    """A subscription as it is shown, without a token. ``selection``: what was asked for where ``mailboxes`` are found by
    what they are. ``source``: the mail server that reports its mail, in place of a session."""

    id: str
    state: State
    mode: str | None
    mode_reason: str | None
    mailboxes: tuple[MailboxStateView, ...]
    selection: Literal["personal", "subscribed"] | SubtreeView | None
    source: str | None
    also: tuple[str, ...]
    payload: Literal["alert", "summary", "content"]
    retention: Literal["session", "keys", "memory", "vault"]
    lease_seconds: int
    heartbeat_seconds: int | None
    filter: Any
    vip: Any
    muted_until: datetime | None
    quiet_hours: QuietHoursView | None
    digest_minutes: int | None
    coalesce_seconds: float | None
    flood_per_minute: int | None
    fall_through_seconds: int | None
    hushed: tuple[HushedView, ...]
    withdraw: bool
    remind_after: int | None
    content_limit_bytes: int | None
    created_at: datetime
    expires_at: datetime
    last_seen_alive_at: datetime | None
    next_check_at: datetime | None
    last_event_at: datetime | None
    last_push: LastPushView | None
    counts: CountsView
    allowance: AllowanceView | None
    alert: AlertView | None
    unverified: tuple[str, ...]
    endpoints: EndpointsView
    tls_pin_sha256: tuple[str, ...] | Literal["first"] | None
    certificate: CertificateView | None
    problem: ProblemView | None


class Registration(Shape, frozen=True, kw_only=True):
    """The answer to a POST: ``status`` 200 (a repeat), 201 (watching) or 202 (still connecting). ``token`` None: it was
    proven by a token, which goes on working."""

    status: int
    view: SubscriptionView
    token: str | None

    def __repr__(self) -> str:
        return f"Registration({self.status}, {self.view.id})"


class LinkView(Shape, frozen=True, kw_only=True):
    """The answer to POST /v1/subscriptions/{id}/links."""

    link_token: str
    expires_at: datetime

    def __repr__(self) -> str:
        return f"LinkView(until {self.expires_at})"


class Page(Shape, frozen=True, kw_only=True):
    items: tuple[SubscriptionView, ...]
    next: str | None


class FilterResultView(Shape, frozen=True, kw_only=True):
    """Of one message. ``because``: what settled it."""

    uid: int
    rings: bool
    because: tuple[str, ...]
    sender: str | None = msgspec.field(name="from")
    subject: str | None
    size: int | None
    received_at: datetime | None


class FilterTestView(Shape, frozen=True, kw_only=True):
    """``results``: the newest message first."""

    mailbox: str
    results: tuple[FilterResultView, ...]


class TestView(Shape, frozen=True, kw_only=True):
    __test__: ClassVar[bool] = False
    outcome: str
    status: int | None
    took_ms: float
    detail: str


class ServerView(Shape, frozen=True, kw_only=True):
    """``source``: who names it. ``username``: as the domain says; None: it says nothing. ``confirmed``: credentials go there
    without ``imap.host`` in a registration."""

    host: str
    port: int
    tls: Literal["implicit", "starttls", "none"]
    username: str | None
    source: Literal["srv", "autoconfig", "table"]
    confirmed: bool


class ProviderView(Shape, frozen=True, kw_only=True):
    """``login``: what has to stand where a password is asked for. ``page``: where one gets it. The rest are sentences, empty
    where there is nothing to say."""

    name: str
    login: Literal["own", "app", "app_with_2fa", "code", "oauth", "bridge", "none"]
    page: str
    switch_on: str
    switch_page: str
    without_imap: str


class DiscoveryView(Shape, frozen=True, kw_only=True):
    """The best server first; none where none was found, for whatever reason."""

    servers: tuple[ServerView, ...]
    provider: ProviderView | None


class SignInView(Shape, frozen=True, kw_only=True):
    """A provider where this gateway is a client. ``hosts``: IMAP servers that take its tokens, domains of names included.
    ``redirect_uri``: where browsers come back."""

    name: str
    title: str
    hosts: tuple[str, ...]
    redirect_uri: str


class SignInsView(Shape, frozen=True, kw_only=True):
    """``retentions``: what credentials may be kept as here."""

    items: tuple[SignInView, ...]
    retentions: tuple[Literal["session", "keys", "memory", "vault"], ...]


class BegunView(Shape, frozen=True, kw_only=True):
    """``sign_in``: shown here only, for the browser that goes to ``authorization_url``."""

    sign_in: str
    name: str
    authorization_url: str
    redirect_uri: str
    expires_at: datetime
