"""What is handed on from a session that was parked to the watcher that goes on with it."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.watch.canned import Turn
from idlebell.watch.strategy import Chosen


@dataclass(frozen=True, slots=True)
class LeftOff:
    """What a session that was parked knows of itself. ``due_at``: the end of the wait, or when the answer that ``turn`` waits
    for is overdue. ``exists``: messages at its last look; ``settled``: nothing came then."""

    turn: Turn
    due_at: float
    chosen: Chosen
    probes: int
    exists: int | None
    settled: bool
