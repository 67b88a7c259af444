"""One thing to be delivered to one endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple, TypeAlias

from idlebell.model.endpoint import Endpoint, Role
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary


class LossReason(StrEnum):
    """Why a session is gone and credentials are asked for; ``reason`` of a ``reconnect``."""

    CONNECTION_LOST = "connection_lost"
    REJECTED = "rejected"
    RESTART = "restart"


class Told(NamedTuple):
    """A message that rang, to be known again."""

    mailbox: str
    uid_validity: int
    uid: int


@dataclass(frozen=True, slots=True)
class NewMail:
    type: ClassVar[str] = "new_mail"
    role: ClassVar[Role] = Role.NEW_MAIL
    mailbox: str | None
    """None: it tells of several, and what is said of one alone is None too."""
    uid_validity: int | None
    count: int
    unseen: int | None
    """Unseen messages in the mailbox, where the server told."""
    messages: tuple[MessageSummary, ...] = ()
    """Empty with payload ``alert``; else at most :data:`MAX_MESSAGES`, newest last."""
    mailboxes: tuple[tuple[str, int], ...] = ()
    """Of several: how many came to each, in order of first mention; as many as :mod:`idlebell.rules.merge` names."""
    vip: bool = False
    """It rings through mute, quiet hours and digest."""
    told: tuple[Told, ...] = ()
    """Which messages it tells of, the newest :data:`TOLD_KEPT`, where its subscription wants them withdrawn or
    to be reminded of them; not shown."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Messages that rang were read or are gone."""

    type: ClassVar[str] = "seen"
    role: ClassVar[Role] = Role.NEW_MAIL
    mailbox: str
    uid_validity: int
    uids: tuple[int, ...]
    unseen: int | None
    """As in :class:`NewMail`."""

    @property
    def messages(self) -> tuple[Told, ...]:
        return tuple(Told(self.mailbox, self.uid_validity, uid) for uid in self.uids)


@dataclass(frozen=True, slots=True)
class Reminder:
    """Messages that rang, and are unread still. It is shown as new mail (:mod:`idlebell.push.payload`), but was counted when it
    came."""

    type: ClassVar[str] = "reminder"
    role: ClassVar[Role] = Role.REMINDER
    mailbox: str
    uid_validity: int
    uids: tuple[int, ...]

    @property
    def messages(self) -> tuple[Told, ...]:
        return tuple(Told(self.mailbox, self.uid_validity, uid) for uid in self.uids)


@dataclass(frozen=True, slots=True)
class Reconnect:
    type: ClassVar[str] = "reconnect"
    role: ClassVar[Role] = Role.RECONNECT
    reason: LossReason


@dataclass(frozen=True, slots=True)
class Expiring:
    type: ClassVar[str] = "expiring"
    role: ClassVar[Role] = Role.EXPIRING
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Heartbeat:
    type: ClassVar[str] = "heartbeat"
    role: ClassVar[Role] = Role.HEARTBEAT


@dataclass(frozen=True, slots=True)
class Test:
    __test__: ClassVar[bool] = False
    type: ClassVar[str] = "test"
    role: ClassVar[Role] = Role.NEW_MAIL


@dataclass(frozen=True, slots=True)
class Verification:
    type: ClassVar[str] = "verification"
    role: ClassVar[Role] = Role.NEW_MAIL
    code: str


Content: TypeAlias = NewMail | Seen | Reminder | Reconnect | Expiring | Heartbeat | Test | Verification

MAX_MESSAGES = 20
"""Messages described in one notification; ``count`` tells how many there are."""
TOLD_KEPT = 50
"""Of a mailbox and a subscription: messages that rang last and may be withdrawn, or ring again."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A notification before it is committed: it has no version and no identity yet.

    ``due_at`` and ``expires_at`` are aware datetimes in UTC; after ``expires_at`` it is of no use and is dropped.
    """

    subscription_id: SubscriptionId
    content: Content
    at: datetime
    """When what it tells of happened."""
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Notification:
    """Committed: version and identity never change again, so that a receiver can drop a repeat."""

    id: NotificationId
    subscription_id: SubscriptionId
    content: Content
    version: int
    at: datetime
    expires_at: datetime
    attempts: int
    """Attempts made before this one."""


@dataclass(frozen=True, slots=True)
class Leased:
    """A notification taken from the outbox to be sent, with the endpoint as it is now."""

    notification: Notification
    endpoint: Endpoint
    lane: bytes
    """Names the push service's origin without showing it; one lane never waits for another."""
