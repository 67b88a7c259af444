"""Where logins stand in line until :class:`~idlebell.login.admission.Admission` lets them go."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from idlebell.login.admission import Admission, Outcome, Ticket
from idlebell.net.clock import Clock

LEAST_WAIT_SECONDS: Final = 0.001
"""A timer that is a hair too early must not make a turn of nothing."""


class Gate:
    """One for a process."""

    def __init__(self, admission: Admission, clock: Clock) -> None:
        self._admission = admission
        self._clock = clock
        self._futures: dict[Ticket, asyncio.Future[None]] = {}
        self._later: asyncio.Task[None] | None = None
        self._soon = False

    async def enter(self, host: str, *, patience_seconds: float | None) -> Ticket:
        """Returns when it is one's turn; :meth:`leave` must follow. TimeoutError: it did not come in time, and nothing must
        follow. ``patience_seconds`` None: nobody waits for an answer, so it takes as long as it takes."""
        ticket = self._admission.join(host, self._clock.monotonic(), urgent=patience_seconds is not None)
        future = self._futures[ticket] = asyncio.get_running_loop().create_future()
        self._turn()
        try:
            async with asyncio.timeout(patience_seconds):
                await future
        except BaseException:
            self.leave(ticket, Outcome.NOTHING)
            raise
        finally:
            del self._futures[ticket]
        return ticket

    def leave(self, ticket: Ticket, outcome: Outcome) -> None:
        self._admission.leave(ticket, outcome, self._clock.monotonic())
        self._turn()

    def _turn(self) -> None:
        """One look in each turn of the loop, however many come and go in it."""
        if not self._soon and self._admission.waiting:
            self._soon = True
            asyncio.get_running_loop().call_soon(self._admit, time.thread_time())

    def _admit(self, computed_then: float) -> None:
        self._soon = False
        if self._later is not None:
            self._later.cancel()
            self._later = None
        now = self._clock.monotonic()
        # What we computed in this turn; what others did on the machine meanwhile is not for us to slow down for.
        self._admission.lagged(time.thread_time() - computed_then, now)
        admitted, again = self._admission.admit(now)
        for ticket in admitted:
            future = self._futures[ticket]
            if not future.done():  # whoever was cancelled in this very turn leaves in the next
                future.set_result(None)
        if again == 0.0:
            self._turn()
        elif again is not None:
            self._later = asyncio.create_task(self._turn_in(again), name="gate")

    async def _turn_in(self, seconds: float) -> None:
        await self._clock.sleep(max(LEAST_WAIT_SECONDS, seconds))
        self._later = None
        self._turn()
