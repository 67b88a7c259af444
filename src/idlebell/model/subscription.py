"""A subscription: one app's registration on one account."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from idlebell.model.account import Retention
from idlebell.model.endpoint import Endpoints, Role, asked_of
from idlebell.model.ids import AccountId, ApiKeyId, SubscriptionId
from idlebell.model.invitation import InvitationId
from idlebell.model.notification import LossReason
from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.model.proof import TRIES_MAX
from idlebell.model.selection import Selection

LEASE_SECONDS_MIN = 60
LEASE_SECONDS_MAX = 90 * 86_400
LEASE_SECONDS_DEFAULT = 30 * 86_400
SHOWN_AFTER_END = timedelta(days=7)
"""How long an expired or ended subscription is shown, and can be revived."""
MAX_TOKENS = 5
"""The newest token and up to four older ones that go on working."""
EXPIRING_SHARE = 10
EXPIRING_AHEAD_MIN = timedelta(hours=1)
EXPIRING_AHEAD_MAX = timedelta(days=3)
"""The ``expiring`` is sent when a tenth of the lease is left, within these bounds, but never before half of it is over."""
HEARTBEAT_SECONDS_MIN = 60
HEARTBEAT_SECONDS_MAX = 86_400
LABEL_BYTES = 200
ALSO = frozenset({"appended", "seen"})
"""What a subscription can ask to be told of besides new mail: mail that a client has put there, mail that was read before it
was looked at."""
REMINDERS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
"""A ``reconnect`` that was accepted and not answered with credentials is repeated after these, then no more."""


class Payload(StrEnum):
    ALERT = "alert"
    SUMMARY = "summary"
    CONTENT = "content"


class Phase(StrEnum):
    """Where a subscription stands in its life. What the gateway shows as ``state`` follows from it, ``paused``, ``loss``
    and how the account's sessions are doing; see :mod:`idlebell.gateway.standing`."""

    PENDING = "pending"
    """Its right to the account has not been shown yet: it is told nothing of mail."""
    ACTIVE = "active"
    REJECTED = "rejected"
    """The server refused its credentials."""
    EXPIRED = "expired"
    ENDED = "ended"

    @property
    def over(self) -> bool:
        return self in (Phase.EXPIRED, Phase.ENDED)


@dataclass(frozen=True, slots=True)
class Loss:
    """The session is lost and the app has been asked for credentials.

    ``reminders`` counts those sent after the first; ``next_at`` is None while a ``reconnect`` waits to be accepted, and
    after the last one.
    """

    reason: LossReason
    since: datetime
    reminders: int = 0
    next_at: datetime | None = None

    def accepted(self, at: datetime) -> Loss:
        """The push service took the latest ``reconnect``: when the next is due, if one is."""
        if self.reminders >= len(REMINDERS):
            return replace(self, next_at=None)
        return replace(self, next_at=at + REMINDERS[self.reminders])

    def reminded(self) -> Loss:
        return replace(self, reminders=self.reminders + 1, next_at=None)


@dataclass(frozen=True, slots=True)
class StandingProblem:
    """``problem`` of a subscription. ``code`` is one of :mod:`idlebell.model.problem`."""

    code: str
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Floor:
    """From which UID on a subscription is told of a mailbox: what was there before it came, or while it was paused, is not
    announced to it later."""

    mailbox: str
    uid_validity: int
    uid_next: int


@dataclass(frozen=True, slots=True)
class Subscription:
    id: SubscriptionId
    account_id: AccountId
    key_digest: bytes
    """Keyed digest of API key, host, port, user name, kind and URL of the first ``new_mail`` endpoint: the same key again
    is the same subscription."""
    owner: ApiKeyId | None
    mailboxes: tuple[str, ...]
    """By name. Where there is a ``selection``: INBOX, until what it selects is found, then that."""
    endpoints: Endpoints
    payload: Payload
    retention: Retention
    lease_seconds: int
    created_at: datetime
    expires_at: datetime
    phase: Phase
    paused: bool = False
    loss: Loss | None = None
    problem: StandingProblem | None = None
    floors: tuple[Floor, ...] = ()
    token_hashes: tuple[bytes, ...] = ()
    """Newest first, at most :data:`MAX_TOKENS`."""
    over_since: datetime | None = None
    expiring_sent: bool = False
    selection: Selection | None = None
    """None: the names in ``mailboxes`` are fixed."""
    also: frozenset[str] = frozenset()
    """Of :data:`ALSO`."""
    heartbeat_seconds: int | None = None
    preferences: Preferences = NO_PREFERENCES
    invitation: InvitationId | None = None
    """What it was registered under, where registering needed one."""
    resolved: bool = False
    """Has it been found at least once what the ``selection`` selects? What appears from then on is new."""
    source: str | None = None
    """The mail server that tells of its mail (:attr:`~idlebell.model.source.Source.id`), in place of a session."""
    declared: bool = False
    """From ``[[watch]]`` of the configuration, not from an app: it has no lease and follows the file."""
    label: str = ""
    """What a client that registered over its own session calls it, one of an account."""
    revision: int = 0
    """Compared on :meth:`~idlebell.store.contract.Subscriptions.put`."""

    @property
    def rings(self) -> bool:
        """May it be told of mail now?"""
        return self.phase is Phase.ACTIVE and not self.paused

    @property
    def wanted(self) -> bool:
        """Does it want its account watched? A paused one does: the session is kept. A pending one has no right to it yet, and
        one that a mail server tells of its mail needs no session."""
        return self.phase is Phase.ACTIVE and self.source is None

    @property
    def expiring_at(self) -> datetime | None:
        """When it is to be told that its lease ends; None: it is not, or has been."""
        told = self.phase is Phase.ACTIVE and self.endpoints.serving(Role.EXPIRING) is not None
        if self.declared or self.expiring_sent or not told:
            return None
        lease = timedelta(seconds=self.lease_seconds)
        ahead = min(max(lease / EXPIRING_SHARE, EXPIRING_AHEAD_MIN), EXPIRING_AHEAD_MAX)
        return self.expires_at - min(ahead, lease / 2)

    @property
    def unsent_code_until(self) -> datetime | None:
        """Until when a code stands that may not have been sent; None: there is none."""
        asked = (asked_of(own) for _, own in self.endpoints)
        codes = [one.until for one in asked if one is not None and not one.sent and one.tries < TRIES_MAX]
        return None if self.phase.over else max(codes, default=None)

    def floor(self, mailbox: str) -> Floor | None:
        return next((floor for floor in self.floors if floor.mailbox == mailbox), None)


def has_shown_right(subscription: Subscription) -> bool:
    """Was a login ever its proof? Only an active subscription is given floors, so one that has any was active once."""
    return subscription.phase is Phase.ACTIVE or bool(subscription.floors)


@dataclass(frozen=True, slots=True)
class LastPush:
    at: datetime
    version: int
    status: int | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Counts:
    """In messages. ``detected`` is always the sum of the others: what became of a message is never unknown. ``pending`` waits,
    ``silenced`` came while the subscription was muted or in quiet hours that drop, ``withdrawn`` was read or gone before it was
    sent."""

    detected: int = 0
    accepted: int = 0
    coalesced: int = 0
    expired: int = 0
    refused: int = 0
    pending: int = 0
    silenced: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """What has happened to a subscription's notifications."""

    counts: Counts
    last_push: LastPush | None = None
    last_event_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """``token_hash`` is all that is kept of the key itself."""

    id: ApiKeyId
    name: str
    token_hash: bytes
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
