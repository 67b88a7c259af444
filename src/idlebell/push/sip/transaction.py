"""A client transaction that is no INVITE (RFC 3261 section 17.1.2), as a value: when to send again, when to give up.

Times are seconds of one monotonic clock. Over a stream nothing is sent twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from idlebell.push.exchange import SipResponse

T1: Final = 0.5
"""The estimate of a round trip."""
T2: Final = 4.0
"""The longest pause between two sendings."""
TIMEOUT_SECONDS: Final = 64 * T1
"""Timer F."""
STRAYS_MAX: Final = 32
"""Answers that are none of ours, before we stop listening: a flood costs no more than this."""


class Step(StrEnum):
    SEND = "send"
    """Once more."""
    WAIT = "wait"
    GIVE_UP = "give up"
    ANSWERED = "answered"


@dataclass(frozen=True, slots=True)
class Transaction:
    """``key``: the branch that answers name. ``send_at`` None: a stream, nothing is sent again."""

    key: str
    method: str
    ends_at: float
    send_at: float | None
    pause: float = T1
    strays: int = 0
    answer: SipResponse | None = None

    @classmethod
    def begun(cls, key: str, method: str, now: float, timeout_seconds: float, *, stream: bool) -> Transaction:
        """The request has been sent for the first time."""
        ends_at = now + min(timeout_seconds, TIMEOUT_SECONDS)
        return cls(key, method, ends_at, None if stream else now + T1)

    @property
    def next_at(self) -> float:
        return self.ends_at if self.send_at is None else min(self.ends_at, self.send_at)

    def received(self, response: SipResponse | None) -> Transaction:
        """None: garbage."""
        if response is None or (response.branch, response.method) != (self.key, self.method):
            return replace(self, strays=self.strays + 1)
        if response.status >= 200:
            return replace(self, answer=response)
        # Proceeding: timer E goes on with T2.
        return replace(self, pause=T2, strays=self.strays + 1)

    def step(self, now: float) -> tuple[Step, Transaction]:
        """What is to be done, and the transaction after it."""
        if self.answer is not None:
            return Step.ANSWERED, self
        if now >= self.ends_at or self.strays > STRAYS_MAX:
            return Step.GIVE_UP, self
        if self.send_at is None or now < self.send_at:
            return Step.WAIT, self
        pause = min(self.pause * 2, T2)
        return Step.SEND, replace(self, pause=pause, send_at=now + pause)
