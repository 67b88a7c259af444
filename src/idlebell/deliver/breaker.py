"""A circuit breaker for each push service: one that is down is asked by one push at a time, and less and less often. Pure:
times are monotonic seconds.

In: what answers say of the service as a whole (:class:`Reply`), and time. Out: a state, from :data:`NEXT`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from idlebell.push.exchange import AnyAnswer, NoResponse
from idlebell.push.outcome import Outcome, Retry


class State(StrEnum):
    CLOSED = "closed"
    """Pushes go out."""
    OPEN = "open"
    """None does, until its pause is over."""
    HALF_OPEN = "half_open"
    """One at a time, to see."""


class Reply(StrEnum):
    """What one attempt says of the service as a whole."""

    ANSWERED = "answered"
    """It does its work, though it may have refused this one."""
    BUSY = "busy"
    """It asks for patience: 429, 503."""
    FAILED = "failed"
    """Another 5xx."""
    SILENT = "silent"
    """No usable answer at all."""


class Event(StrEnum):
    ANSWERED = "answered"
    TROUBLED = "troubled"
    TRIPPED = "tripped"
    """Trouble with so many endpoints in a row that it is the service's."""
    DUE = "due"
    """The pause is over."""


NEXT: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (State.CLOSED, Event.ANSWERED): State.CLOSED,
        (State.CLOSED, Event.TROUBLED): State.CLOSED,
        (State.CLOSED, Event.TRIPPED): State.OPEN,
        (State.OPEN, Event.ANSWERED): State.HALF_OPEN,  # it was begun before: it lives, how well is to be seen
        (State.OPEN, Event.TROUBLED): State.OPEN,
        (State.OPEN, Event.TRIPPED): State.OPEN,
        (State.OPEN, Event.DUE): State.HALF_OPEN,
        (State.HALF_OPEN, Event.ANSWERED): State.CLOSED,
        (State.HALF_OPEN, Event.TROUBLED): State.OPEN,
        (State.HALF_OPEN, Event.TRIPPED): State.OPEN,
    }
)

TRIPS_AT: Final[Mapping[Reply, int]] = MappingProxyType({Reply.BUSY: 2, Reply.SILENT: 4, Reply.FAILED: 8})
"""Endpoints in a row, none answered in between, that trip it: each reply by itself, and any of them at the most. Whoever has
one or two endpoints at a service stops nobody else's: what answers 429 for its own sake is only waited for itself. A service
that fails half of the time goes on being asked (1 run of 8 in 256)."""
RUN_MAX: Final = max(TRIPS_AT.values())
PAUSE_SECONDS_FIRST: Final = 1.0
PAUSE_SECONDS_MAX: Final = 60.0
"""The pause doubles from the first to the last. A whole service is left alone for a minute at most, whatever an answer asks:
the notification that was answered waits longer, but not all others with it; and what comes back is found within a minute."""
JITTER: Final = 0.5
"""Up to this share of the pause is taken off: gateways that lost a service together do not come back together."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """``run``: endpoints that had trouble since the last that was answered, each with its last reply. ``since``: when the state
    was entered; what was begun before says nothing new against the service. ``until``: end of the pause. ``opened``: times in
    a row."""

    state: State = State.CLOSED
    run: Mapping[int, Reply] = field(default_factory=dict)
    since: float = 0.0
    until: float = 0.0
    opened: int = 0

    def at(self, now: float) -> Breaker:
        """As it stands then."""
        if self.state is State.OPEN and now >= self.until:
            return replace(self, state=NEXT[self.state, Event.DUE])
        return self

    def heard(
        self,
        reply: Reply,
        endpoint: int,
        begun_at: float,
        now: float,
        *,
        asked_seconds: float = 0.0,
        share: float = 0.0,
    ) -> Breaker:
        """After one attempt. ``endpoint`` tells endpoints apart, ``share`` (0 to 1) is the jitter's."""
        before = self.at(now)
        if reply is Reply.ANSWERED:
            state = NEXT[before.state, Event.ANSWERED]
            since = before.since if state is before.state else now
            return Breaker(state, since=since, until=now, opened=before.opened if state is State.HALF_OPEN else 0)
        if begun_at < before.since:
            return before
        run = {**before.run, endpoint: reply} if len(before.run) < RUN_MAX else before.run
        state = NEXT[before.state, Event.TRIPPED if _trips(run) else Event.TROUBLED]
        if state is before.state:
            return replace(before, run=run)
        growing = min(PAUSE_SECONDS_FIRST * 2.0 ** min(before.opened, 30), PAUSE_SECONDS_MAX) * (1 - JITTER * share)
        pause = max(growing, min(asked_seconds, PAUSE_SECONDS_MAX))
        return Breaker(State.OPEN, run, since=now, until=now + pause, opened=before.opened + 1)


def reply_of(answer: AnyAnswer, outcome: Outcome) -> Reply:
    if isinstance(answer, NoResponse):
        return Reply.SILENT
    if not isinstance(outcome, Retry):
        return Reply.ANSWERED
    if outcome.slow_down:
        return Reply.BUSY
    return Reply.FAILED if outcome.status is not None and outcome.status >= 500 else Reply.ANSWERED


def _trips(run: Mapping[int, Reply]) -> bool:
    return len(run) >= RUN_MAX or any(many >= TRIPS_AT[reply] for reply, many in Counter(run.values()).items())
