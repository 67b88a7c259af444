"""What has been announced of a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Cursor:
    """Every message of this UIDVALIDITY with a UID below ``uid_next`` has been decided on (RFC 9051 section 2.3.1.1)."""

    uid_validity: int
    uid_next: int
    highest_mod_seq: int | None = None
    """As of the last tagged response (RFC 7162 section 3.2.5); None where the server keeps none."""
    count: int | None = None
    """Messages in the mailbox when last looked at."""
    looked_at: datetime | None = None
    """When that was, by our clock (whole seconds are enough); None where it is not known."""
