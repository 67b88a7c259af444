"""How many pushes a push service gets at once, learnt from how it answers: more by and by, half of it at once. Pure: times are
monotonic seconds.

TCP's way with a network of unknown width (RFC 5681 section 3.1): additive up, multiplicative down, once for each window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST: Final = 1.0
LATE_FACTOR: Final = 3.0
LATE_SECONDS: Final = 0.5
"""An answer is late that takes longer than both this and ``LATE_FACTOR`` of the quickest: pushes stand in line there. One that
comes within half a second never does."""
DRIFT: Final = 1.01
"""The quickest answer is forgotten by so much with each: a service that has become slower for good is taken for what it is
after some hundred."""


@dataclass(slots=True)
class Window:
    """``size``: pushes at once, as far as it is learnt. ``most``: its bound."""

    size: float
    most: float
    quickest_seconds: float = float("inf")
    cut_at: float = float("-inf")

    def accepted(self, took_seconds: float, begun_at: float, now: float, *, full: bool) -> None:
        """``full``: as many were under way as it allows; how it would bear more is not known otherwise (RFC 7661)."""
        self.quickest_seconds = min(took_seconds, self.quickest_seconds * DRIFT)
        if took_seconds > max(LATE_SECONDS, LATE_FACTOR * self.quickest_seconds):
            self.cut(begun_at, now)
        elif full:
            self.size = min(self.most, self.size + 1 / self.size)

    def cut(self, begun_at: float, now: float) -> None:
        """Too much. What was begun before the last cut tells of the window before it."""
        if begun_at >= self.cut_at:
            self.size = max(LEAST, self.size / 2)
            self.cut_at = now

    def begin_again(self) -> None:
        """It was down: all that waits shall not come at once."""
        self.size = LEAST
