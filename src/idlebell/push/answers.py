"""What answers mean to every kind alike: no answer, redirects, requests to wait."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from idlebell.push.exchange import AnyAnswer, AppriseAnswered, HttpResponse, NoResponse
from idlebell.push.outcome import Refused, Retry
from idlebell.push.services import ANY

RETRY_AFTER_SECONDS_MIN = 1.0
RETRY_AFTER_SECONDS_MAX = 3_600.0
"""A service may slow us down, not switch us off: "Retry-After: 1000000000" means an hour."""
_HEADER_CHARACTERS = 64
"""The longest HTTP-date has 33."""

_TRANSIENT = frozenset({408, 425, 429})
UNREACHABLE = "unreachable"
"""One word for refused, unknown and not allowed: whoever registers endpoints shall not learn our network from it."""
SILENCES = {
    "timeout": "The push service did not answer in time.",
    "tls": "The push service's certificate does not verify, or its TLS failed.",
    "broken": "The push service's answer broke off or is not HTTP.",
    UNREACHABLE: "The push service cannot be reached.",
}
"""What the owner of an endpoint is told of why there was no answer, by what is kept of it."""


def silence_of(answer: AnyAnswer) -> str | None:
    """Why there was none, as a word of :data:`SILENCES`; None: there was one, or nobody knows."""
    match answer:
        case NoResponse(reason=reason) | AppriseAnswered(silence=str(reason)):
            return reason if reason in SILENCES else UNREACHABLE
        case _:
            return None


def silence(answer: NoResponse | AppriseAnswered) -> Retry:
    """No usable answer; the operator's log has ``answer.detail``, the user is told this."""
    return Retry(SILENCES[silence_of(answer) or UNREACHABLE])


def transient(response: HttpResponse, now: datetime) -> Retry | None:
    """408, 425, 429 and 5xx: the same request may be taken later. None: it is something else."""
    if response.status not in _TRANSIENT and not 500 <= response.status <= 599:
        return None
    return try_later(response, now, slow_down=response.status in ANY.throttled)


def try_later(response: HttpResponse, now: datetime, *, slow_down: bool = False) -> Retry:
    return Retry(
        f"The push service answered {response.status}.",
        status=response.status,
        after_seconds=retry_after(response.headers.get("retry-after"), now),
        slow_down=slow_down,
    )


def refused(response: HttpResponse, reason: str = "") -> Refused:
    if 300 <= response.status <= 399:
        # Whoever may redirect us chooses where we connect to: RFC 8030 asks for no redirect, and we follow none.
        return Refused(f"The push service answered {response.status}; redirects are not followed.", response.status)
    return Refused(
        f"The push service answered {response.status}" + (f": {reason}." if reason else "."), response.status
    )


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait (RFC 9110 section 10.2.3: seconds or an HTTP-date), clamped to 1 .. 3600; None where there is no such
    header or it is neither."""
    if value is None or len(value := value.strip()) > _HEADER_CHARACTERS or not value.isascii():
        return None
    if value.isdigit():
        return _clamp(float(value))
    try:
        moment = parsedate_to_datetime(value)
        # asctime has no zone, and "-0000" parses as naive: all HTTP-dates are UTC (RFC 9110 section 5.6.7).
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return _clamp((moment - now).total_seconds())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _clamp(seconds: float) -> float:
    return min(max(seconds, RETRY_AFTER_SECONDS_MIN), RETRY_AFTER_SECONDS_MAX)
