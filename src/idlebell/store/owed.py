"""When messages that rang ring again. Pure: every store makes the same of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.preferences import Preferences
from idlebell.rules.pace import NO_PACE, Lately
from idlebell.rules.schedule import Held, Rings, Silenced, gap, place
from idlebell.store.routes import EPOCH

TOGETHER: Final = timedelta(minutes=1)
"""What rang within one minute is asked about and rings again together: a burst of mail is no burst of reminders, and a session
is woken once for all of it. So a reminder is this late at the most."""
UNDELIVERED_PAUSE: Final = timedelta(minutes=1)
"""While the ring itself still waits to be delivered, its reminder waits, too."""


def due_at(wish: Preferences, at: datetime) -> datetime | None:
    """When what rings ``at`` rings again; None: never."""
    if wish.remind_after_seconds is None:
        return None
    due = at + timedelta(seconds=wish.remind_after_seconds) - EPOCH
    return EPOCH + due + -due % TOGETHER


def moved_by(before: Preferences, after: Preferences) -> timedelta | None:
    """By how much later what is owed is due; None: it is owed no more."""
    if after.remind_after_seconds is None:
        return None
    return timedelta(seconds=after.remind_after_seconds - (before.remind_after_seconds or after.remind_after_seconds))


def rings_at(wish: Preferences, now: datetime, lately: Lately, *, ring_waits: bool) -> datetime | None:
    """When reminders that are due ``now`` ring; None: never. ``ring_waits``: a ring is not delivered yet. What the operator set
    for bursts of new mail is not for them."""
    if ring_waits:
        return now + UNDELIVERED_PAUSE
    match place(wish, now, now, lately=lately):
        case Rings():
            return now
        case Held(until):
            return until
        case Silenced():
            return None


def after_ringing(wish: Preferences, now: datetime, lately: Lately) -> Lately:
    """What a subscription has heard lately once it was reminded."""
    return replace(lately, rung_at=now) if gap(wish, NO_PACE.of(wish))[0] else lately
