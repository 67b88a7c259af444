"""What became of one message for one subscription when it was found, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from idlebell.model.ids import SubscriptionId


class Outcome(StrEnum):
    """In the order in which it is asked; the first that fits counts."""

    NOT_NEW = "not-new"
    """Nobody's new mail: deleted when it was found, or a draft."""
    BELOW_FLOOR = "below-floor"
    """It was there before the subscription came, or came while it was paused."""
    MARKED = "marked"
    """Filed or already read, and the subscription did not ask for such ones (``also``)."""
    ALREADY_TOLD = "already-told"
    """The same mail under another UID or in another mailbox."""
    FILTERED = "filtered"
    HUSHED = "hushed"
    """Its sender or list rings no more."""
    MUTED = "muted"
    HELD = "held"
    """Told later: quiet hours, a digest, the day's allowance, or others just before it."""
    WITHDRAWN = "withdrawn"
    """Read or gone elsewhere before it was told."""
    RINGS = "rings"


@dataclass(frozen=True, slots=True)
class Verdict:
    """``because``: sentences for the user, the deciding one first; they may quote the message, in bounds."""

    subscription_id: SubscriptionId
    uid: int
    outcome: Outcome
    because: tuple[str, ...] = ()
    vip: bool = False
    """It rings through its subscription's schedule, by a notification of its own."""
