"""How fast a subscription may ring: what the operator set for all, and what has come to one of late. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.preferences import Preferences

MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Pace:
    """``coalesce_seconds``, ``flood_per_minute``: as in Preferences. 0: none."""

    coalesce_seconds: float = 0.0
    flood_per_minute: int = 0

    def of(self, wish: Preferences) -> Pace:
        """Of a subscription that wishes this, where ``self`` is what the operator set."""
        coalesce, flood = wish.coalesce_seconds, wish.flood_per_minute
        if coalesce is None and flood is None:
            return self
        return Pace(
            self.coalesce_seconds if coalesce is None else coalesce, self.flood_per_minute if flood is None else flood
        )

    @property
    def limits(self) -> bool:
        return self.coalesce_seconds > 0 or self.flood_per_minute > 0


NO_PACE: Final = Pace()


@dataclass(frozen=True, slots=True)
class Lately:
    """``rung_at``: when the subscription rang last, as far as digest and coalescing count it; None: it did not. ``minute_at``:
    when the minute began in which ``came`` new messages have come, as far as a flood counts them."""

    rung_at: datetime | None = None
    minute_at: datetime | None = None
    came: int = 0


NEVER: Final = Lately()


def flood_until(lately: Lately, pace: Pace, now: datetime) -> datetime | None:
    """When the minute is over that holds as much already as may ring by itself; None: it does not."""
    if not pace.flood_per_minute or lately.came < pace.flood_per_minute or not _counting(lately, now):
        return None
    assert lately.minute_at is not None
    return lately.minute_at + MINUTE


def came(lately: Lately, pace: Pace, count: int, now: datetime, *, held: bool) -> Lately:
    """So many more new messages, which are ``held`` or ring. What comes to a hold begins no minute: the one that it waits for
    may just be over."""
    if not pace.flood_per_minute:
        return lately
    if _counting(lately, now) or (held and lately.minute_at is not None and lately.minute_at <= now):
        return replace(lately, came=lately.came + count)
    return replace(lately, minute_at=now, came=count)


def released(lately: Lately, pace: Pace, count: int, now: datetime) -> Lately:
    """What was held rings, ``count`` messages. Where that was the rest of a flood, and more than may come in a minute, the
    flood goes on: the next minute rings at its end only."""
    if not pace.flood_per_minute:
        return lately
    flooded = lately.minute_at is not None and lately.came >= pace.flood_per_minute
    if flooded and count > pace.flood_per_minute and now < (lately.minute_at or now) + 2 * MINUTE:
        return replace(lately, minute_at=now, came=pace.flood_per_minute)
    return replace(lately, minute_at=now, came=0)


def _counting(lately: Lately, now: datetime) -> bool:
    """Is the minute not over yet? The clock may have been set back since it began."""
    return lately.minute_at is not None and lately.minute_at <= now < lately.minute_at + MINUTE
