"""The fleet's books on one account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from idlebell.model.account import Account
from idlebell.model.problem import Fault
from idlebell.watch.look import Books
from idlebell.watch.recovery import Backoff
from idlebell.watch.watcher import Watcher

STEADY_SECONDS = 60.0
"""A session that lived for so long was a good one: the pauses before the next begin anew. One that a server lets in and drops
at once is not opened every second."""


@dataclass(slots=True)
class Held:
    """While the account has a session that is awake, or none."""

    account: Account
    wanted: tuple[str, ...] = ()
    found_by_list: bool = False
    """Some of them are those of a selection."""
    books: Books = field(default_factory=Books)
    watchers: list[Watcher] = field(default_factory=list)
    reopening: asyncio.Task[None] | None = None
    fault: Fault | None = None
    """Why the last session ended."""
    attempts: int = 0
    """Sessions that were opened again in a row, or could not be, for one way of waiting and without one that lived for
    :data:`STEADY_SECONDS`."""
    waits: Backoff | None = None
    """The way of waiting: what made a network's pauses long is no reason to leave a server alone for an hour that once asks
    for less."""
    hastened: bool = False
    """Its pause was cut short where somebody else got in, and no session has lived for :data:`STEADY_SECONDS` since."""
    served: bool = False
    """A session runs, and the store knows: no loss is open."""

    @property
    def plain(self) -> bool:
        """Is there nothing to be remembered beside what a parked session tells?"""
        return not (self.attempts or self.hastened or self.fault) and self.books.plain

    def steady(self, opened_at: float, now: float) -> bool:
        """Was its session, opened at ``opened_at``, a good one? Then the pauses before the next begin anew."""
        steady = now - opened_at >= STEADY_SECONDS
        if steady:
            self.attempts = 0
            self.hastened = False
        return steady
