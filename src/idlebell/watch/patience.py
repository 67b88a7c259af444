"""How long a server that keeps stirring for nothing is left alone. Pure.

A look costs us a millisecond or two, and a server that says EXISTS whenever IDLE begins, or in every answer, could have a
hundred of them a second for ever. Mail is never made to wait for it: a look that finds a message clears what has gathered.
"""

from __future__ import annotations

from typing import Final

TURNS_FREE: Final = 30.0
"""In a row: a user who moves old mail about, or whose other client tidies up, stirs us for nothing this often."""
FORGOTTEN_PER_SECOND: Final = 1.0
"""Turns; what a server may have for ever."""
PAUSE_STEP_SECONDS: Final = 0.1
"""Longer for each turn beyond those."""
PAUSE_LONGEST_SECONDS: Final = 2.0
"""Mail that comes in the middle of all that rings so much later at most."""


class Patience:
    """Of one session."""

    __slots__ = ("_at", "_turns")

    def __init__(self) -> None:
        self._turns = 0.0
        self._at = 0.0

    def turn(self, now: float) -> float:
        """Before the session is turned to once more: seconds to leave it alone. ``now``: by the monotonic clock."""
        forgotten = (now - self._at) * FORGOTTEN_PER_SECOND
        self._turns = max(0.0, self._turns - forgotten) + 1.0
        self._at = now
        return min(PAUSE_LONGEST_SECONDS, max(0.0, self._turns - TURNS_FREE) * PAUSE_STEP_SECONDS)

    def rewarded(self) -> None:
        """There was mail."""
        self._turns = 0.0
