"""How long to wait before a lost session is opened again. Pure: the attempt's number and entropy in, seconds out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idlebell.model.problem import Blame, Fault, Retry


@dataclass(frozen=True, slots=True)
class Backoff:
    """Between ``least_seconds`` and a ceiling that doubles from ``first_seconds`` with each attempt, to ``longest_seconds``."""

    least_seconds: float
    first_seconds: float
    longest_seconds: float


SOON: Final = Backoff(0.1, 1.0, 900.0)
"""A connection is lost, a server restarts, a name does not resolve: most are back within seconds."""
LIMITED: Final = Backoff(60.0, 120.0, 3_600.0)
"""The server said that it is too much, or that it cannot serve now: asking at once makes it worse."""
REFUSED: Final = Backoff(900.0, 1_800.0, 14_400.0)
"""Credentials: the next refusal may lock the account."""
BROKEN: Final = Backoff(900.0, 1_800.0, 3_600.0)
"""TLS that does not verify, what is no IMAP: somebody has to mend it first."""

DOUBTED: Final = Backoff(0.1, 60.0, 60.0)
"""Credentials that worked before, refused without a reason: the door says how much is left of its 15 minutes."""
ASKED_SPREAD: Final = 0.1
"""On top of what a server asked for: it says the same to all."""

_LIMITS: Final = frozenset({"too-many-connections", "throttled", "server-unavailable", "gateway-full"})


def backoff(fault: Fault) -> Backoff:
    if fault.code in _LIMITS:
        return LIMITED
    if fault.code == "login-unexplained":
        return DOUBTED
    if fault.blame is Blame.CREDENTIALS:
        return REFUSED
    return SOON if fault.retry is Retry.SOON else BROKEN


def pause(fault: Fault, attempt: int, entropy: float) -> float:
    """Seconds before attempt number ``attempt`` (1: the first after the loss); ``entropy`` is in [0, 1).

    Full jitter: any time up to the ceiling is as likely, so that those who were lost together do not come back together.
    What the server asked for (``retry_after_seconds``) is a lower bound.
    """
    kind = backoff(fault)
    ceiling = min(kind.longest_seconds, kind.first_seconds * 2.0 ** min(attempt - 1, 20))
    least = kind.least_seconds
    asked = float(fault.retry_after_seconds or 0)
    return max(least + (ceiling - least) * entropy, asked * (1.0 + ASKED_SPREAD * entropy))
