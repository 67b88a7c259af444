"""An account: one IMAP login, watched once however many apps register it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret


class Tls(StrEnum):
    IMPLICIT = "implicit"
    STARTTLS = "starttls"
    NONE = "none"

    @property
    def default_port(self) -> int:
        return 993 if self is Tls.IMPLICIT else 143


@dataclass(frozen=True, slots=True)
class ImapTarget:
    """Where a session goes. ``host`` is an A-label or a canonical address literal, in lower case."""

    host: str
    port: int
    tls: Tls

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Account:
    """``username`` byte for byte as the app gave it. Host, port and user name together are its key."""

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


Credentials: TypeAlias = PasswordCredentials | BearerCredentials


class Retention(StrEnum):
    """What becomes of credentials after login."""

    SESSION = "session"
    KEYS = "keys"
    MEMORY = "memory"
    VAULT = "vault"
