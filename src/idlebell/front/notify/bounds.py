"""What one NOTIFY may cost: us, and the server behind us. Every bound of this package has its number here.

RFC 5465 section 9: it is very easy for a client to deny itself service by NOTIFY, and in the worst case everybody else's
degrades too. One command must not become thousands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

MAILBOXES: Final = 500
"""Mailboxes that one client may have watched, where one LIST tells the STATUS of all (RFC 5819). More: it asks for less, or
polls."""

MAILBOXES_BY_STATUS: Final = 100
"""And where each needs a STATUS of its own in every round. Dovecot's own NOTIFY stops at as many."""

LIST_EVERY_SECONDS: Final = 60.0
"""All names are not asked for more often than this, whatever is polled between."""

LISTED_AT_ONCE: Final = 500
"""An account with more mailboxes than this is not asked for the STATUS of all of them in one LIST, only for those wanted."""

SECONDS_A_STATUS: Final = 0.5
"""A round of single STATUS commands takes no less than this for each: as a survey of the watcher's."""

EVENTS_PER_SECOND: Final = 50.0
EVENTS_AT_ONCE: Final = float(MAILBOXES)
"""Responses that one client is told, a token bucket: each of its mailboxes once at a time, and from then on so many a second.
What is more is a client that will not keep up: NOTIFICATIONOVERFLOW (RFC 5465 section 5.8)."""

FURTHER_EVERY_SECONDS: Final = 60.0
"""Between two logins for one client's further session: a NOTIFY that follows sooner is served by its own session until then."""

HEADER_BYTES: Final = 8_192
"""Of one HEADER.FIELDS of a new message. No more is asked for; where there is more the answer says by its origin that it is a
part (RFC 9051 section 7.5.2)."""

NEW_MESSAGES: Final = 500
"""New messages of the selected mailbox that are fetched for a client at a time. Of more it is told by EXISTS alone, and that
notifications have overflowed."""


@dataclass(slots=True)
class Allowance:
    """The token bucket of one client. ``now``: any monotonic seconds."""

    tokens: float = EVENTS_AT_ONCE
    _at: float = field(default=0.0)

    def spend(self, events: int, now: float) -> bool:
        """False, and nothing is spent: there are fewer left than ``events``."""
        self.tokens = min(EVENTS_AT_ONCE, self.tokens + max(0.0, now - self._at) * EVENTS_PER_SECOND)
        self._at = now
        if events > self.tokens:
            return False
        self.tokens -= events
        return True
