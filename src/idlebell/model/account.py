"""An account: one IMAP login, watched once however many apps register it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from idlebell.model.authority import host_port
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, Trust


class Tls(StrEnum):
    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"

    @property
    def default_port(self) -> int:
        return 993 if self is Tls.IMPLICIT else 143


@dataclass(frozen=True, slots=True)
class ImapTarget:
    """Where a session goes. ``host`` is an A-label or a canonical address literal, in lower case. ``trust``: whom it takes for
    the server there."""

    host: str
    port: int
    tls: Tls
    trust: Trust = AUTHORITIES

    def __str__(self) -> str:
        return host_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Account:
    """``username`` byte for byte as the app gave it. Host, port, user name and trust together are its key."""

    id: AccountId
    target: ImapTarget
    username: str


@dataclass(frozen=True, slots=True)
class PasswordCredentials:
    password: Secret

    def wipe(self) -> None:
        self.password.wipe()


@dataclass(frozen=True, slots=True)
class BearerCredentials:
    """An OAuth 2 access token (XOAUTH2, OAUTHBEARER)."""

    access_token: Secret

    def wipe(self) -> None:
        self.access_token.wipe()


class RenewableCredentials:
    """An OAuth 2 refresh token with all that it takes to use it (RFC 6749 section 6), and the access token of now.

    The one kind of credentials that changes: each renewal puts other tokens in place, for whoever holds this object. Times are
    seconds of the clock that goes on while the machine sleeps. ``access_token`` may be empty: the first is still to be got.
    """

    __slots__ = (
        "access_token", "client_id", "client_secret", "ends_at", "origin", "refresh_token", "renew_at", "renewals",
        "renewed_at", "token_url",
    )  # fmt: skip

    def __init__(
        self,
        refresh_token: Secret,
        token_url: PushUrl,
        client_id: str,
        client_secret: Secret | None = None,
        access_token: Secret | None = None,
    ) -> None:
        self.refresh_token = refresh_token
        self.token_url = token_url
        self.client_id = client_id
        self.client_secret = client_secret
        self.access_token = Secret("") if access_token is None else access_token
        self.renew_at = math.inf if self.access_token else -math.inf
        """From then on another access token is got. Whoever gave the first one did not say how long it is good: until it is
        refused."""
        self.ends_at = self.renew_at
        self.renewals = 0
        self.renewed_at = -math.inf
        parts = (token_url.reveal().encode("utf-8", "replace"), client_id.encode("utf-8", "replace"))
        self.origin = sha256(b"\0".join((*parts, refresh_token.reveal()))).hexdigest()
        """Tells these credentials from others, whatever tokens follow the first."""

    def take(
        self, access_token: Secret, refresh_token: Secret | None, *, now: float, renew_at: float, ends_at: float
    ) -> None:
        """What a renewal brought. ``refresh_token`` None: the same one goes on."""
        self.access_token.wipe()
        self.access_token = access_token
        if refresh_token is not None:
            self.refresh_token.wipe()
            self.refresh_token = refresh_token
        self.renewed_at, self.renew_at, self.ends_at = now, renew_at, ends_at
        self.renewals += 1

    @property
    def source(self) -> str:
        """Who gives the tokens, for the log."""
        return self.token_url.host

    @property
    def wiped(self) -> bool:
        return self.refresh_token.wiped

    def wipe(self) -> None:
        for secret in (self.refresh_token, self.access_token, self.client_secret):
            if secret is not None:
                secret.wipe()

    def __repr__(self) -> str:
        return f"RenewableCredentials({self.token_url!r}, {self.renewals} renewals)"


class CommandedCredentials(RenewableCredentials):
    """Access tokens that a command of the operator's prints, whenever another one is needed. It stands in the place of what a
    token endpoint is asked by."""

    __slots__ = ("command",)
    __match_args__ = ("command",)

    def __init__(self, command: str) -> None:
        super().__init__(Secret(command), PushUrl("command:"), "token_command")
        self.command = command

    @property
    def source(self) -> str:
        return "token_command"


TOKENS_KNOWN: Final = 8
"""Of one file, by their digests: a reload reads the file within the time of a few renewals."""


class FiledCredentials(RenewableCredentials):
    """A refresh token that lies in a file of the operator's, which follows it. ``client``: the name of ``[oauth.NAME]``, which
    knows the token endpoint."""

    __slots__ = ("_had", "client", "file")

    def __init__(
        self, refresh_token: Secret, client: str, client_id: str, client_secret: Secret | None, file: Path
    ) -> None:
        super().__init__(refresh_token, PushUrl(""), client_id, client_secret)
        self.client = client
        self.file = file
        self._had: deque[bytes] = deque(maxlen=TOKENS_KNOWN)
        self.expect(refresh_token)

    def expect(self, refresh_token: Secret) -> None:
        """Before the file has it: what is read there from now on may be this one."""
        self._had.append(sha256(refresh_token.reveal()).digest())

    def has_had(self, refresh_token: Secret) -> bool:
        """Whether it is one of these credentials' own, used up or on its way."""
        return sha256(refresh_token.reveal()).digest() in self._had

    @property
    def source(self) -> str:
        return self.token_url.host or self.client


class KeyedCredentials:
    """A password until it has opened a session by SCRAM; from then on the keys of that exchange alone (RFC 5802 section 3),
    which open the same account of the same server and nothing else. ``mechanism``, ``salt`` and ``iterations``: what they are
    good for."""

    __slots__ = ("client_key", "iterations", "mechanism", "password", "salt", "server_key")

    def __init__(self, password: Secret) -> None:
        self.password = password
        self.client_key, self.server_key = Secret(""), Secret("")
        self.mechanism, self.salt, self.iterations = "", b"", 0

    def take(self, client_key: Secret, server_key: Secret, salt: bytes, iterations: int, mechanism: str) -> None:
        """In place of the password."""
        self.wipe()
        self.client_key, self.server_key = client_key, server_key
        self.mechanism, self.salt, self.iterations = mechanism, salt, iterations

    def wipe(self) -> None:
        for secret in (self.password, self.client_key, self.server_key):
            secret.wipe()

    def __repr__(self) -> str:
        return f"KeyedCredentials({'keys' if self.client_key else 'a password'})"


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """By its files, PEM: a chain, leaf first, and the leaf's key; they may be one file. The key is read by whoever opens a
    connection, and by nobody else."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class CertificateCredentials:
    """The operator's: a certificate that is shown in the handshake, and what comes after it. ``password`` None: SASL EXTERNAL.
    ``names_user``: it says who one wants to be (RFC 4422 appendix A); False: that is for the server to read off the
    certificate."""

    certificate: ClientCertificate
    password: Secret | None = None
    names_user: bool = True

    def wipe(self) -> None:
        if self.password is not None:
            self.password.wipe()


class Exchange(Protocol):
    """One login by SCRAM whose client is elsewhere: a mechanism (:class:`~idlebell.imap.sasl.RemoteMechanism`)."""

    @property
    def name(self) -> str:
        """The mechanism."""

    @property
    def satisfied(self) -> bool:
        """Whether the server has done all that the mechanism asks of it."""

    def initial(self) -> bytes:
        """The first message."""

    async def answer(self, challenge: bytes) -> bytes:
        """The answer to a challenge."""

    def prove(self, server_final: str) -> None:
        """What the server has proven itself by, where the exchange ran in another process."""

    @property
    def client_first(self) -> str:
        """What that client has sent first; it has a nonce, so no two are alike."""


@dataclass(frozen=True, slots=True, eq=False)
class RelayedCredentials:
    """None: the app answers the server's challenge itself. Good for one login."""

    exchange: Exchange = field(repr=False)

    def wipe(self) -> None:
        """There is nothing."""


Credentials: TypeAlias = (
    PasswordCredentials
    | BearerCredentials
    | RenewableCredentials
    | KeyedCredentials
    | RelayedCredentials
    | CertificateCredentials
)


class Retention(StrEnum):
    """What becomes of credentials after login."""

    SESSION = "session"
    KEYS = "keys"
    MEMORY = "memory"
    VAULT = "vault"
