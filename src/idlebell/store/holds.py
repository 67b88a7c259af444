"""New mail that rings later: what a subscription holds. Pure: every store makes the same of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeAlias

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail
from idlebell.model.preferences import Preferences
from idlebell.model.trail import told_at
from idlebell.model.verdict import Outcome
from idlebell.rules import schedule
from idlebell.rules.merge import merged
from idlebell.rules.schedule import RINGS, Held, Rings, Timing


@dataclass(frozen=True, slots=True)
class Hold:
    """``id``: of the notification that it becomes. ``at``: when the latest of it came. ``keep``: how long it is of use from
    when it rings."""

    id: NotificationId
    content: NewMail
    at: datetime
    due_at: datetime
    keep: timedelta

    def draft(self, subscription: SubscriptionId, now: datetime) -> Draft:
        """As it rings now."""
        return Draft(subscription, self.content, at=self.at, due_at=now, expires_at=now + self.keep)


def placed(
    wish: Preferences, content: NewMail, came_at: datetime, now: datetime, rung_at: datetime | None = None
) -> Timing:
    return schedule.place(wish, came_at, now, vip=content.vip, rung_at=rung_at)


def held(
    hold: Hold | None, draft: Draft, content: NewMail, timing: Rings | Held, new_id: Callable[[], NotificationId]
) -> Hold | None:
    """What is held after ``draft`` has come. None: it rings by itself. Where something is held already it comes to that, and
    as early as either may ring; but what rings through everything waits for nothing."""
    if content.vip or (hold is None and timing == RINGS):
        return None
    until = timing.until if isinstance(timing, Held) else draft.due_at
    keep = draft.expires_at - draft.due_at
    new = Hold(new_id() if hold is None else hold.id, content, draft.at, until, keep)
    return new if hold is None else joined(hold, new)


def joined(one: Hold, other: Hold) -> Hold:
    """``other`` comes to ``one``, which stays the same."""
    earlier, later = (one, other) if one.at <= other.at else (other, one)
    return replace(
        later,
        id=one.id,
        content=merged(earlier.content, later.content),
        due_at=min(one.due_at, other.due_at),
        keep=max(one.keep, other.keep),
    )


Unsent: TypeAlias = tuple[Outcome, str, NotificationId | None]
"""What became of mail that rings, but not now, a sentence, and the notification that is to tell of it."""


def unsent(hold: tuple[NotificationId, datetime] | None) -> Unsent:
    """``hold``: which it became, and when that rings; None: it is silenced."""
    if hold is None:
        return Outcome.MUTED, "it was muted, or in quiet hours that drop what comes", None
    one, until = hold
    return Outcome.HELD, f"quiet hours, or a digest, until {told_at(until)}", one
