"""How often one may ask: an address for registrations, a key for anything, a subscription for looks. Pure; ``now`` is in
seconds, monotonic."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from typing import Final

from idlebell.net.addresses import network_of

ADDRESSES: Final = 10_000
"""Remembered; the one that asked longest ago is forgotten, and is full again by then."""
WINDOW_SECONDS: Final = 60
KEY_POLICY: Final = "key"
"""What an API key may ask."""
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of one, as it is told to who spends it. ``more_in_seconds``: until there is one more than ``left``;
    ``spent``: there was none left for this one, which is to come again after that."""

    policy: str
    per_minute: int
    left: int
    more_in_seconds: int
    spent: bool = False


class RateLimit:
    """A bucket of ``per_minute`` for each who asks (an address, an id), filled evenly. 0: no limit. ``policy``: its name."""

    __slots__ = ("_buckets", "_per_minute", "_policy")

    def __init__(self, per_minute: int, policy: str = "") -> None:
        self._per_minute = per_minute
        self._policy = policy
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, now: float) -> Quota | None:
        """Counts one, if there is one left. None: there is no limit."""
        if not self._per_minute:
            return None
        who = network_of(who)
        left = self._left(who, now)
        spent = left < 1
        if not spent:
            left -= 1
        self._buckets[who] = (left, now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return self._told(left, spent=spent)

    def look(self, who: str, now: float) -> Quota | None:
        """As :meth:`take`, and nothing is counted."""
        if not self._per_minute:
            return None
        left = self._left(network_of(who), now)
        return self._told(left, spent=left < 1)

    def wait_seconds(self, who: str, now: float) -> int:
        """0, and one is counted; or how long to wait, rounded up to whole seconds."""
        found = self.take(who, now)
        return found.more_in_seconds if found is not None and found.spent else 0

    def _left(self, who: str, now: float) -> float:
        left, at = self._buckets.get(who, (float(self._per_minute), now))
        return min(float(self._per_minute), left + (now - at) * self._per_minute / WINDOW_SECONDS)

    def _told(self, left: float, *, spent: bool) -> Quota:
        whole = int(left + _ROUNDING)
        more = max(1, ceil((whole + 1 - left) * WINDOW_SECONDS / self._per_minute - _ROUNDING))
        return Quota(self._policy, self._per_minute, whole, more, spent)
