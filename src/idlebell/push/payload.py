"""The JSON body of a notification, as interface section 5 ("What arrives at an endpoint") lays it down.

The same notification gives the same bytes, so that a retry is a repeat: members in a fixed order, no white space, UTF-8
unescaped. Half a surrogate pair, which no UTF-8 can hold, becomes a question mark.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, assert_never

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
from idlebell.push.cutting import fitting

Members: TypeAlias = dict[str, Any]


def body(notification: Notification) -> bytes:
    """The whole body, however long."""
    return _encode(members_of(notification))


def fit(notification: Notification, limit_bytes: int, beside: Members | None = None) -> bytes:
    """The body in at most ``limit_bytes``. Only what is said of messages is given up: the newest are kept as long as they fit,
    the first that does not has its preview and then its subject cut, those before it are left out. Texts have at least a third
    of the room, and share what descriptions leave evenly: a short one is whole, and what it does not need goes to the others.
    A body that was cut says ``"truncated": true``, and so does a message that was.

    ``beside``: members that come to it. Messages make room for them; they go where the body without any message does not.
    Where even that body alone is longer, it is the answer: there is no less to say.
    """
    added = beside or {}
    content = notification.content
    whole = _encode(members_of(notification) | added)
    if len(whole) <= limit_bytes:
        return whole
    if not (isinstance(content, NewMail) and content.messages):
        return fit(notification, limit_bytes) if added else whole

    def with_messages(messages: tuple[MessageSummary, ...]) -> bytes:
        return _encode(members_of(replace(notification, content=replace(content, messages=messages)), cut=True) | added)

    room = limit_bytes - len(with_messages(()))
    if room < 0 and added:
        return fit(notification, limit_bytes)
    return with_messages(fitting(content.messages, room, encoded_bytes))


def encoded_bytes(message: MessageSummary) -> int:
    """As it stands in a body."""
    return len(_encode(_message(message)))


def instant(moment: datetime, timespec: str = "milliseconds") -> str:
    """RFC 3339 section 5.6, in UTC with ``Z``. ``moment`` must be aware."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def members_of(notification: Notification, *, cut: bool = False) -> Members:
    """As they stand in the body. ``cut``: messages, or some of what is said of them, are left out."""
    content = notification.content
    members: Members = {
        # It rings like the first one, also in an app that knows nothing of reminders.
        "type": NewMail.type if isinstance(content, Reminder) else content.type,
        "subscription": notification.subscription_id,
        "version": notification.version,
        "at": instant(notification.at),
    }
    match content:
        case NewMail():
            members["mailbox"] = content.mailbox
            members["uid_validity"] = content.uid_validity
            members["count"] = content.count
            members["unseen"] = content.unseen
            if content.mailboxes:
                members["mailboxes"] = dict(content.mailboxes)
            if content.vip:
                members["vip"] = True
            if content.messages or cut:
                members["messages"] = [_message(message) for message in content.messages]
        case Reminder():
            members["mailbox"] = content.mailbox
            members["uid_validity"] = content.uid_validity
            members["count"] = len(content.uids)
            members["unseen"] = None
            members["reminder"] = True
            members["uids"] = list(content.uids)
        case Seen():
            members["mailbox"] = content.mailbox
            members["uid_validity"] = content.uid_validity
            members["uids"] = list(content.uids)
            members["unseen"] = content.unseen
        case Reconnect():
            members["reason"] = content.reason.value
        case Expiring():
            members["expires_at"] = instant(content.expires_at)
        case Verification():
            members["code"] = content.code
        case Heartbeat() | Test():
            pass
        case _:  # pragma: no cover
            assert_never(content)
    if cut:
        members["truncated"] = True
    return members


def _message(message: MessageSummary) -> Members:
    members: Members = {
        **({} if message.mailbox is None else {"mailbox": message.mailbox}),
        "uid": message.uid,
        "message_id": message.message_id,
        "from": message.sender,
        "subject": message.subject,
        "size": message.size,
        "preview": message.preview,
        "received_at": None if message.received_at is None else instant(message.received_at, "seconds"),
        "truncated": message.truncated,
    }
    if message.text is not None:
        members["text"] = message.text
    if message.textless is not None:
        members["no_text"] = message.textless.value
    return members


def _encode(members: Members) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
