"""A message that a look found, and what keeps it from being new mail to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from idlebell.imap.responses import FetchData
from idlebell.model.ids import SubscriptionId


class Mark(StrEnum):
    """Why a message rings only for those who ask for such ones too (``also``)."""

    APPENDED = "appended"
    """Filed rather than delivered: a copy, a move or an upload of old mail."""
    SEEN = "seen"
    """\\Seen when it was found: a filter filed it as read, or its user was faster."""


@dataclass(frozen=True, slots=True)
class Arrival:
    message: FetchData
    marks: frozenset[str] = frozenset()
    """Empty: new mail."""
    known_to: frozenset[SubscriptionId] = frozenset()
    """Those that it has passed before: under another UID, or in another mailbox of theirs."""
