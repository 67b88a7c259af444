"""When a session is looked at next. Pure.

RFC 2177: a client is advised to end and restart IDLE at least every 29 minutes. Providers and the boxes on the way forget a
quiet connection much sooner, so the cycle starts at nine minutes.
"""

from __future__ import annotations

from dataclasses import dataclass

STARTING_SECONDS = 540.0
"""Under the shortest lifetime of an idle session that a large provider is known for (10 minutes)."""
SETTLE_SECONDS = 30.0
"""After an arrival one look comes early: a message that came between the FETCH and IDLE gets no EXISTS of its own on some
servers."""
JITTER = 0.1
"""Part of an interval by which it is shortened at random, so that sessions opened together do not cycle together."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """All in seconds. ``idle``: from IDLE to its restart; ``poll``: between looks where the server has no IDLE, and at
    mailboxes that have no session of their own."""

    idle: float = STARTING_SECONDS
    poll: float = 60.0

    @classmethod
    def of(cls, idle_restart_seconds: float, probe_seconds: float, poll_seconds: float) -> Cadence:
        """``probe_seconds`` 0: no wish; never longer than ``idle_restart_seconds``."""
        return cls(min(probe_seconds or STARTING_SECONDS, idle_restart_seconds), poll_seconds)

    def next_cycle(self, *, idles: bool, settled: bool, entropy: float) -> float:
        """How long to wait before the next look. ``settled``: nothing came at the last one. ``entropy`` is in [0, 1)."""
        interval = self.idle if idles else self.poll
        if idles and not settled:
            interval = min(interval, SETTLE_SECONDS)
        return interval * (1.0 - JITTER * entropy)
