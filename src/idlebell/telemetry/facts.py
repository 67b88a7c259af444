"""Everything worth counting, each a dataclass with a sentence. No secret, no user name and no mailbox name is a member:
what identifies a user is the account's or the subscription's id, and only logs show those. What others said, which may name
anybody and anything, is of type :data:`OthersWords`; a log shows it on demand only.

``level`` is the log level, ``metric`` whether a counter named ``idlebell_NAME_total`` goes with it; the members in
``labels`` become its labels and must come from a small set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from idlebell.model.ids import AccountId, NotificationId, SubscriptionId

OthersWords: TypeAlias = str
"""Of a mail server, a certificate, a push service or a token endpoint, or a sentence of ours that may hold such: user names,
names of mailboxes, addresses of mail."""
OWN_WORDS: Final = frozenset({"unreachable", "gateway-full", "internal", "token-unavailable"})
"""Codes whose sentences are all ours; why a host is not reached is told to nobody but the log."""


@dataclass(frozen=True, slots=True)
class Fact:
    level: ClassVar[int] = logging.INFO
    labels: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class SessionOpened(Fact):
    """An IMAP session was opened: connected, logged in."""

    account: AccountId
    host: str
    took_ms: float


@dataclass(frozen=True, slots=True)
class LoginFailed(Fact):
    """A session could not be opened. ``private`` says what the user is not told."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("code",)
    account: AccountId
    host: str
    code: str
    detail: OthersWords
    private: OthersWords


@dataclass(frozen=True, slots=True)
class ClientCertificateEnds(Fact):
    """A certificate of ours ends within two weeks, or has ended; told once a day. ``file``: of the configuration.
    ``not_after``: ISO 8601."""

    level: ClassVar[int] = logging.WARNING
    file: str
    not_after: str


@dataclass(frozen=True, slots=True)
class CertificateEnds(Fact):
    """A mail server's certificate ends within two weeks, or has ended; told once a day. ``not_after``: ISO 8601."""

    level: ClassVar[int] = logging.WARNING
    host: str
    not_after: str


@dataclass(frozen=True, slots=True)
class TokenRenewed(Fact):
    """A token endpoint gave a new access token. ``seconds``: how long it is good."""

    level: ClassVar[int] = logging.DEBUG
    host: str
    seconds: int


@dataclass(frozen=True, slots=True)
class TokenNotRenewed(Fact):
    """A token endpoint gave no access token. ``private`` says what the user is not told."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("code",)
    host: str
    code: str
    detail: OthersWords
    private: OthersWords


@dataclass(frozen=True, slots=True)
class SignedIn(Fact):
    """A user came back from a provider, and the code was redeemed. ``provider``: NAME of ``[oauth.NAME]``."""

    level: ClassVar[int] = logging.INFO
    provider: str


@dataclass(frozen=True, slots=True)
class NotSignedIn(Fact):
    """A sign-in at a provider came to nothing. ``private`` says what the user is not told."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("code",)
    provider: str
    code: str
    detail: OthersWords
    private: OthersWords


@dataclass(frozen=True, slots=True)
class AlertReceived(Fact):
    """A mail server wants its user to read something (ALERT, RFC 9051 section 7.1): beside a login that worked, or later."""

    account: AccountId
    host: str
    text: OthersWords


@dataclass(frozen=True, slots=True)
class SessionLost(Fact):
    """A session ended that was not asked to."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("code",)
    account: AccountId
    host: str
    code: str
    detail: OthersWords
    private: OthersWords


@dataclass(frozen=True, slots=True)
class WatchStarted(Fact):
    """A mailbox is being watched."""

    labels: ClassVar[tuple[str, ...]] = ("mode",)
    account: AccountId
    mode: str


@dataclass(frozen=True, slots=True)
class WatchChanged(Fact):
    """A session is watched in another way than the best one. ``reason`` says what the server does not do."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("way",)
    account: AccountId
    way: str
    reason: str


@dataclass(frozen=True, slots=True)
class CycleLearnt(Fact):
    """The ends of sessions have shown how long a server bears quiet. ``change``: shortened, lengthened."""

    labels: ClassVar[tuple[str, ...]] = ("change",)
    host: str
    seconds: float
    change: str


@dataclass(frozen=True, slots=True)
class MailDetected(Fact):
    """New messages were found and their notifications committed. ``took_ms``: from the server's word to the commit."""

    account: AccountId
    messages: int
    notifications: int
    took_ms: float


@dataclass(frozen=True, slots=True)
class LookFailed(Fact):
    """The server refused to say what is new. The session goes on and it is asked again."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("command",)
    account: AccountId
    command: str
    detail: OthersWords


@dataclass(frozen=True, slots=True)
class CursorRebased(Fact):
    """The mailbox is not the one we knew (UIDVALIDITY changed, UIDs went back): nothing of it is announced."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("reason",)
    account: AccountId
    reason: str


@dataclass(frozen=True, slots=True)
class ReconnectAsked(Fact):
    """Apps were asked for credentials."""

    labels: ClassVar[tuple[str, ...]] = ("reason",)
    account: AccountId
    reason: str
    subscriptions: int


@dataclass(frozen=True, slots=True)
class PushAttempted(Fact):
    """A push service was asked. ``outcome``: accepted, retry, gone, too-large, refused. ``since_ms``: from what the
    notification tells of."""

    labels: ClassVar[tuple[str, ...]] = ("kind", "outcome")
    subscription: SubscriptionId
    notification: NotificationId
    kind: str
    type: str
    outcome: str
    status: int | None
    took_ms: float
    detail: str = ""
    version: int = 0
    since_ms: float = 0.0
    service: str = "other"
    """The push service by name, from a small set."""
    host: str = ""
    """Of the push service; empty where there is none."""


@dataclass(frozen=True, slots=True)
class BreakerChanged(Fact):
    """A push service is left alone, because it does not work or asks for patience, or works again. ``state``: open, closed;
    ``seconds``: until it is asked next; ``detail``: what it did last."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("state",)
    host: str
    state: str
    seconds: float
    detail: str


@dataclass(frozen=True, slots=True)
class NotificationDropped(Fact):
    """A notification was given up."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("outcome",)
    subscription: SubscriptionId
    notification: NotificationId
    outcome: str


@dataclass(frozen=True, slots=True)
class SubscriptionChanged(Fact):
    """A subscription was made, changed or ended. ``change``: created, renewed, changed, resupplied, expired, ended, removed."""

    labels: ClassVar[tuple[str, ...]] = ("change",)
    subscription: SubscriptionId
    account: AccountId
    change: str


@dataclass(frozen=True, slots=True)
class RequestRefused(Fact):
    """A request was answered with a problem."""

    level: ClassVar[int] = logging.DEBUG
    labels: ClassVar[tuple[str, ...]] = ("code",)
    code: str


@dataclass(frozen=True, slots=True)
class StoreFailed(Fact):
    """The store could not do something; it is tried again."""

    level: ClassVar[int] = logging.ERROR
    detail: str


@dataclass(frozen=True, slots=True)
class ClockJumped(Fact):
    """The machine slept, the process stood still or the wall clock was set: every session is in doubt. ``reason``: suspended,
    stopped, clock-set."""

    level: ClassVar[int] = logging.WARNING
    labels: ClassVar[tuple[str, ...]] = ("reason",)
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Noted(Fact):
    """Something about the process itself that its operator may want to know."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned(Fact):
    """The operator's configuration works, and something about it should not stay as it is."""

    level: ClassVar[int] = logging.WARNING
    text: str


@dataclass(frozen=True, slots=True)
class Complained(Fact):
    """The operator's configuration asks for something that cannot be done. The rest of it is."""

    level: ClassVar[int] = logging.ERROR
    text: str


@dataclass(frozen=True, slots=True)
class CanarySent(Fact):
    """The canary's mail was handed in."""

    level: ClassVar[int] = logging.DEBUG


@dataclass(frozen=True, slots=True)
class CanaryHeard(Fact):
    """The canary's mail rang. ``seconds``: from handing it in."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CanaryFailed(Fact):
    """The chain that the canary measures is broken. ``stage``: smtp, watch, delivery, late."""

    level: ClassVar[int] = logging.ERROR
    labels: ClassVar[tuple[str, ...]] = ("stage",)
    stage: str
    detail: str


@dataclass(frozen=True, slots=True)
class SupervisorCaught(Fact):
    """An error that nobody expected reached a supervisor: a bug. The part it supervises goes on."""

    level: ClassVar[int] = logging.ERROR
    labels: ClassVar[tuple[str, ...]] = ("part",)
    part: str
    error: str
    """Class of the exception and where it was raised; never its text, which could hold anything."""


Emit: TypeAlias = Callable[[Fact], None]


_ABOVE = __file__.removesuffix("idlebell/telemetry/facts.py")
"""The folder that the package lies in."""


def where_raised(error: BaseException) -> str:
    """``ValueError in idlebell/watch/session.py:41``: enough to find a bug, nothing of the values."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return type(error).__name__
    path = trace.tb_frame.f_code.co_filename
    short = path.removeprefix(_ABOVE) if path.startswith(f"{_ABOVE}idlebell/") else path.rsplit("/", 1)[-1]
    return f"{type(error).__name__} in {short}:{trace.tb_lineno}"
