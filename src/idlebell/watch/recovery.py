"""How long to wait before a lost session is opened again. Pure: the attempt's number and entropy in, seconds out."""

from __future__ import annotations

from idlebell.model.problem import Fault, Retry

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 900.0
LATER_FIRST_SECONDS = 900.0
"""Where a limit was met, or a server is broken: asking at once makes it worse."""
LATER_LONGEST_SECONDS = 3_600.0


def pause(fault: Fault, attempt: int, entropy: float) -> float:
    """Seconds before attempt number ``attempt`` (1: the first after the loss).

    Doubles from :data:`FIRST_SECONDS`, with full jitter in its upper half: a server that comes back is not met by all at once.
    What the server asked for (``retry_after_seconds``) is a lower bound. ``entropy`` is in [0, 1).
    """
    if fault.retry is Retry.SOON:
        first, longest = FIRST_SECONDS, LONGEST_SECONDS
    else:
        first, longest = LATER_FIRST_SECONDS, LATER_LONGEST_SECONDS
    ceiling = min(longest, first * 2.0 ** min(attempt - 1, 20))
    return max(ceiling * (0.5 + 0.5 * entropy), float(fault.retry_after_seconds or 0))
