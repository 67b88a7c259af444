"""What becomes of a notification after an attempt. Pure: time and jitter are arguments."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import assert_never

from idlebell.model.notification import Notification
from idlebell.model.subscription import StandingProblem
from idlebell.push.attempt import Entropy
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.push.services import DOUBTFUL
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Settlement, Unverified

PAUSE_SECONDS_FIRST = 1.0
PAUSE_SECONDS_MAX = 3_600.0
"""The pause doubles from the first to the last. With ``retry_for_seconds`` of a day that is about 40 attempts."""
JITTER = 0.5
"""Up to this share of the pause is taken off, so that what failed together does not come back together."""
SPREAD = 0.1
"""Up to this share is put on what a service asks for: never earlier than it said."""
FAILING_AFTER = 6
"""So many attempts in vain are told as the subscription's problem: from the first to the sixth it is 15 to 31 seconds, more
than a restart of a service takes, and much less than anybody waits before asking."""
REFUSALS_MAX = 10
"""Some push services refuse the key for ever for an endpoint that is gone. After so many in a row, while the same key is
accepted for other endpoints of the service, it is gone."""

_WORDS: dict[type[Outcome], str] = {
    Accepted: "accepted",
    Retry: "retry",
    Gone: "gone",
    TooLarge: "too-large",
    Refused: "refused",
}


def word(outcome: Outcome) -> str:
    """``accepted``, ``retry``, ``gone``, ``too-large`` or ``refused``."""
    return _WORDS[type(outcome)]


def sentence(outcome: Outcome) -> str:
    """To whoever owns the endpoint."""
    if isinstance(outcome, Retry | Refused):
        return outcome.detail
    # A command and a terminal have no status of HTTP's.
    return f"The push service answered {outcome.status}." if outcome.status else "Done."


def pause_seconds(attempts: int, entropy: Entropy, asked_seconds: float | None = None) -> float:
    """Before the next attempt, when ``attempts`` were made before the one that failed. Never less than the service asked
    for; more, once it has failed often: a service that always says "in a second" is not asked every second for a day."""
    share = int.from_bytes(entropy(4), "big") / 2**32
    growing = min(PAUSE_SECONDS_FIRST * 2.0 ** min(attempts, 30), PAUSE_SECONDS_MAX) * (1 - JITTER * share)
    if asked_seconds is None:
        return growing
    return max(asked_seconds * (1 + SPREAD * share), growing)


def decide(
    outcome: Outcome,
    notification: Notification,
    now: datetime,
    entropy: Entropy,
    *,
    refusals: int = 0,
    key_works: bool = False,
) -> Settlement:
    """How the store is to settle it. ``refusals``: how often in a row, this time included, the endpoint refused our key (401,
    403); ``key_works``: the service takes it for other endpoints."""
    match outcome:
        case Accepted(status=status):
            return Settled(now, status)
        case Gone(status=status):
            return _gone(now, status)
        case Retry(status=status, after_seconds=asked):
            due_at = now + timedelta(seconds=pause_seconds(notification.attempts, entropy, asked))
            if due_at < notification.expires_at:
                told = notification.attempts + 1 >= FAILING_AFTER
                return Postponed(now, due_at, status, _problem("endpoint-failing", outcome, now) if told else None)
            return Dropped(now, "expired", status, _problem("endpoint-failing", outcome, now))
        case Refused(status=status) if (
            status is not None and status in DOUBTFUL and refusals >= REFUSALS_MAX and key_works
        ):
            return _gone(now, status)
        case Refused(status=status) | TooLarge(status=status):
            return Dropped(now, "refused", status, _problem("endpoint-refused", outcome, now))
        case _:  # pragma: no cover
            assert_never(outcome)


def decide_test(outcome: Outcome, now: datetime) -> Settlement:
    """As :func:`decide` for what is sent once and not tried again."""
    match outcome:
        case Accepted(status=status):
            return Settled(now, status)
        case Gone(status=status):
            return _gone(now, status)
        case Retry(status=status):
            return Dropped(now, "expired", status)
        case Refused(status=status) | TooLarge(status=status):
            return Dropped(now, "refused", status)
        case _:  # pragma: no cover
            assert_never(outcome)


def wait_unverified(notification: Notification, now: datetime, due_at: datetime) -> Settlement:
    """The endpoint has not shown yet that it is wanted; ``due_at`` it may be asked anew."""
    if due_at < notification.expires_at:
        return Unverified(now, due_at)
    detail = "The endpoint has not answered its verification."
    return Dropped(now, "expired", None, StandingProblem("endpoint-unverified", detail, now))


def refusal_problem(outcome: Outcome, now: datetime) -> StandingProblem:
    """Of what is sent but no notification of the outbox."""
    match outcome:
        case Gone(status=status):
            return _gone(now, status).problem
        case Retry():
            return _problem("endpoint-failing", outcome, now)
        case _:
            return _problem("endpoint-refused", outcome, now)


def _gone(now: datetime, status: int) -> EndpointGone:
    detail = f"The push service answered {status}: the endpoint is gone."
    return EndpointGone(now, status, StandingProblem("endpoint-gone", detail, now))


def _problem(code: str, outcome: Outcome, now: datetime) -> StandingProblem:
    return StandingProblem(code, sentence(outcome), now)
