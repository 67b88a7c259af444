"""What its user wants of a bell: which mail rings it, when, and how much it says. Each member is one of the interface's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum


class Then(StrEnum):
    """What becomes of mail that came in quiet hours."""

    COUNT = "count"
    """One notification at their end says how much came."""
    DROP = "drop"


class HushedBy(StrEnum):
    SENDER = "sender"
    LIST_ID = "list_id"


@dataclass(frozen=True, slots=True)
class Hushed:
    """One sender (an address) or one mailing list (a List-Id, RFC 2919) that rings no more. ``value`` in lower case."""

    by: HushedBy
    value: str


@dataclass(frozen=True, slots=True)
class QuietHours:
    """``days``: 0 is Monday; a window belongs to the day on which it begins. ``begin`` and ``end`` are times of the clock in
    ``tz`` (a name of the IANA database); where ``end`` is not later, it is on the next day."""

    tz: str
    days: frozenset[int]
    begin: time
    end: time
    then: Then


@dataclass(frozen=True, slots=True)
class Preferences:
    filter: str | None = None
    """Canonical JSON of :mod:`idlebell.rules.filter`; None: all new mail."""
    vip: str | None = None
    """As ``filter``: what rings through mute and quiet hours."""
    muted_until: datetime | None = None
    quiet_hours: QuietHours | None = None
    digest_minutes: int | None = None
    """At most one ring in that time."""
    coalesce_seconds: float | None = None
    """A ring opens a window of so many seconds; what comes in it rings as one when it closes. 0: each rings; None: as the
    operator set it."""
    flood_per_minute: int | None = None
    """So many new messages ring in a minute, what comes beyond them rings as one at its end. 0: each rings; None: as the
    operator set it."""
    fall_through_seconds: int | None = None
    """How long a notification waits for one endpoint before the next in the list is tried. None: the default."""
    hushed: tuple[Hushed, ...] = ()
    withdraw: bool = False
    """A message that is read or gone elsewhere is taken back."""
    remind_after_seconds: int | None = None
    """A message that is unread so long after it rang rings again, once."""
    content_limit_bytes: int | None = None
    """Of payload ``content``: the largest message that is told whole. None: the default."""

    @property
    def told(self) -> bool:
        """Is it to be remembered which messages rang?"""
        return self.withdraw or self.remind_after_seconds is not None


NO_PREFERENCES = Preferences()
