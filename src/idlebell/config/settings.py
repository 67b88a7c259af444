"""The settings: one structure a section, each key with its default and its bounds. The manual's page is made from here.

Durations end in ``_seconds``. Where nothing else is said, 0 or an empty value switches a thing off.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, TypeAlias

import msgspec
from msgspec import Meta

from idlebell.config import values
from idlebell.config.imap_url import ImapUrl
from idlebell.config.values import Address, IpAddress, Network, Parse
from idlebell.login.vault_source import VaultSource
from idlebell.model.account import ClientCertificate, ImapTarget, Retention, Tls
from idlebell.model.endpoint import PushUrl
from idlebell.model.smtp import SmtpTarget
from idlebell.model.trust import AUTHORITIES, Pinned

DAY = 86_400

Text: TypeAlias = Annotated[str, Parse(values.text)]
OptionalPath: TypeAlias = Annotated[Path | None, Parse(values.path)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=10_000_000)]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    hidden: ClassVar[frozenset[str]] = frozenset()
    """Keys whose values may hold a secret: no ``repr`` shows them."""

    def __repr__(self) -> str:
        shown = (
            f"{name}=…" if name in self.hidden and getattr(self, name) else f"{name}={getattr(self, name)!r}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"


class Server(Section, frozen=True, kw_only=True):
    """REST API and web client."""

    listen: Annotated[Address, Parse(values.address)] = Address("127.0.0.1", 8025)
    public_url: Annotated[str, Parse(values.public_url)] = ""
    tls_certificate: OptionalPath = None
    tls_key: OptionalPath = None
    trusted_proxies: Annotated[tuple[Network, ...], Parse(values.networks, "json")] = ()
    cors: Annotated[tuple[str, ...], Parse(values.origins, "json")] = ()
    registration: Literal["open", "key"] = "open"
    allow_open: bool = False

    @property
    def tls(self) -> bool:
        return self.tls_certificate is not None


class Store(Section, frozen=True, kw_only=True):
    url: Annotated[str, Parse(values.store_url)] = "sqlite:idlebell.db"
    key_file: OptionalPath = None

    @property
    def path(self) -> Path:
        """Of the SQLite database."""
        return Path(self.url.removeprefix("sqlite:"))


class Imap(Section, frozen=True, kw_only=True):
    ca_file: OptionalPath = None
    # 29 minutes: a server may log an idle client out after 30 (RFC 2177 section 3).
    idle_restart_seconds: Annotated[int, Meta(ge=120, le=1_740)] = 1_680
    poll_seconds: Annotated[int, Meta(ge=1, le=DAY)] = 60
    probe_seconds: Annotated[int, Meta(ge=0, le=DAY)] = 0
    park_after_seconds: Annotated[float, Meta(ge=0, le=DAY)] = 5
    connect_rate: Annotated[float, Meta(ge=0, le=100_000)] = 0
    per_host_connect_rate: Annotated[float, Meta(ge=0, le=100_000)] = 0
    per_host_connections: Count = 0
    max_mailboxes: Annotated[int, Meta(ge=1, le=10_000)] = 100
    source_addresses: Annotated[tuple[IpAddress, ...], Parse(values.addresses, "json")] = ()
    only_hosts: Annotated[tuple[str, ...], Parse(values.host_names, "json")] = ()
    support_url: Annotated[str, Parse(values.support_url)] = ""
    trust_first_use: bool = False


class Push(Section, frozen=True, kw_only=True):
    vapid_subject: Annotated[str, Parse(values.vapid_subject)] = ""
    coalesce_seconds: Annotated[float, Meta(ge=0, le=3_600)] = 0.0
    flood_per_minute: Annotated[int, Meta(ge=0, le=100_000)] = 30
    max_endpoints_per_account: Annotated[int, Meta(ge=1, le=10_000)] = 10
    retry_for_seconds: Annotated[int, Meta(ge=60, le=28 * DAY)] = DAY
    verify_endpoints: bool = True
    verify_webpush: bool = False
    max_per_day: Count = 50
    max_per_day_of_key: Count = 500
    apprise_services: Annotated[tuple[str, ...], Parse(values.apprise_services, "json")] = ("usual",)
    apprise_processes: Annotated[int, Meta(ge=1, le=32)] = 2
    verify_people: bool = True


class Fcm(Section, frozen=True, kw_only=True):
    """Firebase Cloud Messaging, for the makers of an Android app."""

    service_account_file: OptionalPath = None
    url: Annotated[str, Parse(values.https_origin)] = "https://fcm.googleapis.com"


class Apns(Section, frozen=True, kw_only=True):
    """Apple's push service, for the makers of an app of Apple's systems."""

    key_file: OptionalPath = None
    key_id: Annotated[str, Parse(values.word)] = ""
    team_id: Annotated[str, Parse(values.word)] = ""
    topic: Annotated[str, Parse(values.word)] = ""
    url: Annotated[str, Parse(values.https_origin)] = "https://api.push.apple.com"
    sandbox_url: Annotated[str, Parse(values.https_origin)] = "https://api.sandbox.push.apple.com"


class Limits(Section, frozen=True, kw_only=True):
    registrations_per_minute: Count = 60
    refused_users_per_hour: Count = 20
    requests_per_minute: Count = 600
    requests_per_minute_of_key: Count = 0
    connections_per_address: Count = 200
    subscriptions_per_key: Count = 0
    endpoints_per_key: Count = 0


class NetworkAccess(Section, frozen=True, kw_only=True):
    """``[network]``"""

    hidden: ClassVar[frozenset[str]] = frozenset({"proxy"})

    allow: Annotated[tuple[Network, ...], Parse(values.networks, "json")] = ()
    allow_plaintext: bool = False
    imap_ports: Annotated[tuple[int, ...], Parse(values.ports, "json")] = (143, 993)
    endpoint_ports: Annotated[tuple[int, ...], Parse(values.ports, "json")] = (443,)
    proxy: Annotated[str, Parse(values.proxy)] = ""


class CredentialsKept(Section, frozen=True, kw_only=True):
    """``[credentials]``"""

    hidden: ClassVar[frozenset[str]] = frozenset({"vault_key_command"})

    retention: Annotated[tuple[Retention, ...], Parse(values.retentions, "json")] = (
        Retention.SESSION,
        Retention.KEYS,
        Retention.MEMORY,
    )
    vault_key_file: OptionalPath = None
    vault_key_command: Text = ""
    door: Literal["inside", "process"] = "inside"

    @property
    def vault_source(self) -> VaultSource:
        return VaultSource(self.vault_key_file, self.vault_key_command)


class OAuthClient(Section, frozen=True, kw_only=True):
    """``[oauth.NAME]``: client of a provider."""

    client_id: Text = ""
    secret_file: OptionalPath = None
    # Empty: as the preset of that name says, where there is one.
    title: Text = ""
    issuer: Annotated[str, Parse(values.oauth_url)] = ""
    authorization_url: Annotated[str, Parse(values.oauth_url)] = ""
    token_url: Annotated[str, Parse(values.oauth_url)] = ""
    scopes: Annotated[tuple[str, ...], Parse(values.oauth_scopes, "json")] = ()
    offline_scopes: Annotated[tuple[str, ...], Parse(values.oauth_scopes, "json")] = ()
    hosts: Annotated[tuple[str, ...], Parse(values.host_names, "json")] = ()


class Front(Section, frozen=True, kw_only=True):
    """The IMAP proxy."""

    listen: Annotated[Address | None, Parse(values.address_or_none)] = None
    upstream: Annotated[Address | None, Parse(values.upstream)] = None
    upstreams: Annotated[Mapping[str, Address], Parse(values.upstreams, "json")] = MappingProxyType({})
    # Empty: implicit TLS on 993, STARTTLS on 143 and all other ports.
    upstream_tls: Literal["", "implicit", "starttls", "none"] = ""
    upstream_pin_sha256: Annotated[Pinned | None, Parse(values.pins, "json")] = None
    tls_certificate: OptionalPath = None
    tls_key: OptionalPath = None
    starttls: bool = False
    trusted_proxies: Annotated[tuple[Network, ...], Parse(values.networks, "json")] = ()
    connections: Count = 0
    connections_per_address: Count = 100
    webpush: Literal["coi", "draft", "off"] = "coi"
    while_connected: Literal["ring", "hold"] = "ring"
    notify: Literal["further-session", "own-session", "off"] = "further-session"

    def target(self, address: Address) -> ImapTarget:
        """Of an upstream, under the TLS and trust that are asked for."""
        by_port = Tls.IMPLICIT if address.port == Tls.IMPLICIT.default_port else Tls.STARTTLS
        tls = Tls(self.upstream_tls) if self.upstream_tls else by_port
        return ImapTarget(address.host, address.port, tls, self.upstream_pin_sha256 or AUTHORITIES)


class Ingest(Section, frozen=True, kw_only=True):
    """``[[ingest]]``: a mail server that reports deliveries."""

    name: Text = ""
    key_file: OptionalPath = None
    form: Literal["ox", "lua", "signed"] = "ox"
    users: Annotated[tuple[str, ...], Parse(values.users_told_of, "json")] = ()
    imap: Annotated[Address | None, Parse(values.upstream)] = None
    reports_per_minute: Count = 6_000


def certificate_of(certificate: Path | None, key: Path | None) -> ClientCertificate | None:
    """Without ``key`` both are in one file."""
    return None if certificate is None else ClientCertificate(str(certificate), str(key or certificate))


class Canary(Section, frozen=True, kw_only=True):
    """An account of the operator's own that mails itself: it measures the whole chain."""

    account: Annotated[ImapUrl | None, Parse(values.imap_url_or_none)] = None
    password_file: OptionalPath = None
    smtp: Annotated[SmtpTarget | None, Parse(values.smtp_url_or_none)] = None
    sender: Annotated[str, Parse(values.mail_address)] = ""
    recipient: Annotated[str, Parse(values.mail_address)] = ""
    every_seconds: Annotated[int, Meta(ge=60, le=DAY)] = 300
    late_seconds: Annotated[int, Meta(ge=1, le=DAY)] = 120
    client_certificate: OptionalPath = None
    client_key: OptionalPath = None

    @property
    def certificate(self) -> ClientCertificate | None:
        return certificate_of(self.client_certificate, self.client_key)

    @property
    def address(self) -> str:
        """Where its mail goes; empty: neither ``recipient`` nor the user name says."""
        if self.recipient or self.account is None:
            return self.recipient
        try:
            return values.mail_address(self.account.username)
        except ValueError:
            return ""


class Watch(Section, frozen=True, kw_only=True):
    """``[[watch]]``: an account that needs no REST call."""

    hidden: ClassVar[frozenset[str]] = frozenset({"password_command", "token_command", "exec"})

    url: Annotated[ImapUrl, Parse(values.imap_url)]
    password_file: OptionalPath = None
    password_command: Text = ""
    notify: Annotated[tuple[PushUrl, ...], Parse(values.push_urls, "json")] = ()
    exec: Text = ""
    filter: Annotated[str | None, Parse(values.mail_filter, "json")] = None
    tls_pin_sha256: Annotated[Pinned | None, Parse(values.pins, "json")] = None
    client_certificate: OptionalPath = None
    client_key: OptionalPath = None
    external_names_user: bool = True
    token_command: Text = ""
    oauth: Text = ""
    refresh_token_file: OptionalPath = None

    @property
    def certificate(self) -> ClientCertificate | None:
        return certificate_of(self.client_certificate, self.client_key)

    @property
    def target(self) -> ImapTarget:
        """As the URL names it, under the trust that is asked for."""
        pins = self.tls_pin_sha256
        return self.url.target if pins is None else self.url.under(pins).target


class Log(Section, frozen=True, kw_only=True):
    format: Literal["text", "json"] = "text"
    level: Literal["debug", "info", "warning", "error"] = "info"
    names: bool = False


class Settings(Section, frozen=True, kw_only=True):
    server: Server = Server()
    store: Store = Store()
    imap: Imap = Imap()
    push: Push = Push()
    fcm: Fcm = Fcm()
    apns: Apns = Apns()
    limits: Limits = Limits()
    network: NetworkAccess = NetworkAccess()
    credentials: CredentialsKept = CredentialsKept()
    oauth: Mapping[str, OAuthClient] = MappingProxyType({})
    front: Front = Front()
    ingest: tuple[Ingest, ...] = ()
    canary: Canary = Canary()
    watch: tuple[Watch, ...] = ()
    log: Log = Log()
