"""What has been announced of a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Gap:
    """UIDs from ``first`` to ``last`` below a cursor's ``uid_next`` that nobody has decided on: a mail server told of a later
    message first.

    ``since``: when that was. ``awaited``: somebody had or wanted a session then, and it decides on them when it looks.
    Where nobody had one, nobody asks later what a client may have filed there.
    """

    first: int
    last: int
    since: datetime
    awaited: bool = False

    def __contains__(self, uid: int) -> bool:
        return self.first <= uid <= self.last


@dataclass(frozen=True, slots=True)
class Cursor:
    """Every message of this UIDVALIDITY with a UID below ``uid_next`` has been decided on (RFC 9051 section 2.3.1.1), but for
    those in ``gaps``."""

    uid_validity: int
    uid_next: int
    highest_mod_seq: int | None = None
    """As of the last tagged response (RFC 7162 section 3.2.5); None where the server keeps none."""
    count: int | None = None
    """Messages in the mailbox when last looked at."""
    looked_at: datetime | None = None
    """When that was, by our clock (whole seconds are enough); None where it is not known."""
    gaps: tuple[Gap, ...] = ()
    """In order of UID. A session's look closes them all; only reports of a mail server leave any."""

    @property
    def first_open(self) -> int:
        """The lowest UID that a session may still have to decide on."""
        return next((gap.first for gap in self.gaps if gap.awaited), self.uid_next)

    def is_open(self, uid: int) -> bool:
        """Does a session have to decide on it?"""
        return uid >= self.uid_next or any(uid in gap for gap in self.gaps if gap.awaited)
