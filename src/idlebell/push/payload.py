"""The JSON body of a notification, as interface section 5 ("What arrives at an endpoint") lays it down.

The same notification gives the same bytes, so that a retry is a repeat: members in a fixed order, no white space, UTF-8
unescaped. Half a surrogate pair, which no UTF-8 can hold, becomes a question mark.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, assert_never

from idlebell.model.message import MessageSummary
from idlebell.model.notification import Expiring, Heartbeat, NewMail, Notification, Reconnect, Test, Verification

Members: TypeAlias = dict[str, Any]


def body(notification: Notification) -> bytes:
    """The whole body, however long."""
    return _encode(_members(notification))


def fit(notification: Notification, limit_bytes: int) -> bytes:
    """The body in at most ``limit_bytes``. Only descriptions of messages are given up: the newest are kept as long as they
    fit, the first that does not has its preview and then its subject cut, those before it are left out. A body that was cut
    says ``"truncated": true``, and so does a message that was.

    Where even the body without any message is longer, that body is the answer: there is no less to say.
    """
    whole = body(notification)
    content = notification.content
    if len(whole) <= limit_bytes or not (isinstance(content, NewMail) and content.messages):
        return whole

    def with_messages(messages: tuple[MessageSummary, ...]) -> Notification:
        return replace(notification, content=replace(content, messages=messages))

    # Each message is encoded once: a body is as long as its frame, its messages and the commas between them.
    room = limit_bytes - len(_encode(_members(with_messages(()), cut=True)))
    older, kept = list(content.messages), list[MessageSummary]()
    # It ends before they do, for the whole did not fit.
    while (size := len(_encode(_message(older[-1])))) <= room:
        kept.append(older.pop())
        room -= size + 1
    shortened = _shorten(older[-1], lambda message: len(_encode(_message(message))) <= room)
    if shortened is not None:
        kept.append(shortened)
    return _encode(_members(with_messages(tuple(reversed(kept))), cut=True))


def instant(moment: datetime, timespec: str = "milliseconds") -> str:
    """RFC 3339 section 5.6, in UTC with ``Z``. ``moment`` must be aware."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def _members(notification: Notification, *, cut: bool = False) -> Members:
    content = notification.content
    members: Members = {
        "type": content.type,
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
    return {
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


def _shorten(message: MessageSummary, fits: Callable[[MessageSummary], bool]) -> MessageSummary | None:
    """The message with as much of its preview as fits, or else as much of its subject; None where neither helps."""
    preview, subject = message.preview or "", message.subject or ""
    bare = replace(message, preview=None, truncated=True)
    if fits(bare):
        length = _longest(len(preview), lambda count: fits(replace(bare, preview=preview[:count])))
        return replace(bare, preview=preview[:length] or None)
    length = _longest(len(subject), lambda count: fits(replace(bare, subject=subject[:count])))
    return replace(bare, subject=subject[:length]) if length else None


def _longest(most: int, fits: Callable[[int], bool]) -> int:
    """The greatest number up to ``most`` for which ``fits`` holds, taking it to hold for 0 and for all below one for which
    it does."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _encode(members: Members) -> bytes:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
