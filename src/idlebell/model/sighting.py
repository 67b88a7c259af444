"""Where a mail was seen: one mail can lie in several mailboxes of an account, and is announced once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SIGHTINGS_KEPT: Final = 1000
"""Of one account, the newest: a mail shows in its other mailboxes within seconds, and a day of a busy account is a few
hundred mails."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """``digest``: 16 bytes of the store's fingerprint of what a mail is known by in all its mailboxes (EMAILID of RFC 8474,
    X-GM-MSGID, or Message-ID with date and size)."""

    digest: bytes
    mailbox: str
    uid_validity: int
    uid: int
