"""Logins whose challenge an app answers by a request of its own (``scram-relay``)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from idlebell.gateway.callers import Caller
from idlebell.gateway.login_shapes import ChallengeView, LoginAnswerRequest, LoginChallenge
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import Accepted, Attempt
from idlebell.gateway.shapes import Registration
from idlebell.gateway.wish import check_wait
from idlebell.login.relay import ANSWER_SECONDS, MESSAGE_CHARACTERS, Relay, final_fault
from idlebell.model.account import Credentials, RelayedCredentials
from idlebell.model.ids import TOKEN_ENTROPY_BYTES, login_token, token_hash
from idlebell.model.problem import Fault, Problem, ProblemError

if TYPE_CHECKING:
    from idlebell.gateway.means import Means

PENDING: Final = 32
"""Logins that wait for an app, at once: half of those that may be under way at first."""
PENDING_OF_SOURCE: Final = 4

Outcome: TypeAlias = Accepted | Fault | ProblemError
Finish: TypeAlias = Callable[[Outcome | None, float, float], Awaitable[Registration]]
"""From what came of it (None: still open), when the second request began and how long it waits, to its answer."""


@dataclass(frozen=True, slots=True)
class _Pending:
    attempt: Attempt
    relay: Relay
    finish: Finish


class Relaying:
    def __init__(self, means: Means) -> None:
        self._means = means
        self._pending: dict[bytes, _Pending] = {}
        self._sources: Counter[str] = Counter()

    def admit(self, caller: Caller) -> None:
        """ProblemError: as many wait as may."""
        mine = self._sources[caller.source] >= PENDING_OF_SOURCE
        if mine or self._sources.total() >= PENDING:
            detail = "Too many logins wait for the answer of an app; try again in a minute."
            raise ProblemError(Problem("too-many-requests" if mine else "overloaded", detail, retry_after_seconds=60))

    async def outcome(
        self,
        attempt: Attempt,
        credentials: Credentials,
        caller: Caller,
        began: float,
        wait_seconds: float,
        finish: Finish,
    ) -> Registration | LoginChallenge:
        """What a request is answered that has begun ``attempt``: what came of it in time, or the challenge that the app is to
        answer."""
        means = self._means
        left = wait_seconds - (means.clock.monotonic() - began)
        if isinstance(credentials, RelayedCredentials):
            assert isinstance(credentials.exchange, Relay)
            return await self._challenge(attempt, credentials.exchange, caller, left, finish)
        outcome = await attempt.wait(left)
        if outcome is None:
            means.registrar.promise(attempt)
        return await finish(outcome, began, wait_seconds)

    async def _challenge(
        self, attempt: Attempt, relay: Relay, caller: Caller, wait_seconds: float, finish: Finish
    ) -> LoginChallenge:
        """The server's first message. ProblemError: it was not to be had, and nothing is kept."""
        means = self._means
        began = means.clock.monotonic()
        try:
            self.admit(caller)  # again: others may have come meanwhile
        except ProblemError:
            relay.give_up()
            raise
        self._sources[caller.source] += 1
        attempt.task.add_done_callback(lambda _: self._forget_source(caller.source))
        both: set[asyncio.Future[Any]] = {attempt.task, relay.challenged}
        await asyncio.wait(both, timeout=max(0.0, wait_seconds), return_when=asyncio.FIRST_COMPLETED)
        if not relay.challenged.done():
            relay.give_up()
            outcome = attempt.task.result() if attempt.task.done() and not attempt.task.cancelled() else None
            if isinstance(outcome, ProblemError):
                raise outcome
            missing = Fault("unreachable", "The mail server cannot be reached.")
            await means.refuse(outcome if isinstance(outcome, Fault) else missing, began, wait_seconds)
        token = login_token(means.entropy(TOKEN_ENTROPY_BYTES))
        key = token_hash(token)
        self._pending[key] = _Pending(attempt, relay, finish)
        attempt.task.add_done_callback(lambda _: self._pending.pop(key, None))
        expires_at = means.clock.now() + timedelta(seconds=ANSWER_SECONDS)
        shown = ChallengeView(token=token, server_first=relay.challenged.result(), expires_at=expires_at)
        return LoginChallenge(login=shown)

    async def answer(self, request: LoginAnswerRequest, caller: Caller) -> tuple[Registration, str]:
        """What the request that began it would have been answered, and the server's last message."""
        caller.needs_secrecy()
        means = self._means
        text = request.login.text()
        pending = self._pending.get(token_hash(text)) if text.isascii() else None
        if pending is None:
            raise ProblemError(Problem("not-found", "No login waits for this answer; it may have waited too long."))
        faults = Faults()
        fault = final_fault(request.client_final[: MESSAGE_CHARACTERS + 1], pending.relay.nonce)
        if fault is not None:
            faults.add("/client_final", fault)
        check_wait(faults, request.wait_seconds)
        faults.raise_any()
        began = means.clock.monotonic()
        if not pending.relay.answer_with(request.client_final):
            raise ProblemError(Problem("not-found", "No login waits for this answer; it may have waited too long."))
        outcome = await pending.attempt.wait(request.wait_seconds)
        if outcome is None:
            means.registrar.promise(pending.attempt)
        found = await pending.finish(outcome, began, request.wait_seconds)
        return found, pending.relay.server_final

    def _forget_source(self, source: str) -> None:
        self._sources[source] -= 1
        if not self._sources[source]:
            del self._sources[source]
