"""What is kept for a while of how messages and notifications fared: nothing of what they say, neither subject nor sender."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.verdict import Outcome

KEPT_FOR: Final = timedelta(days=7)
"""A bell that did not ring is missed within days."""
VERDICTS_KEPT: Final = 64
"""Of a subscription, the newest: two or three days of a busy mailbox."""
DELIVERIES_KEPT: Final = 20
"""Of a subscription, the newest: a retry of a failing endpoint that has gone on for hours still shows how it began."""
DIGEST_BYTES: Final = 9
"""Of the store's fingerprint of a Message-ID: two of the few that are kept of a subscription never meet in 72 bits."""
PASSED_ON: Final = "passed-on"
"""What went to the next endpoint of a list. It is no attempt, and no end."""
PASSINGS_KEPT: Final = DELIVERIES_KEPT // 2
"""Of what goes there together: attempts shall be seen as well."""
MESSAGE_ID_BYTES: Final = 900
"""Of a Message-ID: less than is fetched of one that is endless."""
BECAUSE_CHARACTERS: Final = 120
MAILBOX_CHARACTERS: Final = 100
"""Of what is kept of a verdict's sentences, and of a mailbox's name."""


_MESSAGE_ID: Final = re.compile(rb"<[^<>]*>")


def message_digest(message_id: bytes, fingerprint: Callable[[bytes], bytes]) -> bytes | None:
    """What a message is found by: a keyed digest of its Message-ID (RFC 5322 section 3.6.4), with or without what may stand
    around the angle brackets. None: it has none."""
    found = _MESSAGE_ID.search(message_id)
    inner = found[0][1:-1] if found is not None else message_id.strip()
    inner = b"".join(inner.split())[:MESSAGE_ID_BYTES]
    return fingerprint(b"message-id\0" + inner)[:DIGEST_BYTES] if inner else None


@dataclass(frozen=True, slots=True)
class KeptVerdict:
    """A verdict as it is kept. ``marks``: those of :class:`~idlebell.model.arrival.Mark` that the message had. ``uid`` and
    ``last_uid`` differ where many came at once and were counted instead of looked at."""

    subscription_id: SubscriptionId
    at: datetime
    """When it was found."""
    mailbox: str
    uid_validity: int
    uid: int
    last_uid: int
    outcome: Outcome
    because: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()
    message: bytes | None = None
    """A keyed digest of its Message-ID; None: that was not fetched, or it has none."""
    received_at: datetime | None = None
    """INTERNALDATE."""
    took_ms: float | None = None
    """From the look that the server's word set off to the verdict."""
    notification: NotificationId | None = None
    """Which tells of it, where one does."""
    vip: bool = field(default=False, compare=False)
    """Which of its look's drafts tells of it. Of use until the notification is known, and not kept."""

    def lies_in(self, mailbox: str) -> bool:
        return self.mailbox[:MAILBOX_CHARACTERS] == mailbox[:MAILBOX_CHARACTERS]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver a notification, or how it ended without one. ``outcome``: accepted, retry, gone, refused,
    expired, silenced, coalesced where a newer one stands for it, passed-on where it went to the next endpoint of a list
    (``host`` is of the one before), or merged where it came to another (``into``)."""

    notification: NotificationId
    version: int
    """0: it ended before it had one."""
    type: str
    came_at: datetime
    """When what it tells of happened."""
    at: datetime
    """When the answer was there."""
    outcome: str
    status: int | None
    """None: there was no answer, or it has none."""
    took_ms: float | None
    """None: nothing was sent."""
    host: str
    """Of the push service; empty where there is none."""
    next_at: datetime | None = None
    """When it is tried again."""
    into: NotificationId | None = None
    silence: str | None = None
    """Why no answer came: ``timeout``, ``tls``, ``broken`` or ``unreachable``; None: one came, or nothing was sent."""


def told_at(at: datetime) -> str:
    """A moment in a sentence."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
