"""What is known of a mail provider, as types. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from idlebell.model.account import ImapTarget, Tls


class Evidence(StrEnum):
    """Where a figure comes from."""

    MEASURED = "measured"
    """By us, against the server itself."""
    DOCUMENTED = "documented"
    """The provider, or the maker of its software, says so."""
    REPORTED = "reported"
    """Users and makers of mail programs say so."""


class Login(StrEnum):
    """What has to stand where a password is asked for."""

    OWN = "the account's own password"
    APP = "an app password"
    APP_WITH_2FA = "the account's own password; with two-step verification an app password"
    CODE = "an authorization code"
    OAUTH = "OAuth only"
    BRIDGE = "what the provider's bridge shows, on a computer of one's own"
    NONE = "there is no IMAP"


@dataclass(frozen=True, slots=True)
class Known:
    """A figure, and how far to believe it."""

    value: int
    evidence: Evidence


DEFAULT_SESSIONS = 3
"""Of one account at a server of which nothing is known: enough for INBOX and two more, and a third of what Dovecot lets in
by default (10 from one address)."""


@dataclass(frozen=True, slots=True)
class Provider:
    """``domains``: of mail addresses. ``servers``: where IMAP is to be had, the best first; none where there is no IMAP.
    ``hosts``: further names under which these servers are reached, domains of names included.

    ``sessions``: how many of one account the provider bears. ``sessions_taken``: how many of them we use at most, so that the
    user's own programs are never locked out. ``connect_rate``: logins a second that we keep to, None: the operator's.
    ``idle_seconds``: the cycle of IDLE to begin with.
    """

    name: str
    domains: tuple[str, ...]
    servers: tuple[ImapTarget, ...]
    login: Login
    page: str
    """Where one gets that password, or reads about it."""
    hosts: tuple[str, ...] = ()
    switch_on: str = ""
    """How IMAP is switched on, where it is off at first; one sentence."""
    switch_page: str = ""
    without_imap: str = ""
    """Plans that have no IMAP; one sentence."""
    sessions: Known | None = None
    sessions_taken: int = DEFAULT_SESSIONS
    connect_rate: float | None = None
    idle_seconds: Known | None = None
    notes: tuple[str, ...] = ()

    @property
    def server_names(self) -> tuple[str, ...]:
        return (*(target.host for target in self.servers), *self.hosts)


def implicit(host: str) -> ImapTarget:
    """``host`` at port 993, under TLS from the first byte."""
    return ImapTarget(host, Tls.IMPLICIT.default_port, Tls.IMPLICIT)
