"""What is said of a message to an endpoint that may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """Decoded, cleaned of control characters and cut; see :mod:`idlebell.rules.describe`."""

    uid: int
    message_id: str | None = None
    sender: str | None = None
    """``from`` in the payload: name and address."""
    subject: str | None = None
    size: int | None = None
    preview: str | None = None
    received_at: datetime | None = None
    truncated: bool = False
    mailbox: str | None = None
    """Where a notification tells of several mailboxes: in which of them it lies."""
