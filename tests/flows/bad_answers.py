"""What a push service can do wrong, and what comes of it: the one table. The page of delivery shows it, a test walks it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

from idlebell.deliver.breaker import NEXT, Event, State
from idlebell.testing.push_service import ORDERLY, Manner, ScriptedAnswer


class Door(StrEnum):
    """How the push service is reached."""

    PLAIN = "plain"
    UNTRUSTED = "untrusted"
    OTHER_NAME = "other name"
    EXPIRED = "expired"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    FORBIDDEN = "forbidden"
    REBINDING = "rebinding"


OWN_PAUSE = (0.5, 1.0)
"""Seconds of the first; it doubles to an hour."""
NEVER = None
LATE = "The push service did not answer in time."
BROKEN = "The push service's answer broke off or is not HTTP."
UNREACHABLE = "The push service cannot be reached."
TLS = "The push service's certificate does not verify, or its TLS failed."
REDIRECTED = "The push service answered {}; redirects are not followed."
ANSWERED = "The push service answered {}."


@dataclass(frozen=True, slots=True)
class Bad:
    """``pause``: seconds, from and to, until the first is followed by the next try; :data:`NEVER`: it is not. ``tries``: which
    of them is meant."""

    does: str
    outcome: str
    says: str
    pause: tuple[float, float] | None = OWN_PAUSE
    answer: ScriptedAnswer = ORDERLY
    door: Door = Door.PLAIN
    tries: int = 1


def _tomorrow() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)


def _redirects(status: int, to: str) -> Bad:
    does = f"redirects: {status}, to {to}"
    answer = ScriptedAnswer(status=status, location=to)
    return Bad(does, "refused", REDIRECTED.format(status), NEVER, answer)


def _sends(does: str, sent: bytes, outcome: str, says: str, pause: tuple[float, float] | None = OWN_PAUSE) -> Bad:
    return Bad(does, outcome, says, pause, ScriptedAnswer(manner=Manner.VERBATIM, body=sent))


def _asks(does: str, retry_after: str, pause: tuple[float, float], status: int = 503) -> Bad:
    answer = ScriptedAnswer(status=status, retry_after=retry_after)
    return Bad(f"{status}, `Retry-After` {does}", "retry", ANSWERED.format(status), pause, answer)


BAD = (
    Bad("accepts the connection and never answers", "retry", LATE, answer=ScriptedAnswer(manner=Manner.NEVER)),
    Bad("answers after a minute", "retry", LATE, answer=ScriptedAnswer(delay_seconds=60)),
    Bad("sends its answer a byte at a time", "retry", LATE, answer=ScriptedAnswer(manner=Manner.DRIP)),
    Bad("sends 1xx for ever", "retry", BROKEN, answer=ScriptedAnswer(manner=Manner.INTERIM_FLOOD)),
    Bad("closes in the middle of its answer", "retry", BROKEN, answer=ScriptedAnswer(manner=Manner.CUT)),
    Bad("speaks another protocol", "retry", BROKEN, answer=ScriptedAnswer(manner=Manner.GARBAGE)),
    _sends(
        "says by `Content-Length` and by `Transfer-Encoding` how long its answer is",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "retry",
        BROKEN,
    ),
    _sends("switches to another protocol: 101", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "retry", BROKEN),
    _sends(
        "sends ten thousand header fields",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"Content-Length: 0\r\n\r\n",
        "retry",
        BROKEN,
    ),
    _sends(
        "410 and a body that breaks off",
        b"HTTP/1.1 410 Gone\r\nContent-Length: 9\r\n\r\n{",
        "gone",
        ANSWERED.format(410),
        NEVER,
    ),
    _sends(
        "200 and a chunk that is none",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "accepted",
        ANSWERED.format(200),
        NEVER,
    ),
    _sends(
        "200, its lines ended by LF alone",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "accepted",
        ANSWERED.format(200),
        NEVER,
    ),
    _sends(
        "200 and a field that goes on in the next line",
        b"HTTP/1.1 200 OK\r\nX-Trace: a\r\n b\r\nContent-Length: 0\r\n\r\n",
        "accepted",
        ANSWERED.format(200),
        NEVER,
    ),
    _sends(
        "answers twice: 200, then 410",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n",
        "accepted",
        ANSWERED.format(200),
        NEVER,
    ),
    Bad(
        "200 and a body without end",
        "accepted",
        ANSWERED.format(200),
        NEVER,
        ScriptedAnswer(manner=Manner.ENDLESS_BODY),
    ),
    Bad("200 and megabytes", "accepted", ANSWERED.format(200), NEVER, ScriptedAnswer(body=b"x" * 10_000_000)),
    Bad("500 and megabytes", "retry", ANSWERED.format(500), answer=ScriptedAnswer(status=500, body=b"x" * 10_000_000)),
    _redirects(301, "itself"),
    _redirects(302, "`http://169.254.169.254/`"),
    _redirects(307, "a place that would accept"),
    _redirects(308, "no URL at all"),
    Bad("999", "refused", ANSWERED.format(999), NEVER, ScriptedAnswer(status=999)),
    _asks("an hour in seconds", "3600", (3_600, 3_960), 429),
    _asks("tomorrow as a date", _tomorrow(), (3_600, 3_960)),
    _asks("a date of the year 9999", "Fri, 31 Dec 9999 23:59:59 GMT", (3_600, 3_960)),
    _asks("in the past", "Sun, 06 Nov 1994 08:49:37 GMT", (0.9, 1.2)),
    _asks("negative", "-5", OWN_PAUSE),
    _asks("a year", "31536000", (3_600, 3_960), 429),
    _asks("garbage", "-1e999, soon", OWN_PAUSE),
    _asks("thousands of digits", "9" * 8_000, OWN_PAUSE),
    Bad("a certificate of an authority that nobody knows", "retry", TLS, door=Door.UNTRUSTED),
    Bad("a certificate of another name", "retry", TLS, door=Door.OTHER_NAME),
    Bad("a certificate that has expired", "retry", TLS, door=Door.EXPIRED),
    Bad("its port is closed", "retry", UNREACHABLE, door=Door.CLOSED),
    Bad("its name is unknown", "retry", UNREACHABLE, door=Door.UNKNOWN),
    Bad("its address is in a network that may not be reached", "retry", UNREACHABLE, door=Door.FORBIDDEN),
    Bad(
        "its name means such an address from the second look on (DNS rebinding)",
        "retry",
        UNREACHABLE,
        (0.9, 2.1),
        door=Door.REBINDING,
        tries=2,
    ),
)


def spelled() -> str:
    """As the page shows it."""
    lines = [
        "| what it does | outcome | what the subscription's owner is told | tried again after |",
        "|---|---|---|---|",
    ]
    for one in BAD:
        if one.pause is NEVER:
            again = "–"
        elif one.pause[1] < 10:
            again = "a growing pause"
        else:
            again = "an hour" if one.pause[0] >= 3_600 else "what it asks for"
        lines.append(f"| {one.does} | {one.outcome} | {one.says} | {again} |")
    return "\n".join(lines)


def spelled_breaker() -> str:
    """The breaker's table, as the page draws it."""
    said = {
        Event.ANSWERED: "answered",
        Event.TROUBLED: "failed",
        Event.TRIPPED: "trouble with several in a row",
        Event.DUE: "its pause is over",
    }
    lines = ["stateDiagram-v2", f"    [*] --> {State.CLOSED}"]
    for before in State:
        for after in State:
            events = [said[event] for (state, event), next_ in NEXT.items() if (state, next_) == (before, after)]
            if events and before is not after:
                lines.append(f"    {before} --> {after}: {', '.join(events)}")
    return "\n".join(lines)
