"""A line for each message: what ``idlebell watch`` prints."""

from __future__ import annotations

from datetime import datetime

from idlebell.model.endpoint import TerminalEndpoint
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification, Reconnect
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Lines, LinesWritten, NoResponse
from idlebell.push.outcome import Accepted, Outcome, Refused

BODY_LIMITS = (0,)


def build(notification: Notification, endpoint: TerminalEndpoint, attempt: Attempt) -> Lines:
    """Descriptions hold no control characters (:mod:`idlebell.rules.describe`), so a line stays a line."""
    content = notification.content
    at = notification.at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    match content:
        case NewMail(messages=()):
            return Lines((f"{at}  {_names(content)}  {content.count} new",))
        case NewMail():
            lines = [f"{at}  {one.mailbox or _names(content)}  {_described(one)}" for one in content.messages]
            more = content.count - len(lines)
            return Lines(
                (*((f"{at}  {_names(content)}  {more} more, and of them the newest:",) if more else ()), *lines)
            )
        case Reconnect():
            return Lines((f"{at}  the session is lost: {content.reason.value}",))
        case _:
            return Lines((f"{at}  {content.type}",))


def read(answer: LinesWritten | NoResponse, now: datetime) -> Outcome:
    return Accepted(0) if isinstance(answer, LinesWritten) else Refused(answer.reason)


def _names(content: NewMail) -> str:
    return content.mailbox or ", ".join(name for name, _ in content.mailboxes)


def _described(message: MessageSummary) -> str:
    return f"{message.sender or '(no sender)'}: {message.subject or '(no subject)'}"
