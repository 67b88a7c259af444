"""Reading back the code that an endpoint was sent."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from idlebell.gateway.callers import Caller
from idlebell.gateway.forms import confirmed
from idlebell.gateway.means import Means
from idlebell.gateway.shapes import SubscriptionView, VerifyRequest
from idlebell.model.endpoint import Endpoint, Endpoints, Provable, asked_of, unproven
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.proof import CODE_LIVES, PROVEN, TRIES_MAX, Demands
from idlebell.model.secret import Secret
from idlebell.model.subscription import Phase, StandingProblem, Subscription

CODE_CHARACTERS_MAX: Final = 200
"""Of what is read back; the longest code has 32."""


@dataclass(frozen=True, slots=True)
class Reading:
    """``right``: it was one of the codes. ``left``: how many wrong ones may follow; 0: no code stands."""

    endpoints: Endpoints
    right: bool
    left: int


def read_back(endpoints: Endpoints, code: bytes, now: datetime) -> Reading:
    """Pure. A wrong code counts against each that stands, a right one proves every endpoint that it was sent to. Each
    comparison takes the same time wherever the codes differ, and all are made."""
    standing = [asked for _, own in endpoints if (asked := asked_of(own)) is not None and asked.stands(now)]
    right = [asked for asked in standing if _same(asked.code, code)]

    def read(own: Endpoint) -> Endpoint:
        asked = asked_of(own)
        if asked is None or not isinstance(own, Provable) or not asked.stands(now):
            return own
        if asked in right:
            return replace(own, proof=PROVEN)
        return own if right else replace(own, proof=replace(asked, tries=asked.tries + 1))

    left = max((TRIES_MAX - asked.tries - 1 for asked in standing), default=0)
    return Reading(endpoints.mapped(read), bool(right), left)


class Verifying:
    def __init__(self, means: Means) -> None:
        self._means = means

    async def verify(self, subscription: str, request: VerifyRequest, caller: Caller) -> SubscriptionView:
        """The subscription as it is then. ProblemError ``code-wrong``; without a code ``too-many-requests`` where none can be
        sent now. One that has nothing to show is left as it is: a code may be read back twice."""
        return await self.of(await self._means.visible(subscription, caller), request)

    async def of(self, found: Subscription, request: VerifyRequest) -> SubscriptionView:
        """As :meth:`verify`, of one that is the caller's."""
        means = self._means
        if found.phase is not Phase.ACTIVE:
            detail = "The subscription is over, or has not shown its right to the account yet."
            raise ProblemError(Problem("conflict", detail))
        if not _unproven(found, means.policy.demands):
            return await means.view(found)
        if request.code is None:
            return await self._ask_anew(found)
        return await self._read_back(found, request.code.reveal())

    async def _read_back(self, found: Subscription, code: bytes) -> SubscriptionView:
        means = self._means
        reading = Reading(found.endpoints, right=False, left=0)

        async def read(stored: Subscription) -> Subscription:
            nonlocal reading
            reading = read_back(stored.endpoints, code, means.clock.now())
            read = confirmed(stored, replace(stored, endpoints=reading.endpoints), means.clock.now())
            return replace(read, problem=mended(read, means.policy.demands))

        stored = await means.update(found.id, read)
        if not reading.right:
            detail = f"The code is not the one that was sent. {what_next(reading, means.clock.now())}"
            raise ProblemError(Problem("code-wrong", detail))
        means.dispatcher.nudge()
        means.tell(stored, "verified")
        return await means.view(stored)

    async def _ask_anew(self, found: Subscription) -> SubscriptionView:
        means = self._means
        stored = await means.dispatcher.ask_codes(found)
        if stored.endpoints == found.endpoints:
            detail = "A code was sent within the last ten minutes, or as many as may be sent in a day."
            seconds = _seconds_until_next(found.endpoints, means.clock.now())
            raise ProblemError(Problem("too-many-requests", detail, retry_after_seconds=seconds))
        return await means.view(stored)


def _same(sent: Secret, given: bytes) -> bool:
    """A person may have typed digits in groups."""
    given = given[:CODE_CHARACTERS_MAX].strip()
    exact = hmac.compare_digest(sent.reveal(), given)
    grouped = hmac.compare_digest(sent.reveal(), re.sub(rb"[\s.-]+", b"", given))
    return exact or grouped


def _unproven(subscription: Subscription, demands: Demands) -> bool:
    return any(unproven(own, demands) is not None for _, own in subscription.endpoints)


def mended(subscription: Subscription, demands: Demands) -> StandingProblem | None:
    """A code that was read back has arrived, whatever its service said when it was sent."""
    problem = subscription.problem
    ours = problem is not None and problem.code in ("endpoint-unverified", "endpoint-refused", "endpoint-failing")
    return None if ours and not _unproven(subscription, demands) else problem


def what_next(reading: Reading, now: datetime) -> str:
    """After a wrong code. One that was tried too often still has to wait for its end before another is sent."""
    if reading.left:
        return f"{reading.left} more may be tried."
    if any((asked := asked_of(own)) is not None and asked.until > now for _, own in reading.endpoints):
        return f"No code stands: ask for a new one in {_seconds_until_next(reading.endpoints, now)} seconds."
    return "No code stands: ask for a new one."


def _seconds_until_next(endpoints: Endpoints, now: datetime) -> int:
    codes = [asked for _, own in endpoints if (asked := asked_of(own)) is not None and asked.until > now]
    seconds = [(asked.until - now).total_seconds() for asked in codes]
    return int(min(seconds, default=CODE_LIVES.total_seconds())) + 1
