"""What is said of a message to an endpoint that may know it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Textless(StrEnum):
    """Why a message that may be told whole has no text to tell; ``no_text`` in the payload."""

    ENCRYPTED = "encrypted"
    """OpenPGP or S/MIME: only its reader's own program can open it."""
    CALENDAR = "calendar"
    """An invitation and nothing beside it."""
    OTHER = "other"
    """Pictures, documents, or nothing at all."""


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
    """There is more of it than is told, and payload ``content`` would tell it if it could."""
    mailbox: str | None = None
    """Where a notification tells of several mailboxes: in which of them it lies."""
    text: str | None = None
    """With payload ``content``; None: not asked for, too large, or ``textless`` says why."""
    textless: Textless | None = None
    number: int | None = None
    """Its message sequence number when it was looked at; not shown."""
