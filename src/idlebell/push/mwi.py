"""The lamp of a desk phone: how many messages are unread, as a message summary (RFC 3842) in a NOTIFY that nobody has
subscribed to (RFC 3265 called it unsolicited; phones take it from their exchange).

It is said as voice mail, for that is the only kind of message that phones have a lamp for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from idlebell.model.endpoint import MwiEndpoint
from idlebell.model.notification import NewMail, Notification, Seen, Test
from idlebell.push.answers import retry_after, silence
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import NoResponse, SipRequest, SipResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry
from idlebell.push.sip.uri import parse

BODY_LIMITS: tuple[int, ...] = (0,)
COUNT_MAX: Final = 9_999
"""A phone shows no more digits."""
_SENDINGS: Final = 2
"""Of one attempt: the second answers a challenge."""

_REASONS: Final = {
    401: "the URL has no password, or not the right one",
    403: "it does not take this from us",
    404: "it does not know the user",
    405: "it takes no NOTIFY",
    407: "the URL has no password, or not the right one",
    481: "it takes no NOTIFY that it has not subscribed to; see its settings for message waiting",
    489: "it does not know message-summary",
}


def build(notification: Notification, endpoint: MwiEndpoint, attempt: Attempt) -> SipRequest:
    uri = parse(endpoint.url.reveal())
    unread = min(waiting(notification), COUNT_MAX)
    lines = (
        f"Messages-Waiting: {'yes' if unread else 'no'}",
        f"Message-Account: {uri.address}",
        f"Voice-Message: {unread}/0 (0/0)",
    )
    return SipRequest(
        "NOTIFY",
        uri,
        call_id=f"{notification.id}@idlebell",
        from_tag=f"{notification.version:x}",
        cseq=notification.attempts * _SENDINGS + 1,
        headers=(
            ("Event", "message-summary"),
            # RFC 6665 section 8.2.1 wants one; there is no subscription that could go on.
            ("Subscription-State", "terminated"),
            ("Content-Type", "application/simple-message-summary"),
        ),
        body="".join(f"{line}\r\n" for line in lines).encode("ascii"),
    )


def waiting(notification: Notification) -> int:
    """Unread messages, as far as is known: of new mail there is some, of what was read elsewhere perhaps nothing is left."""
    content = notification.content
    match content:
        case NewMail():
            return content.count if content.unseen is None else max(content.unseen, 0)
        case Seen():
            return max(content.unseen or 0, 0)
        case Test():
            return 1
        case _:
            return 0


def read(answer: SipResponse | NoResponse, now: datetime) -> Outcome:
    """RFC 3261 section 21. A 404 may be an exchange that has just started: the phone registers again."""
    if isinstance(answer, NoResponse):
        return silence(answer)
    status = answer.status
    if 200 <= status <= 299:
        return Accepted(status)
    if status in (410, 604):
        return Gone(status)
    if status in (404, 408, 429, 480, 486, 491) or (500 <= status <= 599 and status != 501):
        after = retry_after(
            answer.headers.get("retry-after", ("",))[0].partition(";")[0].partition("(")[0].strip(), now
        )
        return Retry(f"The phone answered {status}.", status=status, after_seconds=after)
    if 300 <= status <= 399:
        return Refused(f"The phone answered {status}; redirects are not followed.", status)
    reason = _REASONS.get(status)
    return Refused(f"The phone answered {status}" + (f": {reason}." if reason else "."), status)
