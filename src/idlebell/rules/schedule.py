"""When a message may ring: mute, quiet hours, digest, coalescing and floods. Pure.

Local times are read as RFC 5545 section 3.3.5 reads them: one that the clock jumps over is taken with the offset from before
the jump, one that comes twice is the first of both. The time zone database is the system's, or the package tzdata.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from idlebell.model.preferences import Preferences, QuietHours, Then
from idlebell.rules.pace import NEVER, NO_PACE, Lately, Pace, flood_until

_DAY: Final = timedelta(days=1)
_ABUTTING: Final = 8
"""Windows in a row: whole days of quiet follow each other, and one day in a week has none."""
_AROUND: Final = (-2, -1, 0, 1)
"""Days from the local date of a moment on which a window may begin that holds it: it ends on the next day at the latest, and a
zone may skip a day or have one twice (Samoa did, in 2011)."""


class Why(StrEnum):
    MUTED = "muted"
    QUIET_HOURS = "quiet hours"
    DIGEST = "digest"
    COALESCED = "coalescing"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Rings:
    """Now."""


@dataclass(frozen=True, slots=True)
class Held:
    """It rings at ``until``, with all that is held by then."""

    until: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Silenced:
    """It never rings."""

    why: Why


Timing: TypeAlias = Rings | Held | Silenced
RINGS: Final = Rings()


@dataclass(frozen=True, slots=True)
class Window:
    """From ``begin`` until just before ``end``, in UTC."""

    begin: datetime
    end: datetime


def scheduled(wish: Preferences) -> bool:
    """May anything but :data:`RINGS` come of it, now or ever, or may nothing but that where the operator would have it else?"""
    return any(one is not None for one in _timed(wish))


def reschedules(before: Preferences, after: Preferences) -> bool:
    """Has it changed when messages may ring?"""
    return _timed(before) != _timed(after)


def gap(wish: Preferences, pace: Pace) -> tuple[timedelta, Why]:
    """The least time from one ring to the next, and what asks for it. Zero: none. ``pace``: its own."""
    coalesced, digest = timedelta(seconds=pace.coalesce_seconds), timedelta(minutes=wish.digest_minutes or 0)
    return (digest, Why.DIGEST) if digest >= coalesced else (coalesced, Why.COALESCED)


def place(
    wish: Preferences,
    came_at: datetime,
    now: datetime,
    *,
    vip: bool = False,
    lately: Lately = NEVER,
    pace: Pace = NO_PACE,
) -> Timing:
    """When what came at ``came_at`` rings, by what is wished ``now``. ``vip``: it rings through all of it. ``lately``: what the
    subscription has heard before this. ``pace``: what the operator set.

    What came in quiet hours that drop is silenced; what came before them and could not ring is held to their end. A mute
    silences whatever would ring in it.
    """
    if vip:
        return RINGS
    if wish.muted_until is not None and now < wish.muted_until:
        return Silenced(Why.MUTED)
    quiet = wish.quiet_hours
    if quiet is not None and quiet.then is Then.DROP and window_at(quiet, came_at) is not None:
        return Silenced(Why.QUIET_HOURS)
    pace = pace.of(wish)
    at = now
    least, why = gap(wish, pace)
    if least and lately.rung_at is not None:
        # The clock may have been set back since it rang.
        at = max(now, min(lately.rung_at, now) + least)
    if (over := flood_until(lately, pace, now)) is not None and over > at:
        at, why = over, Why.FLOOD
    if quiet is not None and (end := quiet_until(quiet, at)) is not None:
        at, why = end, Why.QUIET_HOURS
    return RINGS if at <= now else Held(at, why)


def quiet_until(quiet: QuietHours, moment: datetime) -> datetime | None:
    """When the quiet that ``moment`` lies in is over; None: it lies in none. Windows that follow each other are one."""
    end: datetime | None = None
    for _ in range(_ABUTTING):
        window = window_at(quiet, end or moment)
        if window is None:
            break
        end = window.end
    return end


def window_at(quiet: QuietHours, moment: datetime) -> Window | None:
    """The window that ``moment`` lies in. None also where the zone is not known any more: a ring too many is better than one
    too few."""
    zone = _zone(quiet.tz)
    if zone is None:
        return None
    today = moment.astimezone(zone).date()
    for days in _AROUND:
        window = _window(quiet, zone, today, days)
        if window is not None and window.begin <= moment < window.end:
            return window
    return None


def _timed(wish: Preferences) -> tuple[object, ...]:
    return wish.muted_until, wish.quiet_hours, wish.digest_minutes, wish.coalesce_seconds, wish.flood_per_minute


def _window(quiet: QuietHours, zone: ZoneInfo, today: date, days: int) -> Window | None:
    """The one that begins so many days from today, if one does. Where the clock jumps over more than all of it, none does."""
    try:
        day = today + days * _DAY
        if day.weekday() not in quiet.days:
            return None
        last = day if quiet.begin < quiet.end else day + _DAY
        begin = datetime.combine(day, quiet.begin, zone).astimezone(UTC)
        return Window(begin, datetime.combine(last, quiet.end, zone).astimezone(UTC))
    except OverflowError:  # at the ends of the calendar
        return None


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)  # which keeps those that are in use
    except (KeyError, ValueError, OSError):
        return None
