"""Looks at the messages of a mailbox for whoever may see them, asked of the session that is open."""

from __future__ import annotations

import asyncio
from typing import Final

from idlebell.gateway.callers import Caller
from idlebell.gateway.limits import RateLimit
from idlebell.gateway.means import Means
from idlebell.imap.responses import FetchData
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import Subscription, has_shown_right
from idlebell.net.look_inbox import Look, LookInbox
from idlebell.telemetry.status import Watch

ANSWER_SECONDS: Final = 10.0
"""A form waits for its preview no longer."""
LOOKS_PER_MINUTE: Final = 30
"""Of one subscription: a form that asks at every pause of its user."""


class Looking:
    def __init__(self, means: Means, looks: LookInbox) -> None:
        self._means = means
        self._looks = looks
        self._limit = RateLimit(LOOKS_PER_MINUTE)

    def allow(self, caller: Caller) -> None:
        """ProblemError ``needs-tls``."""
        if not caller.secure:
            raise ProblemError(Problem("needs-tls", "What is in a mail must not be read on the way."))

    async def look(self, found: Subscription, look: Look) -> tuple[FetchData, ...]:
        """ProblemError: ``no-session``, ``too-many-requests`` and what a look may come to."""
        self._open(found, look.mailbox)
        if wait := self._limit.wait_seconds(found.id, self._means.clock.monotonic()):
            raise ProblemError(_too_many(wait))
        if not self._looks.ask(found.account_id, look):
            raise ProblemError(_too_many(1))
        try:
            self._means.nudge(found.account_id)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await look.answer
        except TimeoutError:
            raise ProblemError(Problem("no-session", "The mail server did not answer in time.")) from None
        finally:
            self._looks.take_back(found.account_id, look)
        if isinstance(answer, Fault):
            raise ProblemError(answer.problem())
        return answer

    def _open(self, found: Subscription, mailbox: str) -> None:
        """Who has not shown a right to the account sees nothing of it."""
        status = self._means.status.of(found.account_id)
        watched = status.mailboxes.get(mailbox) if status is not None else None
        if not (found.wanted and has_shown_right(found)) or watched is None or watched.watch is not Watch.WATCHING:
            raise ProblemError(Problem("no-session", "The mailbox is not being watched now."))


def _too_many(seconds: int) -> Problem:
    return Problem("too-many-requests", "The mailbox is being looked into too often.", retry_after_seconds=seconds)
