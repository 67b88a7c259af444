"""A notification in words, for a person who reads it in another app: a title and a few lines. Pure, and bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, assert_never

from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Expiring,
    Heartbeat,
    NewMail,
    Notification,
    Reconnect,
    Reminder,
    Seen,
    Test,
    Verification,
)

TITLE_CHARACTERS: Final = 120
BODY_CHARACTERS: Final = 1_000
"""Less than every chat service takes."""
MESSAGES: Final = 8
"""Described in one notification; the newest."""


@dataclass(frozen=True, slots=True)
class Wording:
    title: str = field(repr=False)
    body: str = field(repr=False)


def worded(notification: Notification) -> Wording:
    """What is said is what the payload setting lets the endpoint know: with ``alert`` only that there is mail."""
    title, body = _worded(notification)
    return Wording(cut(title, TITLE_CHARACTERS), cut(body, BODY_CHARACTERS))


def line(notification: Notification) -> str:
    """All that is most worth knowing, in one line, the most telling first."""
    content = notification.content
    match content:
        case NewMail(count=1, messages=(message,)):
            return _described(message)
        case NewMail(messages=(*_, newest)):
            return f"{content.count} mails. {_described(newest)}"
        case Verification():
            return f"Idlebell code: {content.code}"
        case _:
            title, body = _worded(notification)
            return f"{title}: {body}" if body else title


def cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _worded(notification: Notification) -> tuple[str, str]:
    content = notification.content
    match content:
        case NewMail(count=1, messages=(message,)):
            said = message.text or message.preview or ""
            return message.sender or "New mail", "\n".join(one for one in (message.subject or "", said) if one)
        case NewMail():
            described = [_described(message) for message in reversed(content.messages[-MESSAGES:])]
            title = "New mail" if content.count == 1 else f"{content.count} new messages"
            return title, "\n".join(described) or _mailboxes(content)
        case Reminder():
            count = len(content.uids)
            return "Still unread" if count == 1 else f"{count} messages are still unread", f"in {content.mailbox}"
        case Seen():
            return "Read elsewhere", f"{len(content.uids)} in {content.mailbox}"
        case Reconnect():
            return "Mail is not watched", "Idlebell needs your mail password again. Open your mail app."
        case Expiring():
            return "Mail will not be watched", f"The registration ends {content.expires_at:%Y-%m-%d %H:%M} UTC."
        case Verification():
            return "Idlebell", f"Your code: {content.code}"
        case Heartbeat():
            return "Idlebell", "All is well: mail is being watched."
        case Test():
            return "Idlebell", "This is a test."
        case _:  # pragma: no cover
            assert_never(content)


def _described(message: MessageSummary) -> str:
    return f"{message.sender or '(no sender)'}: {message.subject or '(no subject)'}"


def _mailboxes(content: NewMail) -> str:
    if content.mailboxes:
        return ", ".join(f"{count} in {name}" for name, count in content.mailboxes)
    return f"in {content.mailbox}" if content.mailbox else ""
