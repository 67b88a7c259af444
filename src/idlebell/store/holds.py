"""New mail that rings later: what a subscription holds. Pure: every store makes the same of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Reminder
from idlebell.model.preferences import Preferences
from idlebell.model.trail import told_at
from idlebell.model.verdict import Outcome
from idlebell.rules import pace, schedule
from idlebell.rules.merge import merged
from idlebell.rules.pace import NEVER, NO_PACE, Lately, Pace
from idlebell.rules.schedule import RINGS, Held, Rings, Timing

MERGED_AT_ONCE: Final = 500
"""Notifications that wait behind a retry and become one in one step: it bounds how long every other writer waits for it."""


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
    wish: Preferences,
    content: NewMail | Reminder,
    came_at: datetime,
    now: datetime,
    lately: Lately = NEVER,
    pace: Pace = NO_PACE,
) -> Timing:
    return schedule.place(
        wish, came_at, now, vip=isinstance(content, NewMail) and content.vip, lately=lately, pace=pace
    )


def after_coming(
    wish: Preferences, content: NewMail, at: datetime, lately: Lately, limits: Pace, *, rings: bool
) -> Lately:
    """What a subscription has heard lately once ``content`` has come, which ``rings`` now or is held. A VIP's counts for
    nothing."""
    if content.vip:
        return lately
    limits = limits.of(wish)
    if rings and schedule.gap(wish, limits)[0]:
        lately = replace(lately, rung_at=at)
    return pace.came(lately, limits, content.count, at, held=not rings)


def after_release(wish: Preferences, content: NewMail, now: datetime, lately: Lately, limits: Pace) -> Lately:
    """The same once what was held rings."""
    limits = limits.of(wish)
    if schedule.gap(wish, limits)[0]:
        lately = replace(lately, rung_at=now)
    return pace.released(lately, limits, content.count, now)


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


def unsent(hold: tuple[NotificationId, datetime] | None, at: datetime) -> Unsent:
    """Of what came ``at``. ``hold``: which it became, and when that rings; None: it is silenced."""
    if hold is None:
        return Outcome.MUTED, "it was muted, or in quiet hours that drop what comes", None
    one, until = hold
    because = "quiet hours, a digest, the day's allowance, or others just before it"
    # What was held may be placed anew with what has come: then nobody knows yet until when.
    return Outcome.HELD, f"{because}, until {told_at(until)}" if until > at else because, one
