"""What the sessions of a server have taught about it, shared by all its accounts and kept in the store.

Three things: how long it bears a quiet session, how many sessions of one account, and how far its clock may be behind ours.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.learnt import Learnt
from idlebell.net.clock import Clock
from idlebell.store.contract import StoreError
from idlebell.store.learnings import Learnings
from idlebell.telemetry.facts import CycleLearnt, Emit, StoreFailed
from idlebell.watch.cadence import LENGTHENED_AFTER_SECONDS, Cadence, same_timeout

HOSTS: Final = 10_000
"""As many as the store keeps."""
AHEAD_MOST_SECONDS: Final = 86_400.0
"""A message that is dated further in the future was given its date by a client, not by any clock."""
LIMIT_KEPT_SECONDS: Final = 86_400.0
"""Then a server that refused a session is asked for as many as before."""
LAG_STEP_SECONDS: Final = 60.0
"""A smaller change of a clock's lag is not worth a write."""
FULL_CYCLE: Final = 0.8
"""A quiet wait of this part of the cycle that a server bears shows that it still does."""
_NOTHING: Final = Learnt()


@dataclass(slots=True)
class _Quiet:
    """The last quiet session of a server that was hung up on. ``taught_at``: when one last shortened the cycle."""

    age: float
    at: float
    taught_at: float = -math.inf


class Hosts:
    """One for a process. What cannot be written is known until the process ends."""

    def __init__(
        self, store: Learnings, clock: Clock, cadence: Cadence, emit: Emit, budget: Callable[[str], int]
    ) -> None:
        """``budget``: how many sessions of one account a server is asked to bear, before anything is learnt."""
        self._store = store
        self._clock = clock
        self._cadence = cadence
        self._emit = emit
        self._budget = budget
        self._known: dict[str, Learnt] = {}
        self._losses: dict[str, _Quiet] = {}
        self._limited_at: dict[str, float] = {}  # as many as have a learnt number of sessions
        self._writes: set[asyncio.Task[None]] = set()

    async def load(self) -> None:
        """StoreError: nothing is known yet."""
        self._known = await self._store.learnt()

    async def close(self) -> None:
        await asyncio.gather(*self._writes, return_exceptions=True)

    # --- what is known ---

    def idle_seconds(self, host: str) -> float | None:
        return self._of(host).idle_seconds

    def sessions(self, host: str) -> int:
        learnt = self._of(host).sessions
        budget = self._budget(host)
        if learnt is None:
            return budget
        if self._clock.monotonic() - self._limited_at.setdefault(host, self._clock.monotonic()) >= LIMIT_KEPT_SECONDS:
            # The user's own clients may have held them that day.
            del self._limited_at[host]
            self._learn(host, sessions=None)
            return budget
        return min(learnt, budget)

    def clock_lag_seconds(self, host: str) -> float | None:
        """At most so far is its clock behind ours; None: nothing of it is known."""
        return self._of(host).clock_lag_seconds

    # --- what teaches ---

    def saw_date(self, host: str, date: datetime) -> None:
        """A message of the server is dated so (INTERNALDATE), and the server knew no later time when it dated it."""
        lag = (self._clock.now() - date).total_seconds()
        if lag < -AHEAD_MOST_SECONDS:
            return
        lag = max(0.0, lag)
        known = self._of(host).clock_lag_seconds
        if known is None or lag < known:
            self._learn(host, write=known is None or known - lag >= LAG_STEP_SECONDS, clock_lag_seconds=lag)

    def forget_clocks(self) -> None:
        """Our own clock was set: what was learnt of theirs was measured by it."""
        for host in [*self._known]:
            self.forget_clock(host)

    def forget_clock(self, host: str) -> None:
        """Its clock was set back, or what was learnt of it came from a date that some client had made up."""
        if self._of(host).clock_lag_seconds is not None:
            self._learn(host, clock_lag_seconds=None)

    def hung_up(self, host: str, age: float, *, silently: bool) -> None:
        """A quiet session has ended after ``age`` seconds in which neither side said anything."""
        learnt = self._of(host)
        now = self._clock.monotonic()
        before = self._losses.get(host)
        if len(self._losses) >= HOSTS:
            self._losses.clear()
        taught_at = before.taught_at if before is not None else -math.inf
        self._losses[host] = loss = _Quiet(age, now, taught_at)
        known = before.age if before is not None else None
        if silently:
            # One outage is one lesson: whoever was quiet before the cycle was shortened does not tell of the shorter one.
            teaches = now - age >= taught_at
        else:
            teaches = same_timeout(age, known, now - before.at if before is not None else 0.0)
        if not teaches:
            self._learn(host, write=False, quiet_since=self._clock.now())
            return
        loss.taught_at = now
        seconds = self._cadence.shortened(learnt.idle_seconds, age, silently=silently)
        self._learn(host, idle_seconds=seconds, quiet_since=self._clock.now())
        self._emit(CycleLearnt(host, seconds, "shortened"))

    def bore_quiet(self, host: str, seconds: float) -> None:
        """A session of the server has lived through ``seconds`` of quiet. A whole cycle of it shows that it still bears one."""
        learnt = self._of(host)
        if seconds < FULL_CYCLE * self._cadence.bears(learnt.idle_seconds):
            return
        now = self._clock.now()
        if learnt.quiet_since is None:
            self._learn(host, write=False, quiet_since=now)
        elif now - learnt.quiet_since >= timedelta(seconds=LENGTHENED_AFTER_SECONDS):
            seconds = self._cadence.lengthened(learnt.idle_seconds)
            self._learn(host, idle_seconds=seconds, quiet_since=now)
            if seconds != learnt.idle_seconds:
                self._emit(CycleLearnt(host, seconds, "lengthened"))

    def limited(self, host: str, held: int) -> None:
        """It refused one session more of an account that has ``held``."""
        if held >= 1 and held < self.sessions(host):
            self._limited_at[host] = self._clock.monotonic()
            self._learn(host, sessions=held)

    # inside

    def _of(self, host: str) -> Learnt:
        return self._known.get(host, _NOTHING)

    def _learn(self, host: str, *, write: bool = True, **changes: object) -> None:
        if host not in self._known and len(self._known) >= HOSTS:
            del self._known[next(iter(self._known))]
        self._known[host] = replace(self._of(host), **changes)  # type: ignore[arg-type]
        if write:
            task = asyncio.get_running_loop().create_task(self._write(host, self._known[host]))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def _write(self, host: str, learnt: Learnt) -> None:
        try:
            await self._store.learn(host, learnt)
        except StoreError as error:
            self._emit(StoreFailed(str(error)))
